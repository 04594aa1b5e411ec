"""Runs of one plan with different seeds, judged together. Pure.

Each run is a cluster, so that how much runs differ is in the interval, whatever their seconds do. Fewer than
:data:`ENOUGH` tell little of that; where each of them comes to the same verdict, that is the verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from idchaos.errors import UsageError
from idchaos.experiment import Objective, Verdict
from idchaos.record.record import RunRecord
from idchaos.values import Interval, Value, number
from idchaos.verdict import clusters, sli, stats
from idchaos.verdict.missable import Missable, missable
from idchaos.verdict.objectives import deciding, judge
from idchaos.verdict.sli import Measurement
from idchaos.verdict.traffic import traffic_of
from idchaos.verdict.verdict import InvariantVerdict, RunVerdict

ENOUGH = 5
"""From so many runs on, how much they differ can be told from them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run's part of an objective."""

    measured: Measurement
    verdict: Verdict
    """The run's own, as it was judged alone."""
    seconds: float | None
    """How long the phase lasted; ``None``: it never began."""
    within: stats.Estimate | None = None
    """Of a quantile with an upper bound: the share of samples that keep to it."""
    trusted: bool = True
    """Whether nothing withheld the verdict (a late load generator, a machine short of CPU)."""


class RepeatedObjective(Value):
    """An objective over all runs. ``value`` and bounds are ``null`` where nothing finite was observed."""

    name: str
    sli: str
    phase: str
    bound: str
    value: float | None
    interval: Interval
    endless: bool = False
    """Whether no end was seen: then there is no finite ``value``, though something was measured."""
    samples: int
    unit: str
    verdicts: tuple[Verdict, ...]
    """Of each run alone."""
    verdict: Verdict
    reason: str = ""
    could_have_missed: Missable | None = None
    """Where nothing failed in any run: in how many runs something may."""


class RepeatedInvariant(Value):
    """An invariant over all runs: attempts and breaches added, the verdict the worst of all."""

    name: str
    attempts: int
    breaches: int
    verdict: Verdict
    reason: str = ""


class Repeats(Value):
    """Runs of one plan, judged together."""

    scenario: str
    variant: str
    seeds: tuple[int, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    objectives: tuple[RepeatedObjective, ...]
    invariants: tuple[RepeatedInvariant, ...]


def judge_repeats(runs: Sequence[tuple[RunRecord, RunVerdict]]) -> Repeats:
    """Judge stored runs of one plan together. Each comes with its own verdict.

    Raises:
        ValueError: there are no runs.
    """
    if not runs:
        raise ValueError("repeats: there are no runs to judge together")
    first, told = runs[0][1], {each.name for _, verdict in runs for each in verdict.objectives}
    objectives = tuple(
        judge_outcomes(objective, [_outcome(record, verdict, objective) for record, verdict in runs])
        for objective in runs[0][0].plan.objectives
        if objective.name in told
    )
    invariants = _invariants([verdict for _, verdict in runs])
    withheld = [
        f"run {number} (seed {verdict.seed}): {reason}"
        for number, (_, verdict) in enumerate(runs, 1)
        for reason in _of_the_run(verdict)
    ]
    claims = [(each.verdict, each.reason) for each in invariants]
    claims += [(each.verdict, each.reason) for each in objectives]
    judged = [verdict for verdict, _ in claims]
    failed, undecided = (
        [reason for verdict, reason in claims if verdict is wanted] for wanted in (Verdict.FAIL, Verdict.INCONCLUSIVE)
    )
    return Repeats(
        scenario=first.scenario,
        variant=first.variant,
        seeds=tuple(verdict.seed for _, verdict in runs),
        verdict=Verdict.worst([*(judged or [Verdict.INCONCLUSIVE]), *(Verdict.INCONCLUSIVE for _ in withheld)]),
        reasons=tuple(dict.fromkeys([*failed, *withheld, *undecided])),
        objectives=objectives,
        invariants=invariants,
    )


def judge_outcomes(objective: Objective, outcomes: Sequence[Outcome]) -> RepeatedObjective:
    """One objective over all runs. PASS takes runs that can all be trusted; FAIL takes those that can."""
    trusted = [each for each in outcomes if each.trusted]
    measured, verdict, reason = _together(objective, trusted)
    where, doubted = f"{objective.name} in {objective.phase}", len(outcomes) - len(trusted)
    if doubted and verdict is Verdict.PASS:
        verdict, reason = Verdict.INCONCLUSIVE, f"{where}: {doubted} of {len(outcomes)} runs can't be trusted"
    missed = None
    if verdict is Verdict.PASS and measured.kind == "share":
        missed = missable(measured.value, len(trusted), of="runs")
    return RepeatedObjective(
        name=objective.name,
        sli=objective.sli,
        phase=str(objective.phase),
        bound=objective.bound.text,
        value=number(measured.value),
        interval=(number(measured.low), number(measured.high)),
        endless=measured.value == math.inf,
        samples=measured.samples,
        unit=measured.unit,
        verdicts=tuple(each.verdict for each in outcomes),
        verdict=verdict,
        reason=reason,
        could_have_missed=missed,
    )


def share_over(runs: Sequence[tuple[float, int]]) -> stats.Estimate:
    """A share over runs, of each its own share and its number of samples; each run is a cluster."""
    some = [(share, samples) for share, samples in runs if samples]
    if not some:
        return stats.proportion(np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64))
    sizes = np.array([samples for _, samples in some], dtype=np.float64)
    good = np.round(np.array([share for share, _ in some]) * sizes)
    found = clusters.bounds(sizes, good)
    effective = min(float(found.below), float(found.above))
    n = int(sizes.sum())
    return stats.Estimate(float(found.share), float(found.low), float(found.high), n, effective, len(some))


