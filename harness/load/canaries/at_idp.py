"""Canaries at the IdP: what is common to preparing and sending them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from typing import Generic

from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Kept, Shelf
from idchaos.load.engine.recorder import About
from idchaos.load.idp.client import NEVER_ARRIVED, Code, Step
from idchaos.targets.endpoints import Client

NOT_OF_GRANT = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})
"""Refusals of the client itself: they say nothing about what it presented."""
_CODE_LIFE_S = 30.0
"""No longer than any IdP's: a code refused because it has expired says nothing."""


class Desk(ABC):
    """One kind, during one load."""

    says_nothing = NOT_OF_GRANT
    """Refusals that decide nothing of this kind."""

    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        self.bench, self.scene, self.kind = bench, bench.scene, kind
        self.clients: Iterator[Client] = cycle(bench.roles.sessions)
        self.users = bench.scene.endpoints.users[:1] if bench.roles.sessions else ()

    @abstractmethod
    def send(self, due: float) -> bool:
        """Send one; false if there is none that is surely bad by now."""

    def fill(self) -> None:  # noqa: B027 - some have nothing to prepare
        """Fill the stock. Returns early when the IdP does not do its part."""

    def record(self, step: Step, about: About, due: float) -> None:
        """One attempt, as a sample."""
        if step.decision == "deny" and step.code in self.says_nothing:
            step = replace(step, decision="undecided")
        self.scene.record_step(
            "canary", step, due=due, token=about, expected="deny", canary=self.kind.name, scheduled=True
        )


class StockedDesk(Desk, Generic[Kept]):
    """One kind that is prepared beforehand, and used up by its attempt."""

    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        self.shelf: Shelf[Kept] = Shelf(bench.depth, "never")

    @abstractmethod
    def use(self, item: Kept) -> Step:
        """The bad request."""

    def send(self, due: float) -> bool:
        item = self.shelf.take(self.bench.now)
        if item is None:
            return False
        step = self.use(item)
        if step.answer.error in NEVER_ARRIVED:
            self.shelf.put_back(item)
        self.record(step, item.about, due)
        return True

    @property
    def is_full(self) -> bool:
        """Whether there is enough that is still bad, or the load is over."""
        return self.scene.stopping or self.shelf.lasting(self.bench.now) >= self.bench.depth

    def code(self) -> tuple[Client, Code, float] | None:
        """A fresh code for the shelf, and until when (Unix time) it surely lives; ``None``: no room, or no code."""
        if self.is_full or not self.users:
            return None
        asked_at, client = self.bench.now, next(self.clients)
        code = self.scene.idp.code(client, self.users[0], self.bench.observe)
        return (client, code, asked_at + _CODE_LIFE_S) if code else None


def about_way(way: str) -> About:
    """Says in the sample's ``session`` how a canary was made."""
    return About(session="canary", way=way)
