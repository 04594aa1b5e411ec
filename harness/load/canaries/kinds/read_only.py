"""A token that may read, and writes."""

from __future__ import annotations

from collections.abc import Iterable

from idchaos.load.canaries.base import Moment, Order, TokenKind


class ReadOnly(TokenKind):
    """Shown by GET, for which it is a good one: a verdict that was remembered of one method is none for the next."""

    name = "read_only"
    invariant = "writes_need_their_scope"
    everywhere = False
    makes = 2
    each_way = ("overridden",)
    made = (
        "A token with the scope to read, shown by GET at every API, then used for POST: a JWT, and an opaque "
        "one; and for POST that says in `X-HTTP-Method-Override` and its like that it is a GET."
    )
    bad = "From birth: the scope that it takes to write is not among its scopes."
    why = "Whoever may look may also change, delete and pay."
    source = "RFC 6750 section 3.1, OWASP API5:2023, quarkus #43994, CVE-2018-14773"
    needs = ("minting", "write_scopes")

    def orders(self, moment: Moment) -> Iterable[Order]:
        for token_format in moment.shows:
            claims = moment.good(scope=" ".join(moment.scopes))
            opaque = token_format == "opaque"
            yield Order(claims, opaque=opaque, shown=True, method="POST", way=f"post_{token_format}", overridden=True)
