"""One opaque token of a machine client, kept fresh: for API calls where no user has one."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from idchaos.load.engine.scene import Scene
from idchaos.load.flows.base import Sender
from idchaos.load.idp.sessions import POSTS_EVERY
from idchaos.load.idp.tokens import Token, token_from
from idchaos.planning.arrivals import Arrival
from idchaos.targets.endpoints import Client

_SESSION = "machine"
_RETRY_S = 1.0


class Pooled(Sender):
    """Arrivals of the flow ``opaque`` without opaque sessions."""

    def __init__(self, scene: Scene) -> None:
        assert scene.roles.machine_opaque is not None
        self._scene, self._client = scene, scene.roles.machine_opaque
        self._pooled: Token | None = None
        self._calls = count()

    def send(self, arrival: Arrival, due: float) -> None:
        """Call an API with the pooled opaque token."""
        scene, token = self._scene, self._pooled
        if token is None or not token.usable(scene.clock.now()):
            scene.no_token("opaque", arrival, due, "no_token", _SESSION)
            return
        methods = scene.endpoints.routes[arrival.route].methods
        posts = not next(self._calls) % POSTS_EVERY and "POST" in methods
        head, about = scene.gates[arrival.replica].everyday(arrival.route, "POST" if posts else "GET", token.about)
        scene.call(
            "opaque",
            token.bearer,
            about,
            due=due,
            route=arrival.route,
            replica=arrival.replica,
            scheduled=True,
            head=head,
        )

    def prepare(self) -> None:
        """Get the token and keep it fresh."""
        self._renew(self._client)
        self._scene.spawn(self._keep, self._client)

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
