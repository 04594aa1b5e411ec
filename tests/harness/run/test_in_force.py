"""Several faults of one phase: begun when each is due, proved by itself, and healed together."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from idchaos.faults.clock import ClockSkew
from idchaos.faults.network import LinkFault
from idchaos.run.in_force import FaultsInForce
from tests.harness.faults.conftest import GRAPH, FakeTarget

BEGINS, ENDS = 1000.0, 1012.0
SLOW = LinkFault(links=("gateway-to-idp",), mode="slow", latency_s=2)
SLOWER = LinkFault(links=("gateway-1-to-idp",), mode="slow", latency_s=0.5)
REFUSED = LinkFault(links=("service-to-idp",), mode="refused", after_s=4)
SKEW = ClockSkew(component="idp", offsets_s=(30,), after_s=8)


class Scene:
    """A fake target whose validators fetch keys whenever time passes, and all that is written down of it."""

    def __init__(self) -> None:
        self.target = FakeTarget()
        self.written: list[dict[str, Any]] = []
        self.ends_with: str | None = "connect_refused"
        """How key fetches end at the end of the phase, where they all do."""
        safety = SimpleNamespace(lease=lambda: None, release=lambda: None, keep=lambda _: None)
        self.faults = FaultsInForce(
            self.target,  # type: ignore[arg-type]
            SimpleNamespace(withdrawn=lambda _: None),  # type: ignore[arg-type]
            SimpleNamespace(record=self._record),  # type: ignore[arg-type]
            safety,  # type: ignore[arg-type]
            wait_for=self._done,
            wait_until=self._pass,
        )

    def _record(self, event: str, **fields: Any) -> None:
        self.written.append({"event": event, **fields})

    @staticmethod
    def _done(future: Future[Any]) -> None:
        future.exception()

    def _pass(self, moment: float) -> None:
        """Keys are fetched, and tokens issued, at every moment that somebody waits for."""
        self.target.took_s, self.target.issued = 2.5, self.target.issued + 5
        self.target.ends = [None] if moment < ENDS else [self.ends_with]
        for validator in GRAPH.keepers_of_keys:
            self.target.fetches[validator] += 3

    def of(self, title: str, event: str) -> list[dict[str, Any]]:
        return [each for each in self.written if each["event"] == event and each["fault"] == title]


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.faults.close()


def test_two_delays_on_one_link_are_proved_and_healed_each_by_itself(scene: Scene) -> None:
    scene.ends_with = None
    scene.faults.settle(scene.faults.hold((SLOW, SLOWER), BEGINS, ENDS))
    for fault in (SLOW, SLOWER):
        effects = scene.of(fault.title, "fault_effect")
        assert {each["source"] for each in effects if each["moment"] == "during"} == {"control", "probe", "target"}
        assert all(each["ok"] for each in effects), effects
        assert len(scene.of(fault.title, "fault_healed")) == 1
    assert not any(scene.target.links.toxics.values())


def test_what_begins_later_is_compared_with_how_it_was_then(scene: Scene) -> None:
    scene.faults.settle(scene.faults.hold((REFUSED, SKEW), BEGINS, ENDS))
    begun = [each["fault"] for each in scene.written if each["event"] == "fault_applied"]
    assert begun == [REFUSED.title, SKEW.title]
    for fault in (REFUSED, SKEW):
        effects = scene.of(fault.title, "fault_effect")
        assert {each["moment"] for each in effects} == {"during", "after"}
        assert all(each["ok"] for each in effects), effects
        assert {each["source"] for each in effects if each["moment"] == "during"} == {"control", "probe", "target"}
    held = [each for each in scene.of(REFUSED.title, "fault_effect") if each["source"] == "target"]
    # Nine fetches were made before it began, and are no evidence of it.
    assert [each["evidence"].startswith("accounts: of its last 6 key fetches") for each in held] == [True]
    assert len(scene.of(REFUSED.title, "fault_healed")) == len(scene.of(SKEW.title, "fault_healed")) == 1
