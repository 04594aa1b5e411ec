"""A token signed with what anybody can guess: a secret that stands in examples, or a name that everybody knows."""

from __future__ import annotations

from typing import Final

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import hs256
from idchaos.load.canaries.mints import WRITTEN

GUESSES: Final = {
    "empty": b"",
    "secret": b"secret",
    "password": b"password",
    "changeme": b"changeme",
    "key": b"key",
    "example": b"your-256-bit-secret",
}
"""Secrets that examples and defaults have."""
NAMES: Final = ("iss", "client_id", "kid")
"""What a token says itself, and a careless installation takes for a secret."""


class HmacGuessable(TokenKind):
    name = "hmac_guessable"
    invariant = "algorithm_confusion_refused"
    made = (
        "The claims of a good token under HS256, keyed by a secret that examples and defaults have (`secret`, "
        "`changeme`, nothing at all ...), or by the issuer's, the client's or the key's name."
    )
    bad = "From birth: the issuer signs by no HMAC."
    why = "A plugin's default, or a test's setting that was left behind: whoever reads the manual can be anyone."
    source = "RFC 8725 sections 2.1 and 3.5, CVE-2022-29266, CWE-1392"
    needs = ("jwts",)
    ways = (*GUESSES, *NAMES)

    def forge(self, good: Good, number: int) -> str:
        way = self.ways[number % len(self.ways)]
        parts = good.parts(alg="HS256")
        told = parts.claims | {"kid": parts.header.get("kid", "")}
        said = next((str(told[name]) for name in (way, *WRITTEN.get(way, ())) if name in told), "")
        return hs256(parts, GUESSES.get(way, said.encode()))
