"""A token of a key that was never published."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from idchaos.load.canaries.base import Good, Moment, Order, TokenKind, new_name
from idchaos.load.canaries.forging import es256, signing_input
from idchaos.load.idp.tokens import b64


class UnknownKid(TokenKind):
    """Where tokens can be made to order, half of these are signed by a real key."""

    name = "unknown_kid"
    invariant = "unknown_keys_refused"
    made = "A token under a made-up `kid`, signed properly: by a key of nobody's, or by the IdP's own."
    bad = "From birth: no key of that name is in the key set."
    why = "A validator that falls back to whatever key fits takes tokens of keys that nobody vouches for."
    source = "RFC 7515 section 4.1.4, RFC 8725 section 3.1"
    makes = 2

    def forge(self, good: Good, number: int) -> str | None:
        return None if good.mints and number % 2 else of_nobody(good, f"unknown-{new_name()}")

    def orders(self, moment: Moment) -> Iterable[Order]:
        yield Order(moment.good(), header={"kid": f"unknown-{new_name()}"})


def of_nobody(good: Good, kid: str) -> str:
    """A token signed by a key that nobody published, under this name."""
    return es256(good.parts(alg="ES256", kid=kid), good.own_key)


def junk(good: Good) -> str:
    """One of a flood: a key name that was never used before, and no signature, though of the algorithm and the length
    of a good one's. Nobody can tell without that key; one of another algorithm is refused before it is looked for.
    """
    signature = good.token.rpartition(".")[2]
    made_up = b64(secrets.token_bytes(len(signature) * 3 // 4))
    return f"{signing_input(good.parts(kid=f'junk-{secrets.token_hex(8)}'))}.{made_up}"
