"""What is read of a target at one moment: of its parts, and of its links on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from idchaos.contract import OF_EVERYBODY, Fact
from idchaos.errors import TargetError
from idchaos.graph import Graph
from idchaos.record.observed import EndpointCounts, LinkObserved
from idchaos.run.counts import compared, look
from idchaos.run.telemetry import LINKS, readings
from idchaos.targets.capabilities import Granted, ReportsState
from idchaos.targets.observer import ObservesLinks
from idchaos.topologies import TOPOLOGIES


class Parts:
    """The gateways tell of themselves; the second doesn't answer."""

    def tells(self, component: str) -> frozenset[Fact]:
        return OF_EVERYBODY if component.startswith("gateway") else frozenset()

    def state(self, component: str) -> Mapping[str, Any]:
        if component == "gateway-2":
            raise TargetError("gateway-2: no answer")
        return {"name": component}


class Wire:
    """One more request at every look."""

    def __init__(self, *, answers: bool = True) -> None:
        self.requests, self._answers = 0, answers

    def observed(self) -> Mapping[str, LinkObserved]:
        if not self._answers:
            raise TargetError("observer: no answer")
        self.requests += 1
        counts = EndpointCounts(requests=self.requests, statuses={200: self.requests})
        return {"gateway-1-to-idp": LinkObserved(connections=1, endpoints={"jwks": counts})}


class Target(Granted):
    graph: Graph = TOPOLOGIES["gateway"].graph


def asked(requests: int) -> dict[str, Any]:
    counts = {"requests": requests, "statuses": {"200": requests}}
    return {"idp": {"gateway-1-to-idp": {"connections": 1, "endpoints": {"jwks": counts}}}}


def test_the_wire_is_read_before_the_parts_are_asked_and_after() -> None:
    target: Any = Target({ReportsState: Parts(), ObservesLinks: Wire()})
    first, second = look(target), look(target)
    assert first.told == {"gateway-1": {"name": "gateway-1"}, "gateway-2": {"error": "gateway-2: no answer"}}
    assert compared(first, second) == {
        "before": first.told,
        "after": second.told,
        "observed": {"before": [asked(1), asked(2)], "after": [asked(3), asked(4)]},
    }


def test_an_observer_that_does_not_answer_leaves_an_empty_reading() -> None:
    target: Any = Target({ReportsState: Parts(), ObservesLinks: Wire(answers=False)})
    assert compared(look(target), look(target))["observed"] == {"before": [{}, {}], "after": [{}, {}]}


def test_without_an_observer_nothing_is_said_of_links() -> None:
    target: Any = Target({ReportsState: Parts()})
    assert "observed" not in compared(look(target), look(target))


def test_telemetry_reads_every_part_that_tells_and_the_links() -> None:
    target: Any = Target({ReportsState: Parts(), ObservesLinks: Wire()})
    found = readings(target)
    assert set(found) == {"gateway-1", "gateway-2", LINKS}
    assert found[LINKS]() == asked(1)["idp"]
    with pytest.raises(TargetError):
        found["gateway-2"]()


def test_a_target_whose_parts_tell_nothing_is_still_read_on_the_wire() -> None:
    target: Any = Target({ObservesLinks: Wire()})
    assert set(readings(target)) == {LINKS}
