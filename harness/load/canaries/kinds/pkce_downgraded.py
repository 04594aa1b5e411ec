"""A login of a public client without the protection of PKCE."""

from __future__ import annotations

from itertools import cycle

from idchaos.load.canaries.at_idp import Desk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.idp.client import Downgrade


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
    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        ways: tuple[Downgrade, ...] = ("no_challenge", "late_verifier", "plain")
        self._downgrades = cycle([(client, way) for way in ways for client in bench.roles.sessions if client.is_public])

    def send(self, due: float) -> bool:
        found = next(self._downgrades, None)
        if found is None or not self.users:
            return False
        client, way = found
        step = self.scene.idp.downgraded_login(client, self.users[0], way, self.bench.observe)
        self.record(step, about_way(way), due)
        return True
