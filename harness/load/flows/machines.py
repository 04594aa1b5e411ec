"""Machine clients: a fresh token for each arrival, and one pooled opaque token where no user has one."""

from __future__ import annotations

from dataclasses import replace

import gevent

from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.engine.scene import Scene
from idchaos.load.idp.tokens import Token, token_from
from idchaos.planning.arrivals import Arrival
from idchaos.targets.endpoints import Client

_SESSION = "machine"
_ABOUT = About(session=_SESSION)
_RETRY_S = 1.0


class Machines:
    """Arrivals of the flow ``machine``, and of ``opaque`` without opaque sessions."""

    def __init__(self, scene: Scene, roles: Roles) -> None:
        self._scene = scene
        self._client, self._opaque_client = roles.machine, roles.machine_opaque
        self._pooled: Token | None = None
        self.keepers: list[gevent.Greenlet] = []

    def machine(self, arrival: Arrival, due: float) -> None:
        """Ask for a token (RFC 6749 section 4.4), then call an API once with it."""
        scene = self._scene
        assert self._client is not None
        step, body = scene.idp.client_credentials(self._client)
        ended = scene.record_step("machine", step, due=due, token=_ABOUT, scheduled=True)
        if not body or scene.stopping:
            return
        token = token_from(body, session=_SESSION, asked_at=scene.asked_at(step))
        scene.call("api", token.bearer, token.about, due=ended, route=arrival.route, replica=arrival.replica)

    # --- the pooled opaque token ---

    def opaque_call(self, arrival: Arrival, due: float) -> None:
        """Call an API with the pooled opaque token."""
        scene, token = self._scene, self._pooled
        if token is None or not token.usable(scene.clock.now()):
            scene.no_token("opaque", arrival, due, "no_token", _SESSION)
            return
        scene.call(
            "opaque",
            token.bearer,
            token.about,
            due=due,
            route=arrival.route,
            replica=arrival.replica,
            scheduled=True,
        )

    def start(self) -> None:
        """Get the pooled token and keep it fresh."""
        if self._opaque_client is not None:
            self._renew(self._opaque_client)
            self.keepers = [gevent.spawn(self._keep, self._opaque_client)]

    def _keep(self, client: Client) -> None:
        scene = self._scene
        while scene.rest(min(self._renew_at() - scene.clock.now(), _RETRY_S)):
            if scene.clock.now() >= self._renew_at() and not self._renew(client):
                scene.rest(_RETRY_S)

    def _renew_at(self) -> float:
        if self._pooled is None:
            return 0.0
        return self._pooled.obtained_at + self._pooled.life_s * self._scene.plan.refresh_at

    def _renew(self, client: Client) -> bool:
        scene = self._scene
        step, body = scene.idp.client_credentials(client)
        scene.upkeep(step)
        if body:
            token = token_from(body, session=_SESSION, asked_at=scene.asked_at(step))
            self._pooled = replace(token, about=replace(token.about, format="opaque"))
        return bool(body)
