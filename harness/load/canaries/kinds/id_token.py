"""An ID token in the place of an access token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from idchaos.load.canaries.base import Moment, Order, TokenKind
from idchaos.load.canaries.bench import MOST_OF_A_LIFE, PERIOD_S, USERS, Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.idp.tokens import about, peek
from idchaos.planning.turns import turns

ACCESS: Final = "at+jwt"
"""RFC 9068 section 2.1. Where access tokens have no such type, another type says nothing."""
TYPES: Final = ("logout+jwt", "JWT", "dpop+jwt", "secevent+jwt")


class IdToken(TokenKind):
    name = "id_token"
    invariant = "id_tokens_refused"
    made = (
        "The ID token of a login of its own; where the IdP types its access tokens, also a token that is good but for "
        "its `typ`: a logout token, a DPoP proof, an event, a JWT of no stated kind."
    )
    bad = "From birth: it was made for another purpose, and carries no leave."
    why = "Every client that a user logs in to can act for them at every API."
    source = "RFC 9068 section 4, RFC 8725 section 3.11, OpenID Connect Core section 2"
    needs = ("users",)
    makes = 2
    reuse = "always"

    def orders(self, moment: Moment) -> Iterable[Order]:
        if moment.typ.lower().removeprefix("application/") == ACCESS:
            way = TYPES[moment.number % len(TYPES)]
            yield Order(moment.good(), header={"typ": way}, way=way)

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        scene, clients = bench.scene, bench.roles.sessions
        if not scene.endpoints.users or not clients or _lasting(shelf, bench) >= bench.depth:
            return
        client, user = next(bench.turns.setdefault(self.name, turns(len(clients), len(scene.endpoints.users[:USERS]))))
        step, body = scene.idp.login(clients[client], scene.endpoints.users[user], bench.observe)
        value = body.get("id_token")
        if step is None or not isinstance(value, str) or not peek(value)[1]:
            return
        shown = about(value, session="canary", obtained_at=bench.now)
        # Once it has expired, a refusal says nothing of its kind.
        until = scene.asked_at(step) + (shown.exp - shown.iat) * MOST_OF_A_LIFE
        bench.put(shelf, value, bad_until=until)


def _lasting(shelf: Shelf[Call], bench: Bench) -> int:
    """How many ID tokens are left: tokens of other types are made to order."""
    return sum(not call.about.way and call.bad_until > bench.now + PERIOD_S for call in shelf)
