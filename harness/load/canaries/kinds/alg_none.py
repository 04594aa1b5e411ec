"""A token that says it needs no signature."""

from __future__ import annotations

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import unsigned


class AlgNone(TokenKind):
    name = "alg_none"
    invariant = "unsigned_tokens_refused"
    made = "The claims of a good token with `alg: none` and no signature."
    bad = "From birth: nobody signed it."
    why = "Anyone can be anyone: no key is needed."
    source = "RFC 8725 section 3.2, CVE-2022-23540"

    def forge(self, good: Good, number: int) -> str:
        return unsigned(good.parts(alg="none"))
