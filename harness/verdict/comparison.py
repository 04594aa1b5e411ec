"""Two runs of a scenario side by side: is the second worse? Pure.

*Worse* and *no worse* are both claims, and each needs evidence. A difference smaller than a tolerance is no difference:
without one, nothing could ever be called no worse. Of the interval of the difference, all of it beyond the tolerance is
worse, none of it beyond is no worse, and anything else can't be told.

What differs from run to run is not in these intervals, which are made of the seconds of one run each: a difference that
matters is looked for in several runs (``idchaos run --repeat``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from idchaos.errors import UsageError
from idchaos.experiment import Objective, Verdict
from idchaos.record.record import RunRecord
from idchaos.values import Interval, Value, number
from idchaos.verdict import sli, stats
from idchaos.verdict.sli import Measurement
from idchaos.verdict.verdict import InvariantVerdict, RunVerdict


class Change(StrEnum):
    """What became of something from the first run to the second."""

    NO_WORSE = "no worse"
    WORSE = "worse"
    UNKNOWN = "can't tell"


class Tolerance(Value):
    """Differences that are none."""

    share: float = 0.01
    """Of shares: so much, absolutely."""
    relative: float = 0.25
    """Of times and rates: so much of the first run's value,"""
    seconds: float = 0.05
    """and of times at least so much."""


class ObjectiveChange(Value):
    """An objective in both runs. ``difference`` is the second minus the first; ``null``: nothing finite is known."""

    name: str
    sli: str
    phase: str
    unit: str
    first: float | None
    second: float | None
    endless: tuple[bool, bool] = (False, False)
    """Of each run, whether no end was seen: then it has no finite value, though something was measured."""
    difference: float | None
    interval: Interval
    tolerance: float | None
    """In the objective's unit."""
    verdicts: tuple[Verdict | None, Verdict | None]
    change: Change
    reason: str = ""


class InvariantChange(Value):
    """An invariant in both runs; ``null``: a run did not have it."""

    name: str
    verdicts: tuple[Verdict | None, Verdict | None]
    breaches: tuple[int, int]
    change: Change


class Comparison(Value):
    """Two runs, compared."""

    scenario: str
    variants: tuple[str, str]
    run_dirs: tuple[str, str]
    verdicts: tuple[Verdict, Verdict]
    change: Change
    reasons: tuple[str, ...]
    objectives: tuple[ObjectiveChange, ...]
    invariants: tuple[InvariantChange, ...]


Run = tuple[RunRecord, RunVerdict]


def compare(first: Run, second: Run, tolerance: Tolerance) -> Comparison:
    """Compare two stored runs of one scenario.

    Raises:
        UsageError: they are of different scenarios.
    """
    before, after = first[1], second[1]
    if before.scenario != after.scenario:
        raise UsageError(f"compare: {before.scenario} and {after.scenario} are different scenarios")
    asked = _of_both(first[0], second[0])
    # One run after the other: what was made of a run's samples is kept for the last one alone.
    old, new = ([_measured(record, each) for each in asked] for record, _ in (first, second))
    objectives = tuple(
        _objective(each, pair, (before, after), tolerance) for each, *pair in zip(asked, old, new, strict=True)
    )
    invariants = tuple(
        _invariant(name, _found(before.invariants, name), _found(after.invariants, name))
        for name in dict.fromkeys(row.name for row in (*before.invariants, *after.invariants))
    )
    changes = [*(each.change for each in objectives), *(each.change for each in invariants)]
    unproved = [
        ("the run", Change.UNKNOWN, f"the fault {fault.name} was not proved in {run.run_dir}")
        for run in (before, after)
        for fault in run.faults
        if not fault.effect_proved
    ]
    unproved += [
        ("the run", Change.UNKNOWN, f"{why} in {verdict.run_dir}")
        for record, verdict in (first, second)
        for why in (*record.damage, *(() if record.status == "completed" else (f"it was {record.status}",)))
    ]
    told = [*unproved, *((each.name, each.change, each.reason) for each in objectives)]
    told += [(each.name, each.change, _of_invariant(each)) for each in invariants]
    return Comparison(
        scenario=before.scenario,
        variants=(before.variant, after.variant),
        run_dirs=(before.run_dir, after.run_dir),
        verdicts=(before.verdict, after.verdict),
        change=worst([*changes, *(how for _, how, _ in unproved)]),
        reasons=tuple(
            f"{name}: {reason}"
            for wanted in (Change.WORSE, Change.UNKNOWN)
            for name, how, reason in told
            if how is wanted
        ),
        objectives=objectives,
        invariants=invariants,
    )


