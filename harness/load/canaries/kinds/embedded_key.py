"""A token that brings the key along by which it wants to be verified."""

from __future__ import annotations

from typing import Any, Final

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import certificate, es256, public_jwk

WAYS: Final = ("jwk", "x5c")


class EmbeddedKey(TokenKind):
    name = "embedded_key"
    invariant = "embedded_keys_ignored"
    made = "A token signed by a key of nobody's, which is in its header: as `jwk`, or as a certificate in `x5c`."
    bad = "From birth: nobody vouches for that key."
    why = "Anyone can be anyone: the token says which key makes it a good one."
    source = "RFC 7515 sections 4.1.3 and 4.1.6, RFC 8725 section 3.10, CVE-2018-0114"
    ways = WAYS

    def forge(self, good: Good, number: int) -> str:
        key: dict[str, Any] = (
            {"jwk": public_jwk(good.own_key)} if number % 2 == 0 else {"x5c": [certificate(good.own_key)]}
        )
        return es256(good.parts(alg="ES256", **key), good.own_key)
