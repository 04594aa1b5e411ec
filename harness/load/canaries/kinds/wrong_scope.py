"""A good token for something else than what it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from idchaos.load.canaries.base import Moment, Order, TokenKind


class WrongScope(TokenKind):
    name = "wrong_scope"
    invariant = "scopes_enforced"
    made = (
        "A good token whose `scope` is missing, empty, another, or only resembles the one that an API asks for; an "
        "opaque one with another, too."
    )
    bad = "From birth: the scope that is asked for is not among the scopes of the token, compared as strings."
    why = "Every token can do everything: what a user consented to has no effect."
    source = "RFC 6749 section 3.3, RFC 6750 section 3.1, RFC 9068 section 4"
    needs = ("minting",)

    def orders(self, moment: Moment) -> Iterable[Order]:
        ways = lacking(moment.scopes)
        way = tuple(ways)[moment.number % len(ways)]
        yield Order(moment.good(scope=ways[way]), way=way)
        if "opaque" in moment.shows:  # asked twice, the second answer is a remembered one
            yield Order(moment.good(scope="openid profile"), way="opaque", opaque=True)


def lacking(scopes: Sequence[str]) -> dict[str, str | None]:
    """Values of the claim ``scope`` that lack each of these, by what was done."""
    found = {
        "none": None,
        "empty": "",
        "another": "openid profile",
        "longer": " ".join(f"{scope}er" for scope in scopes),
        "shorter": " ".join(scope[:-1] for scope in scopes),
        "case": " ".join(scope.swapcase() for scope in scopes),
        "comma": ",".join((*scopes, "openid")),
    }
    return {way: claim for way, claim in found.items() if not set((claim or "").split()) & set(scopes)}
