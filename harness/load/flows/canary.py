"""Requests that must be denied: a mixture of all kinds, or a flood of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idchaos.errors import LoadError
from idchaos.experiment import Source
from idchaos.load.canaries.kinds.unknown_kid import UnknownKid
from idchaos.load.engine.job import Roles, Withdrawn
from idchaos.load.flows.base import Flow, Sender
from idchaos.targets.endpoints import Endpoints

if TYPE_CHECKING:
    from idchaos.load.canaries.upkeep import Canaries
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival


class CanaryFlow(Flow):
    """The kinds of the plan's canaries, in shuffled rounds. They are counted by kind, not as traffic."""

    name = "canary"
    expected = "deny"

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if roles.machine else "a client with client_credentials"

    def sources(self) -> tuple[Source, ...]:
        return ()

    def sender(self, scene: Scene) -> Sender:
        return _Mixture(_stock(scene))


class Junk(CanaryFlow):
    """A flood of tokens, each of a key name that was never used before."""

    name = "junk"

    def sources(self) -> tuple[Source, ...]:
        return (Source(flow="junk", steady=True),)

    def sender(self, scene: Scene) -> Sender:
        return _Flood(_stock(scene))


class _Mixture(Sender):
    def __init__(self, stock: Canaries) -> None:
        self.stock = stock

    @property
    def kinds(self) -> int:
        return len(self.stock.slots)

    def prepare(self) -> None:
        self.stock.start()

    def send(self, arrival: Arrival, due: float) -> None:
        self.stock.canary(arrival, due)

    def withdrawn(self, key: Withdrawn) -> None:
        self.stock.withdrawn(key)

    def canary(self, arrival: Arrival) -> str:
        return self.stock.slots[arrival.kind][0]


class _Flood(_Mixture):
    @property
    def kinds(self) -> int:
        return 1

    def send(self, arrival: Arrival, due: float) -> None:
        self.stock.junk(arrival, due)

    def withdrawn(self, key: Withdrawn) -> None:
        """The mixture is told."""

    def canary(self, arrival: Arrival) -> str:
        return UnknownKid.name


def _stock(scene: Scene) -> Canaries:
    from idchaos.load.canaries.upkeep import Canaries

    if scene.plan.canaries is None or not scene.plan.canaries.kinds:
        raise LoadError("the plan has arrivals of canaries, but not of which kinds")
    return scene.shared("canaries", lambda: Canaries.of(scene))
