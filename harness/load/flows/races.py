"""Refreshes that race: one refresh token used twice by its own client, innocently.

Each race has a session of its own. What the racing requests meet is right either way (the sample expects ``either``):
an IdP may answer a second use within its grace, or take it for a theft. What counts is the one request after the race,
with the refresh token that the client stored last: whether the user is still logged in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.flows.base import Flow, Sender
from idchaos.load.idp.login import log_in
from idchaos.targets.endpoints import Client, Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival

RaceFlow = Literal["two_tabs", "lost_answer"]


class _Refreshing(Flow):
    endpoint = "authorize"

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if roles.refreshing and endpoints.users else "a client with refresh_token, and a user"


class TwoTabs(_Refreshing):
    """Several tabs use one refresh token at the same moment."""

    name = "two_tabs"
    tabs: int = Field(2, ge=2, le=20)
    """How many."""

    def sender(self, scene: Scene) -> Sender:
        def run(race: _Race) -> None:
            first = race.held
            scene.together([lambda: race.refresh(first) for _ in range(self.tabs)])

        return Races(scene, "two_tabs", run)


class LostAnswer(_Refreshing):
    """The first answer is lost on its way: the client knows nothing of it, and asks again."""

    name = "lost_answer"
    retry_after_s: float = Field(0.2, ge=0)
    """How long a client waits before it uses the same refresh token again."""

    def sender(self, scene: Scene) -> Sender:
        def run(race: _Race) -> None:
            first = race.held
            race.refresh(first, keep=False)
            if scene.rest(self.retry_after_s):
                race.refresh(first)

        return Races(scene, "lost_answer", run)


class _Race:
    """One session, and the refresh token that its client holds."""

    def __init__(self, scene: Scene, flow: RaceFlow, name: str, client: Client, token: str) -> None:
        self._scene, self._flow, self._client = scene, flow, client
        self._about = About(session=name)
        self.held = token

    def refresh(self, token: str, *, keep: bool = True) -> None:
        """Use ``token``; ``keep``: and store the one that follows, whoever stores last."""
        step, body = self._scene.idp.refresh(self._client, token)
        self._scene.record_step(self._flow, step, due=self._scene.asked_at(step), token=self._about, expected="either")
        follower = body.get("refresh_token")
        if keep and isinstance(follower, str):
            self.held = follower

    def settle(self) -> None:
        """Whether the user is still logged in."""
        due = self._scene.clock.now()
        step, _ = self._scene.idp.refresh(self._client, self.held)
        self._scene.record_step(self._flow, step, due=due, token=self._about)


class Races(Sender):
    """Arrivals of the flows ``two_tabs`` and ``lost_answer``."""

    def __init__(self, scene: Scene, flow: RaceFlow, run: Callable[[_Race], None]) -> None:
        self._scene, self._flow, self._run, self._clients = scene, flow, run, scene.roles.refreshing
        self._count = 0

    @property
    def kinds(self) -> int:
        return len(self._clients)

    def send(self, arrival: Arrival, due: float) -> None:
        scene, users = self._scene, self._scene.endpoints.users
        self._count += 1
        name = f"race-{self._flow}-{self._count}"
        client = self._clients[arrival.kind % len(self._clients)]
        body, _ = log_in(scene, client, users[arrival.session % len(users)], name, due, scheduled=True)
        token = body.get("refresh_token")
        if not isinstance(token, str) or scene.stopping:
            return
        race = _Race(scene, self._flow, name, client, token)
        if not self._count % 2:
            race.refresh(race.held)  # a grace is for every generation, not for the first alone
        self._run(race)
        if not scene.stopping:
            race.settle()
