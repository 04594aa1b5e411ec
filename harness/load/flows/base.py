"""What a flow is: its settings, what it needs, what it sends, what is expected of it, and how it is counted.

One flow a file; :mod:`idchaos.load.flows.catalogue` finds those of this package by their name. A scenario file may hold
flows of its own. Flows are described where nothing is sent, so what sends is imported by :meth:`Flow.sender` alone.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from idchaos.experiment import FlowPlan, Source
from idchaos.load.engine.job import Roles, Withdrawn
from idchaos.record.samples import Expected
from idchaos.targets.endpoints import Endpoints
from idchaos.values import Value

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival

_OWN = "idchaos."


class Flow(Value, ABC):
    """What arrivals of one name are. The fields of a subclass are its settings."""

    name: ClassVar[str]
    expected: ClassVar[Expected] = "accept"
    """What a sound target decides on an arrival."""
    endpoint: ClassVar[str] = ""
    """What an arrival asks first at the IdP; empty: it calls an API."""

    @abstractmethod
    def sender(self, scene: Scene) -> Sender:
        """Who sends the arrivals of one load."""

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        """What a target has not that it takes: ``a client with refresh_token``; empty when it has all."""
        return ""

    def leaves_out(self, roles: Roles) -> tuple[str, ...]:
        """What else it would take to do all of it. It is done without, and that is declared."""
        return ()

    def sources(self) -> tuple[Source, ...]:
        """The samples that an arrival leaves where all goes well. One more than there will be can make PASS out of
        nothing: what may be missing must not be said.
        """
        return (Source(flow=self.name, steady=True),)

    def plan(self) -> FlowPlan:
        """All that others must know of it, as data: it is stored with the run."""
        return FlowPlan(
            name=self.name,
            module=_module_of(type(self)),
            settings=self.model_dump(mode="json"),
            expected=self.expected,
            endpoint=self.endpoint,
            sources=self.sources(),
        )


class Sender:
    """Sends the arrivals of one flow during one load. What runs beside arrivals is started by ``scene.spawn``."""

    @property
    def kinds(self) -> int:
        """Of how many kinds arrivals are: ``arrival.kind`` is drawn below it."""
        return 1

    def prepare(self) -> None:
        """Before the load, when nothing is counted yet.

        Raises:
            LoadError: the IdP gave no proper answer.
        """

    def begin(self) -> None:
        """The load begins."""

    def send(self, arrival: Arrival, due: float) -> None:
        """Send one arrival, due at ``due`` (Unix time), and record its samples. Returns when it has been answered."""
        raise NotImplementedError

    def withdrawn(self, key: Withdrawn) -> None:
        """From ``key.forgotten_from`` on, nobody may accept this key."""

    def end(self) -> None:
        """Nothing new is sent any more: whoever waits should look."""

    def canary(self, arrival: Arrival) -> str:
        """Of which kind of canary an arrival is; empty: it is none."""
        return ""


def _module_of(flow: type[Flow]) -> str:
    """Where another process finds it: a module of this package by name, any other by its file."""
    name = flow.__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    return name if name.startswith(_OWN) or not file else str(Path(file).resolve())
