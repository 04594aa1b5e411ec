"""A token of somebody else's IdP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from idchaos.load.canaries.base import Moment, Order, TokenKind

NOBODY: Final = "https://nobody.invalid"
"""RFC 6761 section 6.4."""


class WrongIssuer(TokenKind):
    name = "wrong_issuer"
    invariant = "issuer_enforced"
    made = "A token whose `iss` is another, or only resembles the right one, signed by the IdP's key."
    bad = "From birth: `iss` is not the issuer that services are configured for."
    why = "Of two issuers that share keys or a key set, either speaks for the other's users."
    source = "RFC 7519 section 4.1.1, RFC 8725 section 3.8"
    needs = ("minting",)

    def orders(self, moment: Moment) -> Iterable[Order]:
        ways = foreign_issuers(moment.issuer)
        way = tuple(ways)[moment.number % len(ways)]
        yield Order(moment.good(iss=ways[way]), way=way)


def foreign_issuers(issuer: str) -> dict[str, str | list[str] | None]:
    """Values of ``iss`` that are not this issuer, by what was done: a string to compare (RFC 8414 section 3.3)."""
    found: dict[str, str | list[str] | None] = {
        "nobody": NOBODY,
        "longer": f"{issuer}.nobody.invalid",
        "longer_path": f"{issuer}/attacker",
        "slash": f"{issuer}/",
        "shorter": issuer[:-1],
        "case": issuer.swapcase(),
        "userinfo": f"{issuer}@nobody.invalid",
        "none": None,
        "empty": "",
        "list": [issuer],
    }
    return {way: claim for way, claim in found.items() if claim != issuer and (issuer or way == "nobody")}
