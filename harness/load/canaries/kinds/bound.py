"""A token that is bound to a key, without the proof of that key."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from idchaos.load.canaries.base import Moment, Order, TokenKind


class Bound(TokenKind):
    name = "bound"
    invariant = "bound_tokens_need_their_proof"
    made = (
        "A good token whose `cnf` names a key (`jkt`) or a certificate (`x5t#S256`), sent as a bearer token; an "
        "opaque one, too."
    )
    bad = "From birth: nobody has shown that they have that key."
    why = "Tokens were bound so that stealing them gains nothing; here it does."
    source = "RFC 9449 sections 6 and 7.2, RFC 8705 sections 3 and 3.2, RFC 7800 section 3"
    needs = ("minting",)
    each_way = ("jkt", "x5t#S256")

    def orders(self, moment: Moment) -> Iterable[Order]:
        member = self.each_way[moment.number % len(self.each_way)]
        confirmation = {member: secrets.token_urlsafe(32)}
        yield Order(moment.good(cnf=confirmation), way=member)
        if "opaque" in moment.shows:  # only the IdP can say that it is bound (RFC 9449 section 6.2)
            yield Order(moment.good(cnf=confirmation), way="opaque", opaque=True)
