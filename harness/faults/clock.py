"""A component's clock is wrong: by a step, by a drift, or by a series of steps that finds the threshold."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from idchaos.contract import Fact
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, Touch, eventually, later, relies_on
from idchaos.faults.counts import asked, token_answers
from idchaos.graph import Graph
from idchaos.reasons import OF_REVOCATION, Reason
from idchaos.targets.base import OutlivesRun, ReportsState, SkewsClock, Target
from idchaos.targets.capabilities import required
from idchaos.targets.restoring import ClockRight
from idchaos.undo.ledger import Undo

CLOCKS_AGREE_S = 0.05
"""How far the clocks of two sound parts may differ, also where they run on different machines."""
REPORTED_ERROR_S = 1e-3
SET_WITHIN_S = 1.0
"""A step is taken this soon after it is due, at most; what may have drifted meanwhile is unknown."""


class ClockSkew(Fault):
    """The clock of ``component`` is off by each of ``offsets_s`` in turn, ``dwell_s`` each; then it is put right."""

    kind: Literal["clock"] = "clock"
    component: str
    offsets_s: tuple[float, ...] = Field(min_length=1)
    dwell_s: float = Field(0.0, ge=0)
    drift_ppm: float = 0.0
    after_s: float = Field(0.0, ge=0)
    """How long after the phase's start the first step is due."""

    needs: ClassVar[tuple[type, ...]] = (SkewsClock, ReportsState)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        drift = (f", drifting {self.drift_ppm:g} ppm" if self.drift_ppm else "") + later(self.after_s)
        if len(self.offsets_s) == 1:
            return f"{self.component}'s clock {self.offsets_s[0]:+g} s{drift}"
        return f"{self.component}'s clock from {min(self.offsets_s):+g} s to {max(self.offsets_s):+g} s{drift}"

    def hides_revocations(self, graph: Graph) -> bool:
        """The age of a cache may be told by that clock."""
        return True

    def may_refuse_for(self) -> frozenset[Reason]:
        """An IdP of another time calls tokens inactive that are at their end by then."""
        return OF_REVOCATION

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """Its clock; and it must live, and not be started anew."""
        return Touch(what=f"{self.component}'s clock", how="changes"), *relies_on(self.component)

    def clock_error_s(self, lasting_s: float) -> float:
        """The greatest offset, and what the drift adds to it."""
        return max(map(abs, self.offsets_s)) + abs(self.drift_ppm) * 1e-6 * lasting_s

    def asks(self, graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
        """The clock that it makes wrong."""
        return {Fact.CLOCK: (self.component,)}

    def steps(self) -> tuple[float, ...]:
        """One step per offset."""
        return tuple(self.after_s + index * self.dwell_s for index in range(len(self.offsets_s)))

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """The clock put right."""
        return (required(target, OutlivesRun).undo_to(ClockRight(component=self.component)),)

    def snapshot(self, target: Target) -> Snapshot:
        """When it was taken, and how much the component has done with its clock so far."""
        return {"at": time.time(), "work": _work(target, self.component)}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The clock is right."""
        return self._right(target)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Set the clock; the journal keeps the offset that was observed afterwards, beside the one asked for."""
        required(target, SkewsClock).skew(self.component, self.offsets_s[step], self.drift_ppm)
        return Applied(events=(self._event(target, self.offsets_s[step]),))

    def _event(self, target: Target, asked: float) -> Event:
        observed = round(_read(target, self.component).differs_s, 3)
        return Event(
            event="clock_skewed",
            fields={
                "component": self.component,
                "offset_s": asked,
                "observed_s": observed,
                "drift_ppm": self.drift_ppm,
            },
        )

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The component reports the offset, and its time differs from ours by it. A drift needs a while to show."""
        return eventually(lambda: self._wrong(target, self.offsets_s[0], before["at"]))

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The clock is still wrong, and the component worked with it."""
        work = _work(target, self.component) - before["work"]
        worked = Evidence(
            source="target", ok=work > 0, what=f"{self.component} issued or judged {work} tokens by its wrong clock"
        )
        return worked, *self._wrong(target, self.offsets_s[-1], before["at"] + self.steps()[-1] - self.after_s)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Put the clock right."""
        required(target, SkewsClock).skew(self.component, 0.0)
        return (self._event(target, 0.0),)

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The clock is right again."""
        return eventually(lambda: self._right(target))

    def _right(self, target: Target) -> tuple[Evidence, ...]:
        clock = _read(target, self.component)
        return (
            self._reports(clock, ok=clock.drift_ppm == 0 and abs(clock.offset_s) <= REPORTED_ERROR_S),
            self._differs(clock, ok=abs(clock.differs_s) <= clock.uncertain_s),
        )

    def _wrong(self, target: Target, offset_s: float, since: float) -> tuple[Evidence, ...]:
        """The clock is off by ``offset_s`` and by what it has drifted since it was set, at ``since`` or a little later;
        and that is not nothing.
        """
        clock = _read(target, self.component)
        longest = time.time() - since
        drifts = (self.drift_ppm * 1e-6 * lasted for lasted in (max(0.0, longest - SET_WITHIN_S), longest))
        low, high = sorted(offset_s + drift for drift in drifts)
        reported = low - REPORTED_ERROR_S <= clock.offset_s <= high + REPORTED_ERROR_S
        observed = low - clock.uncertain_s <= clock.differs_s <= high + clock.uncertain_s
        asked_for_none = offset_s == 0 and self.drift_ppm == 0
        return (
            self._reports(clock, ok=reported and clock.drift_ppm == self.drift_ppm),
            self._differs(clock, ok=observed and (asked_for_none or abs(clock.differs_s) > clock.uncertain_s)),
        )

    def _reports(self, clock: _Clock, *, ok: bool) -> Evidence:
        drift = f", drifting {clock.drift_ppm:g} ppm" if clock.drift_ppm else ""
        return Evidence(
            source="control", ok=ok, what=f"{self.component} reports an offset of {clock.offset_s:+.3f} s{drift}"
        )

    def _differs(self, clock: _Clock, *, ok: bool) -> Evidence:
        return Evidence(
            source="probe",
            ok=ok,
            what=f"{self.component}'s time differs from ours by {clock.differs_s:+.3f} s (± {clock.uncertain_s:.3f} s)",
        )


class _Clock(NamedTuple):
    """A component's clock: the error that it reports, and the one that was seen."""

    offset_s: float
    drift_ppm: float
    differs_s: float
    uncertain_s: float


def _read(target: Target, component: str) -> _Clock:
    """Its time minus ours, at the middle of the question's round trip, is known to half of that (Cristian 1989)."""
    asked = time.time()
    state = required(target, ReportsState).state(component)
    answered = time.time()
    return _Clock(
        offset_s=float(state["clock"]["offset_s"]),
        drift_ppm=float(state["clock"]["drift_ppm"]),
        differs_s=float(state["time"]) - (asked + answered) / 2,
        uncertain_s=(answered - asked) / 2 + CLOCKS_AGREE_S,
    )


def _work(target: Target, component: str) -> int:
    """Token requests that an IdP has granted, or requests that another component was asked, by others than us."""
    return token_answers(target, 200) if component in target.graph.idps else asked(target, component)
