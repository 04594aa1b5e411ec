"""API calls of users who are logged in, with JWTs or opaque tokens; of machine clients where nobody can log in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idchaos.experiment import Source
from idchaos.load.engine.job import Roles
from idchaos.load.flows.base import Flow, Sender
from idchaos.targets.endpoints import Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.load.idp.sessions import Sessions
    from idchaos.planning.arrivals import Arrival


class Api(Flow):
    """A session calls an API with its everyday token. Sessions refresh on time, which is the flow ``refresh``. Where no
    user can log in, a machine client's tokens are used.
    """

    name = "api"

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        found = (roles.sessions and endpoints.users) or roles.machine
        return "" if found else "a client with authorization_code and a user, or one with client_credentials"

    def sources(self) -> tuple[Source, ...]:
        return (Source(flow="api", called=True, format="everyday"),)

    def sender(self, scene: Scene) -> Sender:
        from idchaos.load.idp.pooled import Pooled
        from idchaos.load.idp.sessions import Sessions

        sessions, machine = Sessions.of(scene), scene.roles.machine
        if sessions.everyday or machine is None:
            return _Calls(sessions)
        return Pooled(scene, "api", machine, scene.plan.sessions)


class Opaque(Flow):
    """The same with an opaque token, which is introspected. Where no user has one, a machine client's is used."""

    name = "opaque"

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        found = (roles.opaque_sessions and endpoints.users) or roles.machine_opaque
        return "" if found else "a client with opaque tokens"

    def sources(self) -> tuple[Source, ...]:
        return (Source(flow="opaque", called=True, format="opaque"),)

    def sender(self, scene: Scene) -> Sender:
        from idchaos.load.idp.pooled import Pooled
        from idchaos.load.idp.sessions import Sessions

        sessions, machine = Sessions.of(scene), scene.roles.machine_opaque
        if sessions.opaque or machine is None:
            return _OpaqueCalls(sessions)
        return Pooled(scene, "opaque", machine, 1)


class SessionSender(Sender):
    """Whose arrivals need the pool of sessions."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def prepare(self) -> None:
        self.sessions.prepare()

    def begin(self) -> None:
        self.sessions.start()

    def end(self) -> None:
        self.sessions.stop()


class _Calls(SessionSender):
    def send(self, arrival: Arrival, due: float) -> None:
        self.sessions.api(arrival, due)


class _OpaqueCalls(SessionSender):
    def send(self, arrival: Arrival, due: float) -> None:
        self.sessions.opaque_call(arrival, due)
