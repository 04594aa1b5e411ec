"""A token before its beginning."""

from __future__ import annotations

from collections.abc import Iterable

from idchaos.load.canaries.base import LIFE_S, Moment, Order, TokenKind

_NEAR_S, _FAR_S = 6.0, 86_400.0
"""Near: a little longer than until the next stock is made."""


class NotYetValid(TokenKind):
    """Made twice: close to the bound and good for a short while, and far away for when the IdP stops answering."""

    name = "not_yet_valid"
    invariant = "early_tokens_refused"
    made = "A token whose `nbf` is still to come, signed by the IdP's key."
    bad = "`nbf` lies further ahead than the leeway and every error of clocks together."
    why = "Tokens issued ahead of time work before they should."
    source = "RFC 7519 section 4.1.5"
    needs = ("minting",)
    makes = 2

    def orders(self, moment: Moment) -> Iterable[Order]:
        for ahead in (_NEAR_S, _FAR_S):
            begin = int(moment.now + moment.ahead_s + ahead) + 1
            times = {"iat": int(moment.now), "nbf": begin, "exp": int(begin + LIFE_S)}
            yield Order(times, bad_until=begin - moment.ahead_s)
