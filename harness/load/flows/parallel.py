"""What may be used once is used by several at the same moment: at most one of them may be served.

Each replay has a code, a refresh token or an assertion of its own. What each request meets is right either way (the
sample expects ``either``); what counts is how many of one replay were accepted, told apart by ``session``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.flows.base import Flow, Sender
from idchaos.load.idp.client import Step
from idchaos.targets.endpoints import Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival

Kind = Literal["code", "refresh", "assertion"]
LACKING: Mapping[Kind, str] = {
    "refresh": "a client with refresh_token",
    "assertion": "a client with a key for assertions",
}
"""Without whom what can't be replayed."""
Use = Callable[[], Step]


def kinds_of(roles: Roles) -> tuple[Kind, ...]:
    """What can be replayed, with these clients."""
    return ("code", *(("refresh",) if roles.refreshing else ()), *(("assertion",) if roles.asserting else ()))


class ParallelReplay(Flow):
    """What may be used once is used by several at the same moment."""

    name = "parallel_replay"
    expected = "either"
    endpoint = "token"
    at_once: int = Field(3, ge=2, le=20)

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if roles.sessions and endpoints.users else "a client with authorization_code, and a user"

    def leaves_out(self, roles: Roles) -> tuple[str, ...]:
        return tuple(lacks for kind, lacks in LACKING.items() if kind not in kinds_of(roles))

    def sender(self, scene: Scene) -> Sender:
        return ParallelReplays(scene, self)


class ParallelReplays(Sender):
    """Arrivals of the flow ``parallel_replay``."""

    def __init__(self, scene: Scene, plan: ParallelReplay) -> None:
        self._scene, self._plan, self._roles = scene, plan, scene.roles
        self._kinds, self._count = kinds_of(scene.roles), 0

    @property
    def kinds(self) -> int:
        return len(self._kinds)

    def send(self, arrival: Arrival, due: float) -> None:
        """Make what may be used once, and let several use it."""
        kind = self._kinds[arrival.kind]
        self._count += 1
        about = About(session=f"parallel-{self._count}", way=kind)
        use = {"code": self._code, "refresh": self._refresh, "assertion": self._assertion}[kind](arrival)
        if use is None:
            # The sample says that nothing could be tried: the IdP gave nothing to replay.
            self._scene.recorder.unsent(
                due=due,
                flow="parallel_replay",
                endpoint="token",
                error_code="nothing_to_replay",
                expected="either",
                token=about,
            )
            return

        def attempt() -> None:
            step = use()
            self._scene.record_step(
                "parallel_replay", step, due=self._scene.asked_at(step), token=about, expected="either"
            )

        self._scene.together([attempt] * self._plan.at_once)

    def _observe(self, step: Step) -> bool:
        self._scene.upkeep(step)
        return step.decision == "accept" and not self._scene.stopping

    def _code(self, arrival: Arrival) -> Use | None:
        idp, users = self._scene.idp, self._scene.endpoints.users
        client = self._roles.sessions[arrival.session % len(self._roles.sessions)]
        code = idp.code(client, users[arrival.session % len(users)], self._observe)
        return (lambda: idp.redeem(client, code, code.verifier)[0]) if code else None

    def _refresh(self, arrival: Arrival) -> Use | None:
        idp, users = self._scene.idp, self._scene.endpoints.users
        client = self._roles.refreshing[arrival.session % len(self._roles.refreshing)]
        _, body = idp.login(client, users[arrival.session % len(users)], self._observe)
        token = body.get("refresh_token")
        return (lambda: idp.refresh(client, token)[0]) if isinstance(token, str) and not self._scene.stopping else None

    def _assertion(self, _: Arrival) -> Use | None:
        idp, client = self._scene.idp, self._roles.asserting
        assert client is not None
        made = idp.assertion(client)
        return lambda: idp.client_credentials(client, made)[0]
