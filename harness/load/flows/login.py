"""Users log in: from a browser, which makes the pool's oldest session log out, or from an app on their own machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idchaos.experiment import Source
from idchaos.load.engine.job import Roles
from idchaos.load.flows.api import SessionSender
from idchaos.load.flows.base import Flow, Sender
from idchaos.load.idp.login import log_in
from idchaos.planning.redirects import at_port
from idchaos.targets.endpoints import Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival


class Login(Flow):
    name = "login"
    endpoint = "authorize"

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if roles.sessions and endpoints.users else "a client with authorization_code, and a user"

    def sources(self) -> tuple[Source, ...]:
        steps = [("login", endpoint) for endpoint in ("authorize", "login", "token")]
        steps += [("logout", endpoint) for endpoint in ("end_session", "revoke")]
        return tuple(Source(flow=flow, endpoint=endpoint) for flow, endpoint in steps)

    def sender(self, scene: Scene) -> Sender:
        from idchaos.load.idp.sessions import Sessions

        return _Logins(Sessions.of(scene))


class _Logins(SessionSender):
    @property
    def kinds(self) -> int:
        return len(self.sessions.roles.sessions)

    def send(self, arrival: Arrival, due: float) -> None:
        self.sessions.login(arrival, due)


class NativeLogin(Flow):
    """A login from an app that listens on whatever loopback port it was given (RFC 8252 section 7.3)."""

    name = "native_login"
    endpoint = "authorize"

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        found = roles.native and endpoints.users
        return "" if found else "a public client with a loopback redirect URI, and a user"

    def sender(self, scene: Scene) -> Sender:
        return _NativeLogins(scene)


class _NativeLogins(Sender):
    def __init__(self, scene: Scene) -> None:
        self._scene, self._clients, self._count = scene, scene.roles.native, 0

    @property
    def kinds(self) -> int:
        return len(self._clients)

    def send(self, arrival: Arrival, due: float) -> None:
        scene, users = self._scene, self._scene.endpoints.users
        client = self._clients[arrival.kind % len(self._clients)]
        self._count += 1
        here = client.model_copy(update={"redirect_uri": at_port(client.redirect_uri or "", self._count)})
        user = users[arrival.session % len(users)]
        log_in(scene, here, user, f"native-{self._count}", due, scheduled=True, flow="native_login")