def worst(changes: Sequence[Change]) -> Change:
    """Worse over can't tell over no worse; nothing compared can't be told."""
    for each in (Change.WORSE, Change.UNKNOWN):
        if each in changes:
            return each
    return Change.NO_WORSE if changes else Change.UNKNOWN


def _of_both(first: RunRecord, second: RunRecord) -> list[Objective]:
    found = {each.name: each for record in (second, first) for each in record.plan.objectives}
    return list(found.values())


def _objective(
    objective: Objective, measured: Sequence[Measurement], runs: tuple[RunVerdict, RunVerdict], tolerance: Tolerance
) -> ObjectiveChange:
    before, after = measured
    rows = [next((row for row in run.objectives if row.name == objective.name), None) for run in runs]
    verdicts = [row.verdict if row else None for row in rows]
    allowed = _allowed(before, tolerance)
    found = stats.difference(_estimate(before), _estimate(after))
    change, reason = _judged(objective, found, allowed, (verdicts[0], verdicts[1]))
    if not before.samples or not after.samples:
        change, reason = Change.UNKNOWN, "nothing was measured in one of the runs"
    if doubted := [row.reason for row in rows if row and " withheld: " in row.reason]:
        change, reason = Change.UNKNOWN, doubted[0]
    return ObjectiveChange(
        name=objective.name,
        sli=objective.sli,
        phase=str(objective.phase),
        unit=after.unit or before.unit,
        first=number(before.value),
        second=number(after.value),
        endless=(before.value == math.inf, after.value == math.inf),
        difference=number(found.value),
        interval=(number(found.low), number(found.high)),
        tolerance=number(allowed),
        verdicts=(verdicts[0], verdicts[1]),
        change=change,
        reason=reason,
    )


def _judged(
    objective: Objective, found: stats.Estimate, allowed: float, verdicts: tuple[Verdict | None, Verdict | None]
) -> tuple[Change, str]:
    if verdicts == (Verdict.PASS, Verdict.FAIL):
        return Change.WORSE, f"PASS before, FAIL now (asked: {objective.bound.text})"
    # How much worse, at least and at most: less of what should be high, more of what should be low.
    least, most = (-found.high, -found.low) if objective.bound.op == ">=" else (found.low, found.high)
    if least > allowed:
        return Change.WORSE, "the whole interval of the difference is beyond the tolerance"
    if most <= allowed:
        return Change.NO_WORSE, ""
    return Change.UNKNOWN, "the interval of the difference holds both more and less than the tolerance"


def _allowed(before: Measurement, tolerance: Tolerance) -> float:
    if before.unit == "share":
        return tolerance.share
    relative = abs(before.value) * tolerance.relative
    return max(relative, tolerance.seconds) if before.unit == "s" else relative


def _measured(record: RunRecord, objective: Objective) -> Measurement:
    try:
        return sli.measure(record, objective.sli, objective.phase)
    except UsageError:
        return sli.NO_DATA


def _estimate(measured: Measurement) -> stats.Estimate:
    return stats.Estimate(measured.value, measured.low, measured.high, measured.samples, measured.effective, 0)


def _found(rows: Sequence[InvariantVerdict], name: str) -> InvariantVerdict | None:
    return next((row for row in rows if row.name == name), None)


def _invariant(name: str, before: InvariantVerdict | None, after: InvariantVerdict | None) -> InvariantChange:
    verdicts = (before.verdict if before else None, after.verdict if after else None)
    return InvariantChange(
        name=name,
        verdicts=verdicts,
        breaches=(before.breaches if before else 0, after.breaches if after else 0),
        change=_of_verdicts(*verdicts),
    )


def _of_verdicts(before: Verdict | None, after: Verdict | None) -> Change:
    """A breach is worse than none; what was not tried, or not decided, can't be told, unless it was broken before."""
    if after is Verdict.FAIL:
        return Change.NO_WORSE if before is Verdict.FAIL else Change.WORSE
    return Change.NO_WORSE if after is Verdict.PASS or before is Verdict.FAIL else Change.UNKNOWN


def _of_invariant(row: InvariantChange) -> str:
    before, after = (verdict or "not tried" for verdict in row.verdicts)
    return f"{before} before, {after} now"
