"""A token that names one key and is signed by another."""

from __future__ import annotations

from collections.abc import Iterable

from idchaos.load.canaries.base import Moment, Order, TokenKind


class OtherKey(TokenKind):
    name = "other_key"
    invariant = "keys_are_those_named"
    made = "A token that names the key in use, signed by another one that the IdP publishes."
    bad = "From birth: the key that it names has not signed it."
    why = "A key with another purpose, or of another tenant, makes tokens for all: any key of the set will do."
    source = "RFC 7515 section 4.1.4, RFC 7517 section 4.5, RFC 8725 section 3.1"
    needs = ("minting",)

    def orders(self, moment: Moment) -> Iterable[Order]:
        others = [str(key["kid"]) for key in moment.published if key.get("kid") not in (None, moment.signing_kid)]
        if moment.signing_kid and others:
            kid = others[moment.number % len(others)]
            yield Order(moment.good(), kid=kid, header={"kid": moment.signing_kid}, way="published")
