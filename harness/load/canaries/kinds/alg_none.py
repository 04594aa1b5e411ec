"""A token that says it needs no signature."""

from __future__ import annotations

from typing import Final

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import unsigned

SPELLINGS: Final = ("none", "None", "NONE", "nOnE", "")


class AlgNone(TokenKind):
    name = "alg_none"
    invariant = "unsigned_tokens_refused"
    made = "The claims of a good token with `alg: none`, in several spellings, and no signature."
    bad = "From birth: nobody signed it."
    why = "Anyone can be anyone: no key is needed."
    source = "RFC 8725 section 3.2, CVE-2022-23540, CVE-2020-15957"
    needs = ("jwts",)
    ways = tuple(f"alg_{spelling or 'empty'}" for spelling in SPELLINGS)

    def forge(self, good: Good, number: int) -> str:
        return unsigned(good.parts(alg=SPELLINGS[number % len(SPELLINGS)]))
