"""A token of a key that was withdrawn."""

from __future__ import annotations

from collections.abc import Iterable

from idchaos.load.canaries.base import Moment, Order, TokenKind


class RetiredKey(TokenKind):
    name = "retired_key"
    invariant = "retired_keys_refused"
    twice = True
    made = "A token signed by a key that every validator had accepted before it was withdrawn."
    bad = "From the withdrawal on, and the longest that a cache may hold the key set."
    why = "A key is withdrawn when it has leaked: whoever has it goes on making tokens."
    source = "OpenID Connect Core section 10.1.1, RFC 7517 section 5"
    needs = ("minting", "retired_key")
    makes = 2
    once = True

    def orders(self, moment: Moment) -> Iterable[Order]:
        # The last one first: it is bad for the shortest time, and those before it are there in plenty.
        for kid, forgotten_from in reversed(moment.withdrawn.items()):
            yield Order(moment.good(), kid=kid, bad_from=forgotten_from)