def _together(objective: Objective, trusted: Sequence[Outcome]) -> tuple[Measurement, Verdict, str]:
    where = f"{objective.name} in {objective.phase}"
    if not trusted:
        return sli.NO_DATA, Verdict.INCONCLUSIVE, f"{where}: no run can be trusted"
    measured, within = _over(objective, trusted)
    verdicts = [each.verdict for each in trusted]
    agreed = verdicts[0] if len(set(verdicts)) == 1 else None
    if measured.kind != "share" and within is None:
        worst = Verdict.worst(verdicts)
        return measured, worst, _of_verdicts(where, verdicts) if worst is not Verdict.PASS else ""
    if len(trusted) < ENOUGH and agreed in (Verdict.PASS, Verdict.FAIL):
        return measured, agreed, _of_verdicts(where, verdicts) if agreed is Verdict.FAIL else ""
    lasted = [each.seconds for each in trusted if each.seconds is not None]
    judged = judge(objective, measured, sum(lasted) if lasted else None, within)
    reason = f"{judged.reason} (over {len(trusted)} runs)" if judged.reason else ""
    return deciding(measured, objective.bound, within), judged.verdict, reason


def _over(objective: Objective, trusted: Sequence[Outcome]) -> tuple[Measurement, stats.Estimate | None]:
    """What was measured in all runs; of a quantile with an upper bound, the share within it as well."""
    runs = [each.measured for each in trusted if each.measured.samples]
    if not runs:
        return trusted[0].measured, None
    if runs[0].kind == "share":
        found = share_over([(each.value, each.samples) for each in runs])
        return replace(
            runs[0], value=found.value, low=found.low, high=found.high, samples=found.samples, effective=found.effective
        ), None
    shares = [each.within for each in trusted if each.within is not None]
    within = share_over([(each.value, each.samples) for each in shares]) if shares else None
    if within is not None and objective.sli.startswith("revocation_lag"):
        # A lag that was lost sight of may have been within or not: only each run's own upper bound allows for that.
        within = replace(within, high=max(within.high, *(each.high for each in shares)))
    known = [each.value for each in runs if not math.isnan(each.value)]
    worst = max if objective.bound.op == "<=" else min
    hull = replace(
        runs[0],
        value=worst(known) if len(known) == len(runs) else math.nan,
        low=min(each.low for each in runs),
        high=max(each.high for each in runs),
        samples=sum(each.samples for each in runs),
        effective=sum(each.effective for each in runs),
    )
    return hull, within


def _of_verdicts(where: str, verdicts: Sequence[Verdict]) -> str:
    counted = ", ".join(f"{verdicts.count(each)} {each}" for each in Verdict if each in verdicts)
    return f"{where}: of {len(verdicts)} runs {counted}"


def _outcome(record: RunRecord, verdict: RunVerdict, objective: Objective) -> Outcome:
    """What this run says of it. Where its own verdict is milder than what was measured, something withheld it."""
    window, traffic = record.window(objective.phase), traffic_of(record)
    try:
        measured = sli.measured_in(traffic, objective.sli, objective.phase)
        within = sli.within_in(traffic, objective.sli, objective.phase, objective.bound.limit)
    except UsageError:
        return Outcome(sli.NO_DATA, Verdict.INCONCLUSIVE, None)
    seconds = window[1] - window[0] if window else None
    plain = judge(objective, measured, seconds, within).verdict
    own = next((each.verdict for each in verdict.objectives if each.name == objective.name), Verdict.INCONCLUSIVE)
    return Outcome(measured, own, seconds, within, trusted=own is plain)


def _invariants(verdicts: Sequence[RunVerdict]) -> tuple[RepeatedInvariant, ...]:
    found: dict[str, list[InvariantVerdict]] = {}
    for verdict in verdicts:
        for each in verdict.invariants:
            found.setdefault(each.name, []).append(each)
    return tuple(_invariant(name, rows) for name, rows in found.items())


def _invariant(name: str, rows: Sequence[InvariantVerdict]) -> RepeatedInvariant:
    worst = Verdict.worst([row.verdict for row in rows])
    return RepeatedInvariant(
        name=name,
        attempts=sum(row.attempts for row in rows),
        breaches=sum(row.breaches for row in rows),
        verdict=worst,
        reason=next((row.reason for row in rows if row.verdict is worst), ""),
    )


def _of_the_run(verdict: RunVerdict) -> list[str]:
    """Why a run as a whole can't PASS: reasons that are of no objective and of no invariant."""
    own = {each.reason for each in verdict.objectives} | {each.reason for each in verdict.invariants}
    return [reason for reason in verdict.reasons if reason not in own]
