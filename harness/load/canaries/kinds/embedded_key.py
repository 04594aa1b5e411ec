"""A token that brings the key along by which it wants to be verified."""

from __future__ import annotations

from typing import Any, Final

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.nobody import ELSE, alg_of
from idchaos.load.idp.tokens import peek

WAYS: Final = ("jwk", "x5c", "jwk_other_alg", "x5c_other_alg")


class EmbeddedKey(TokenKind):
    name = "embedded_key"
    invariant = "embedded_keys_ignored"
    made = "A token signed by a key of nobody's, which is in its header: as `jwk`, or as a certificate in `x5c`."
    bad = "From birth: nobody vouches for that key."
    why = "Anyone can be anyone: the token says which key makes it a good one."
    source = "RFC 7515 sections 4.1.3 and 4.1.6, RFC 8725 section 3.10, CVE-2018-0114"
    needs = ("jwts",)
    ways = WAYS

    def forge(self, good: Good, number: int) -> str:
        way = WAYS[number % len(WAYS)]
        alg = ELSE if way.endswith("_other_alg") else alg_of(peek(good.token)[0])
        key: dict[str, Any] = (
            {"jwk": good.nobody.jwk(alg)} if way.startswith("jwk") else {"x5c": [good.nobody.certificate(alg)]}
        )
        return good.nobody.sign(good.parts(alg=alg, **key))
