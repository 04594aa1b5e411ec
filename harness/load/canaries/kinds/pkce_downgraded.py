"""A login of a public client without the protection of PKCE."""

from __future__ import annotations

from typing import cast, get_args

from idchaos.load.canaries.at_idp import Desk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.engine.job import Roles
from idchaos.load.idp.client import Downgrade
from idchaos.targets.endpoints import Client


class PkceDowngraded(IdpKind):
    """Clients that can't keep a secret have nothing but PKCE (RFC 9700 section 2.1.1)."""

    name = "pkce_downgraded"
    invariant = "pkce_not_downgraded"
    made = "A login of a public client with no challenge, with a verifier that comes late, or with a plain challenge."
    bad = "From birth: a public client must prove itself by S256."
    why = "An attacker leaves the proof out, and codes are good for whoever intercepts them."
    source = "RFC 9700 sections 2.1.1 and 4.8.2"
    needs = ("users", "public_client")

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(Desk):
    ways = get_args(Downgrade)

    def whose(self, roles: Roles) -> tuple[Client, ...]:
        """Those that can't keep a secret."""
        return tuple(client for client in roles.sessions if client.is_public)

    def send(self, due: float) -> bool:
        turn = self.turn()
        if turn is None:
            return False
        way = cast(Downgrade, turn.way)
        step = self.scene.idp.downgraded_login(turn.client, turn.user, way, self.bench.observe)
        if step is not None:
            self.record(step, about_way(way), due, turn.client)
        return step is not None
