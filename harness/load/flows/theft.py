"""A thief has a user's tokens, or cookies: how long do they get on, when nobody notices?

The user is away: nothing that they do betrays the thief, and nothing but lifetimes ends the theft. Samples expect
``either``; their ``session`` says what was stolen (:data:`Loot`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.flows.base import Flow, Sender
from idchaos.load.idp.client import Step
from idchaos.load.idp.journey import Cookies
from idchaos.load.idp.tokens import Token, token_from
from idchaos.targets.endpoints import Client, Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival

Loot = Literal["access", "session", "browser"]
"""What a thief has: an access token, the refresh token as well, or a copy of the browser's cookies."""
_REFRESH_AT = 0.5
"""A thief in a hurry: of the life of an access token."""


class Theft(Flow):
    """Somebody else has a user's tokens, or cookies."""

    name = "thief"
    expected = "either"
    loot: tuple[Loot, ...] = ("access", "session", "browser")

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if roles.refreshing and endpoints.users else "a client with refresh_token, and a user"

    def sender(self, scene: Scene) -> Sender:
        return Thief(scene, self)


@dataclass
class _Stolen:
    """What the thief holds of one login."""

    loot: Loot
    client: Client
    token: Token
    lock: Any
    """Two refreshes at once would betray the thief."""
    refresh: str = field(default="", repr=False)
    cookies: Cookies | None = field(default=None, repr=False)

    @property
    def goes_on(self) -> bool:
        """Whether there is anything to get more tokens by."""
        return bool(self.refresh) or self.cookies is not None


class Thief(Sender):
    """Arrivals of the flow ``thief``."""

    def __init__(self, scene: Scene, plan: Theft) -> None:
        self._scene, self._clients = scene, scene.roles.refreshing
        self.loot = plan.loot
        self._stolen: dict[Loot, _Stolen] = {}
        self._stealing = scene.lock()

    @property
    def kinds(self) -> int:
        return len(self.loot)

    def send(self, arrival: Arrival, due: float) -> None:
        """Call an API with what was stolen; the first arrival steals it. With a refresh token, or cookies, stay in."""
        stolen = self._steal(self.loot[arrival.kind])
        if stolen is None:
            return
        if stolen.goes_on:
            with stolen.lock:
                self._stay(stolen)
        if self._scene.stopping:
            return
        token = stolen.token
        self._scene.call(
            "thief",
            token.bearer,
            token.about,
            due=due,
            route=arrival.route,
            replica=arrival.replica,
            expected="either",
            scheduled=True,
        )

    def _steal(self, loot: Loot) -> _Stolen | None:
        """A login of this moment, whose user then walks away."""
        with self._stealing:
            if loot in self._stolen or self._scene.stopping:
                return self._stolen.get(loot)
            client, user, cookies = self._clients[0], self._scene.endpoints.users[0], Cookies()
            step, body = self._scene.idp.login(client, user, self._observe, cookies=cookies)
            if step is None or not body:
                return None
            token = token_from(body, session="theft", way=loot, asked_at=self._scene.asked_at(step))
            refresh = token.refresh if loot == "session" else None
            browser = cookies if loot == "browser" else None
            self._stolen[loot] = _Stolen(loot, client, token, self._scene.lock(), refresh or "", browser)
            return self._stolen[loot]

    def _stay(self, stolen: _Stolen) -> None:
        token = stolen.token
        now = self._scene.clock.now()
        if now < token.obtained_at + token.life_s * _REFRESH_AT or self._scene.stopping:
            return
        step, body = self._again(stolen)
        about = About(session="theft", way=token.about.way)
        self._scene.record_step("thief", step, due=self._scene.asked_at(step), token=about, expected="either")
        if body:
            follower = token_from(body, session="theft", way=token.about.way, asked_at=self._scene.asked_at(step))
            stolen.token, stolen.refresh = follower, (follower.refresh or stolen.refresh) if stolen.refresh else ""
        elif step.decision == "deny":
            stolen.refresh, stolen.cookies = "", None

    def _again(self, stolen: _Stolen) -> tuple[Step, dict[str, Any]]:
        """More tokens by what was stolen: the step that gave them, or did not."""
        idp, client = self._scene.idp, stolen.client
        if stolen.cookies is None:
            return idp.refresh(client, stolen.refresh)
        step, code = idp.silent_code(client, stolen.cookies)
        if code is None:
            return step, {}
        self._observe(step)
        return idp.redeem(client, code, code.verifier)

    def _observe(self, step: Step) -> bool:
        self._scene.upkeep(step)
        return step.decision == "accept" and not self._scene.stopping
