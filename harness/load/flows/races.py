"""Refreshes that race: one refresh token used twice by its own client, innocently.

Each race has a session of its own. What the racing requests meet is right either way (the sample expects ``either``):
an IdP may answer a second use within its grace, or take it for a theft. What counts is the one request after the race,
with the refresh token that the client stored last: whether the user is still logged in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import gevent

from idchaos.experiment import RacePlan
from idchaos.load.engine.recorder import About
from idchaos.load.engine.scene import Scene
from idchaos.load.idp.login import log_in
from idchaos.planning.arrivals import Arrival
from idchaos.targets.endpoints import Client

RaceFlow = Literal["two_tabs", "lost_answer"]


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


class Races:
    """Arrivals of the flows ``two_tabs`` and ``lost_answer``."""

    def __init__(self, scene: Scene, plan: RacePlan, clients: tuple[Client, ...]) -> None:
        self._scene, self._plan, self._clients = scene, plan, clients
        self._count = 0

    def two_tabs(self, arrival: Arrival, due: float) -> None:
        """Tabs with one storage notice at the same moment that their token ends, and all use it."""

        def run(race: _Race) -> None:
            first = race.held
            gevent.joinall([gevent.spawn(race.refresh, first) for _ in range(self._plan.tabs)])

        self._race("two_tabs", arrival, due, run)

    def lost_answer(self, arrival: Arrival, due: float) -> None:
        """The first answer is lost on its way: the client knows nothing of it, and asks again."""

        def run(race: _Race) -> None:
            first = race.held
            race.refresh(first, keep=False)
            if self._scene.rest(self._plan.retry_after_s):
                race.refresh(first)

        self._race("lost_answer", arrival, due, run)

    def _race(self, flow: RaceFlow, arrival: Arrival, due: float, run: Callable[[_Race], None]) -> None:
        scene, users = self._scene, self._scene.endpoints.users
        self._count += 1
        name = f"race-{self._count}"
        client = self._clients[arrival.kind % len(self._clients)]
        body, _ = log_in(scene, client, users[arrival.session % len(users)], name, due, scheduled=True)
        token = body.get("refresh_token")
        if not isinstance(token, str) or scene.stopping:
            return
        race = _Race(scene, flow, name, client, token)
        run(race)
        if not scene.stopping:
            race.settle()
