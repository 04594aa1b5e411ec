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
    made = "A token with another `iss`, signed by the IdP's key."
    bad = "From birth: `iss` is not the issuer that services are configured for."
    why = "Of two issuers that share keys or a key set, either speaks for the other's users."
    source = "RFC 7519 section 4.1.1, RFC 8725 section 3.8"
    needs = ("minting",)

    def orders(self, moment: Moment) -> Iterable[Order]:
        yield Order(moment.good(iss=NOBODY))
