"""An ID token in the place of an access token."""

from __future__ import annotations

from itertools import count

from idchaos.load.canaries.base import TokenKind
from idchaos.load.canaries.bench import MOST_OF_A_LIFE, PERIOD_S, Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.idp.tokens import about, peek


class IdToken(TokenKind):
    name = "id_token"
    invariant = "id_tokens_refused"
    made = "The ID token of a login of its own, sent as an access token."
    bad = "From birth: it says who logged in, to the client alone, and carries no leave."
    why = "Every client that a user logs in to can act for them at every API."
    source = "RFC 9068 section 4, RFC 8725 section 3.11, OpenID Connect Core section 2"
    needs = ("users",)
    reuse = "always"

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        scene, clients = bench.scene, bench.roles.sessions
        if not scene.endpoints.users or not clients or shelf.lasting(bench.now + PERIOD_S) >= bench.depth:
            return
        client = clients[next(bench.turns.setdefault(self.name, count())) % len(clients)]
        step, body = scene.idp.login(client, scene.endpoints.users[0], bench.observe)
        value = body.get("id_token")
        if step is None or not isinstance(value, str) or not peek(value)[1]:
            return
        shown = about(*peek(value), session="canary", obtained_at=bench.now)
        # Once it has expired, a refusal says nothing of its kind.
        until = scene.asked_at(step) + (shown.exp - shown.iat) * MOST_OF_A_LIFE
        bench.put(shelf, value, bad_until=until)
