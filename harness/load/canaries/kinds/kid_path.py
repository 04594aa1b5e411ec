"""A token whose key name is a path to an empty file."""

from __future__ import annotations

from typing import Final

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import hs256

KID_PATHS: Final = ("../" * 12 + "dev/null", "/dev/null")
"""An empty file, from wherever a validator keeps its keys."""


class KidPath(TokenKind):
    name = "kid_path"
    invariant = "kid_is_no_path"
    made = "The claims of a good token under HS256 with the empty secret, and a `kid` that leads to an empty file."
    bad = "From birth: `kid` is no key's name."
    why = "Anyone can be anyone, and read which files there are: `kid` is input, used as a path."
    source = "RFC 8725 section 3.10"
    needs = ("jwts",)

    def forge(self, good: Good, number: int) -> str:
        return hs256(good.parts(alg="HS256", kid=KID_PATHS[number % len(KID_PATHS)]), b"")
