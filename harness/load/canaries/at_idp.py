"""Canaries at the IdP: what is common to preparing and sending them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, Generic, NamedTuple, TypeVar

from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import USERS, Bench
from idchaos.load.canaries.stock import Held, Redemption, Shelf
from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.idp.client import NEVER_ARRIVED, Code, Step
from idchaos.planning.turns import turns
from idchaos.targets.endpoints import Client, User

NOT_OF_GRANT = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})
"""Refusals of the client itself: they say nothing about what it presented."""

Kept = TypeVar("Kept", bound=Held)


NOBODY = User(username="", password="")
"""Whose turn it is where users have no part."""


class Turn(NamedTuple):
    """Whose turn it is, and by which way."""

    way: str
    client: Client
    user: User


class Fresh(NamedTuple):
    """An authorization code for the shelf."""

    way: str
    client: Client
    code: Code
    bad_until: float
    """Until when (Unix time) it surely lives."""


class Desk(ABC):
    """One kind, during one load."""

    says_nothing = NOT_OF_GRANT
    """Refusals that decide nothing of this kind."""
    ways: ClassVar[tuple[str, ...]] = ("",)
    """How it is bad: each way meets each client and each user."""
    of_users: ClassVar[bool] = True
    """Whether users have a part in it. If not, they take no turns, and nobody needs to be able to log in."""

    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        self.bench, self.scene, self.kind = bench, bench.scene, kind
        self.clients = self.whose(bench.roles)
        able = bench.scene.endpoints.users[:USERS] if bench.roles.sessions else ()
        self.users = able if self.of_users else (NOBODY,)
        self._turns = turns(len(self.ways), len(self.clients), len(self.users))

    def whose(self, roles: Roles) -> tuple[Client, ...]:
        """The clients that take turns."""
        return roles.of_users

    def turn(self) -> Turn | None:
        """Who is next; ``None``: there is nobody."""
        found = next(self._turns, None)
        if found is None:
            return None
        way, client, user = found
        for each in self.clients:
            self.scene.recorder.clients.setdefault(self.kind.name, {}).setdefault(each.client_id, 0)
        return Turn(self.ways[way], self.clients[client], self.users[user])

    def another(self, owner: Client) -> Client | None:
        """The client that follows ``owner`` in turn, so that each of them plays each part; ``None``: there is none."""
        names = [each.client_id for each in self.clients]
        found = self.clients[(names.index(owner.client_id) + 1) % len(names)]
        return found if found.client_id != owner.client_id else None

    @abstractmethod
    def send(self, due: float) -> bool:
        """Send one; false if there is none that is surely bad by now."""

    def fill(self) -> None:  # noqa: B027 - some have nothing to prepare
        """Fill the stock. Returns early when the IdP does not do its part."""

    def meant(self, step: Step) -> Step:
        """What a step says of this kind: a refusal for something else decides nothing."""
        of_else = step.decision == "deny" and step.code in self.says_nothing
        return replace(step, decision="undecided") if of_else else step

    def record(self, step: Step, about: About, due: float, client: Client | None = None) -> None:
        """One attempt, as a sample. ``client``: whose turn it was."""
        step = self.meant(step)
        counts = self.scene.recorder.clients.get(self.kind.name, {})
        if client is not None and client.client_id in counts and step.decision != "undecided":
            counts[client.client_id] += 1
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
        self.record(step, item.about, due, item.client)
        return True

    @property
    def is_full(self) -> bool:
        """Whether there is enough that is still bad, or the load is over."""
        return self.scene.stopping or self.shelf.lasting(self.bench.now) >= self.bench.depth

    def code(self) -> Fresh | None:
        """A fresh code of whose turn it is; ``None``: no room, or no code."""
        turn = None if self.is_full else self.turn()
        if turn is None:
            return None
        asked_at = self.bench.now
        code = self.scene.idp.code(turn.client, turn.user, self.bench.observe)
        return Fresh(turn.way, turn.client, code, asked_at + self.bench.plan.code_life_s) if code else None


class RedemptionDesk(StockedDesk[Redemption]):
    """Codes that are redeemed as they should not be."""

    def use(self, item: Redemption) -> Step:
        return self.scene.idp.redeem(item.client, item.code, item.verifier)[0]


def about_way(way: str) -> About:
    """Says in the sample's ``session`` how a canary was made."""
    return About(session="canary", way=way)
