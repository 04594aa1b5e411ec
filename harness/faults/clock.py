"""A component's clock is wrong: by a step, by a drift, or by a series of steps that finds the threshold."""

from __future__ import annotations

import time
from typing import ClassVar, Literal

from pydantic import Field

from harness.faults.base import Event, Evidence, Fault, Snapshot, eventually
from harness.targets.base import ReportsState, SkewsClock, Target

OBSERVATION_ERROR_S = 0.5
"""An observed offset includes the time that the answer took to arrive."""


class ClockSkew(Fault):
    """The clock of ``component`` is off by each of ``offsets_s`` in turn, ``dwell_s`` each; then it is put right."""

    kind: Literal["clock"] = "clock"
    component: str
    offsets_s: tuple[float, ...] = Field(min_length=1)
    dwell_s: float = Field(0.0, ge=0)
    drift_ppm: float = 0.0

    needs: ClassVar[tuple[type, ...]] = (SkewsClock, ReportsState)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        drift = f", drifting {self.drift_ppm:g} ppm" if self.drift_ppm else ""
        if len(self.offsets_s) == 1:
            return f"{self.component}'s clock {self.offsets_s[0]:+g} s{drift}"
        return f"{self.component}'s clock from {min(self.offsets_s):+g} s to {max(self.offsets_s):+g} s{drift}"

    def steps(self) -> tuple[float, ...]:
        """One step per offset."""
        return tuple(index * self.dwell_s for index in range(len(self.offsets_s)))

    def snapshot(self, target: Target) -> Snapshot:
        """How much the component has done with its clock."""
        return {"work": _work(target, self.component)}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The clock is right."""
        return self._offset_is(target, 0.0)

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """Set the clock; the journal keeps the offset that was observed afterwards, beside the one asked for."""
        assert isinstance(target, SkewsClock)
        target.skew(self.component, self.offsets_s[step], self.drift_ppm)
        return (self._event(target, self.offsets_s[step]),)

    def _event(self, target: Target, asked: float) -> Event:
        observed = round(_observed(target, self.component), 3)
        return Event(
            event="clock_skewed",
            fields={
                "component": self.component,
                "offset_s": asked,
                "observed_s": observed,
                "drift_ppm": self.drift_ppm,
            },
        )

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The component reports the offset, and its time differs from ours by it."""
        return self._offset_is(target, self.offsets_s[0])

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The component worked with the wrong clock."""
        work = _work(target, self.component) - before["work"]
        return (
            Evidence(
                source="target",
                ok=work > 0,
                what=f"{self.component} issued or judged {work} tokens by its wrong clock"
                f" (now {_observed(target, self.component):+.2f} s)",
            ),
        )

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Put the clock right."""
        assert isinstance(target, SkewsClock)
        target.skew(self.component, 0.0)
        return (self._event(target, 0.0),)

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """The clock is right again."""
        return eventually(lambda: self._offset_is(target, 0.0))

    def _offset_is(self, target: Target, expected: float) -> tuple[Evidence, ...]:
        assert isinstance(target, ReportsState)
        reported = float(target.state(self.component)["clock"]["offset_s"])
        observed = _observed(target, self.component)
        slack = OBSERVATION_ERROR_S + abs(self.drift_ppm) * 1e-6 * 60
        return (
            Evidence(
                source="control",
                ok=abs(reported - expected) <= slack,
                what=f"{self.component} reports an offset of {reported:+.3f} s",
            ),
            Evidence(
                source="probe",
                ok=abs(observed - expected) <= slack,
                what=f"{self.component}'s time differs from ours by {observed:+.3f} s",
            ),
        )


def _observed(target: Target, component: str) -> float:
    """The component's time minus ours, at the middle of the question's round trip (Cristian 1989)."""
    assert isinstance(target, ReportsState)
    asked = time.time()
    theirs = float(target.state(component)["time"])
    return theirs - (asked + time.time()) / 2


def _work(target: Target, component: str) -> int:
    assert isinstance(target, ReportsState)
    state = target.state(component)
    if "issued" in state:
        return int(state["issued"]["access"])
    return int(state["requests"]["total"])
