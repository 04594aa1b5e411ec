"""Machine clients: a fresh token for each arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idchaos.experiment import Source
from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.flows.base import Flow, Sender
from idchaos.load.idp.tokens import token_from
from idchaos.targets.endpoints import Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival

_SESSION = "machine"


class Machine(Flow):
    """A client asks for a token (RFC 6749 section 4.4), then calls an API once with it, as the flow ``api``."""

    name = "machine"
    endpoint = "token"

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if roles.machine else "a client with client_credentials"

    def sources(self) -> tuple[Source, ...]:
        return Source(flow="machine", endpoint="token"), Source(flow="api", called=True, format="everyday")

    def sender(self, scene: Scene) -> Sender:
        return Machines(scene)


class Machines(Sender):
    """Arrivals of the flow ``machine``."""

    def __init__(self, scene: Scene) -> None:
        assert scene.roles.machine is not None
        self._scene, self._client = scene, scene.roles.machine

    def send(self, arrival: Arrival, due: float) -> None:
        scene = self._scene
        step, body = scene.idp.client_credentials(self._client)
        ended = scene.record_step("machine", step, due=due, token=About(session=_SESSION), scheduled=True)
        if not body or scene.stopping:
            return
        token = token_from(body, session=_SESSION, asked_at=scene.asked_at(step))
        scene.call("api", token.bearer, token.about, due=ended, route=arrival.route, replica=arrival.replica)
