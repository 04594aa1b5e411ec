"""A client that says who it is, and cannot prove it."""

from __future__ import annotations

import secrets

from idchaos.load.canaries.at_idp import Desk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.engine.job import Roles
from idchaos.targets.endpoints import Client


class WrongSecret(IdpKind):
    name = "wrong_secret"
    invariant = "client_secrets_checked"
    made = (
        "A request for a token with another secret than the client's: a random one, its own and a letter more, or one "
        "letter less."
    )
    bad = "From birth: it is not the client's secret."
    why = "Anyone can be any client, whose name is no secret."
    source = "RFC 6749 section 2.3.1 and section 5.2 (`invalid_client`)"
    needs = ("revocation",)

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(Desk):
    says_nothing = frozenset()
    """The refusal of the client is what is asked for."""

    ways = ("random", "longer", "shorter")
    of_users = False

    def whose(self, roles: Roles) -> tuple[Client, ...]:
        """Those that get tokens for themselves by a secret."""
        found = (roles.machine, roles.machine_opaque, *roles.partners)
        return tuple({each.client_id: each for each in found if each is not None and each.client_secret}.values())

    def send(self, due: float) -> bool:
        turn = self.turn()
        if turn is None:
            return False
        client, way = turn.client, turn.way
        own = client.client_secret or ""
        other = {"longer": f"{own}x", "shorter": own[:-1]}.get(way) or secrets.token_urlsafe(24)
        step, _ = self.scene.idp.client_credentials(client.model_copy(update={"client_secret": other}))
        self.record(step, about_way(way), due, client)
        return True
