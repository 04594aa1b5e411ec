"""The verdict of a stored run. Pure: the same run directory gives the same document, byte for byte.

The overall verdict is the worst of all objectives, invariants, and reasons to withhold PASS: a run that was
cut short or damaged, a fault without proof, a baseline that was not steady, a load generator that was late,
counts that do not reconcile.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from idchaos.contract import CALLED_BAD, COUNTS, LOGS
from idchaos.experiment import Objective, PhaseName, Verdict
from idchaos.record import host
from idchaos.record.record import FaultRecord, Run, RunRecord
from idchaos.values import number
from idchaos.verdict import stats
from idchaos.verdict.coverage import coverage
from idchaos.verdict.document import (
    Count,
    FaultVerdict,
    Generator,
    InvariantVerdict,
    ObjectiveVerdict,
    RunVerdict,
    SliValue,
)
from idchaos.verdict.evidence import Evidence
from idchaos.verdict.generator_health import GeneratorHealth
from idchaos.verdict.invariants import (
    DEAD_ON_ARRIVAL,
    ISOLATION,
    LEFT_OUT,
    LINES,
    LOG_GROWTH,
    LOGS_INVARIANT,
    PROMPTNESS,
    InvariantJudgement,
    judge_implied,
    judge_planned,
)
from idchaos.verdict.isolation import judge_answers
from idchaos.verdict.leaks import judge_growth, judge_lines, judge_logs, judge_quotes
from idchaos.verdict.measurements import CHANGES, PER_PHASE, Again, Answer, Asked, Measurements, measure_run
from idchaos.verdict.measures import measures
from idchaos.verdict.missable import Missable, missable
from idchaos.verdict.objectives import Judgement, deciding, judge
from idchaos.verdict.observation import left_out, not_observed, strict, unpromised, untried, untried_keys
from idchaos.verdict.paging import paging
from idchaos.verdict.promptness import judge_junk
from idchaos.verdict.proofs import fault_reasons
from idchaos.verdict.reconcile import Row
from idchaos.verdict.sli import Measurement
from idchaos.verdict.unasked import judge_unasked
from idchaos.verdict.ways import Unseen, undecided, unmet

__all__ = [
    "Count",
    "FaultVerdict",
    "Generator",
    "InvariantVerdict",
    "ObjectiveVerdict",
    "RunVerdict",
    "SliValue",
    "judge_measured",
    "judge_run",
]


@dataclass(frozen=True)
class _Claim:
    """A verdict with its reason, before they are put together."""

    verdict: Verdict
    reason: str


def judge_run(record: RunRecord) -> RunVerdict:
    """Measure and judge a stored run."""
    return judge_measured(measure_run(record))


def judge_measured(measured: Measurements) -> RunVerdict:
    """Judge what was measured of a run."""
    run = measured.run
    unseen = not_observed(run)
    hidden = {each.name for each in unseen}
    invariants = tuple(_invariants(measured, hidden))
    objectives = tuple(
        _objective(measured, *each) for each in zip(run.plan.objectives, measured.objectives, strict=True)
    )
    objectives = tuple(
        each for each in objectives if each.samples or not {each.name, each.sli, each.sli.partition("{")[0]} & hidden
    )
    faults = tuple(_fault(fault) for fault in run.faults)
    claims = [
        *(_Claim(each.verdict, each.reason) for each in invariants),
        *(_Claim(each.verdict, each.reason) for each in objectives),
    ]
    withheld = [
        *_withheld(run, measured.counts, hidden),
        *(f"not observed: {each.name}: {each.why}" for each in unseen if strict(run)),
        *measured.baseline,
        *(reason for each in faults for reason in each.reason.split("\n") if reason),
    ]
    judged = [claim.verdict for claim in claims] or [Verdict.INCONCLUSIVE]
    overall = Verdict.worst([*judged, *(Verdict.INCONCLUSIVE for _ in withheld)])
    return RunVerdict(
        scenario=run.manifest.scenario,
        variant=run.manifest.variant,
        profile=run.manifest.profile,
        seed=run.manifest.seed,
        verdict=overall,
        reasons=_reasons(claims, withheld),
        run_dir=run.manifest.run_dir or run.run_dir,
        started_at=number(run.started_at, 3),
        status=run.status,
        not_observed=unseen,
        unpromised=unpromised(run, measured.evidence),
        left_out=_left_out(run, measured.evidence),
        objectives=objectives,
        invariants=invariants,
        faults=tuple(each.model_copy(update={"reason": each.reason.replace("\n", "; ")}) for each in faults),
        cleanup=run.cleanup,
        slis=_slis(measured, PER_PHASE),
        changes=_slis(measured, CHANGES),
        measures=measures(measured),
        felt=measured.felt,
        paging=paging(measured),
        revocation_lag=_revocation_lag(measured),
        reconciliation=tuple(_count(row) for row in measured.counts),
        generator=tuple(_generator(name, health) for name, health in measured.health.items()),
        coverage=coverage(run, measured.evidence),
    )


def _left_out(run: Run, evidence: Evidence) -> tuple[Unseen, ...]:
    """What no objective and no invariant of this run speaks of."""
    met = (*undecided(run, evidence), *unmet(run, evidence), *untried_keys(run, evidence))
    return (*left_out(run), *untried(run), *met)


def _invariants(measured: Measurements, hidden: Collection[str]) -> Iterator[InvariantVerdict]:
    """The plan's, and those of every run."""
    run, evidence = measured.run, measured.evidence
    found = [(invariant.name, judge_planned(invariant, run, evidence)) for invariant in run.plan.invariants]
    found.append((LOGS_INVARIANT, judge_logs(run)))
    own = (
        (LINES, judge_lines(run, evidence)),
        (LOG_GROWTH, judge_growth(run)),
        (ISOLATION, judge_answers(run, evidence)),
        (PROMPTNESS, judge_junk(evidence)),
        (CALLED_BAD, measured.told_bad),
        (LEFT_OUT, measured.unserved),
        (DEAD_ON_ARRIVAL, measured.dead_on_arrival),
    )
    found += [(name, each) for name, each in own if each is not None]
    for name, each in (*found, *judge_quotes(run), *judge_unasked(run), *judge_implied(run, evidence)):
        if each.breaches or name not in hidden or (each.attempts and name not in (LOGS, CALLED_BAD)):
            yield _invariant(name, each)


def _reasons(claims: Sequence[_Claim], withheld: Sequence[str]) -> tuple[str, ...]:
    """FAIL first, then what concerns the whole run, then the undecided; each only once."""
    failed = [claim.reason for claim in claims if claim.verdict is Verdict.FAIL]
    undecided = [claim.reason for claim in claims if claim.verdict is Verdict.INCONCLUSIVE]
    return tuple(dict.fromkeys([*failed, *withheld, *undecided]))


def _withheld(record: Run, counts: Sequence[Row], hidden: Collection[str]) -> list[str]:
    """Why the run as a whole can't PASS."""
    reasons = []
    if not record.plan.objectives and not record.plan.invariants:
        reasons.append("nothing was judged: the plan has neither objectives nor invariants")
    if record.status != "completed":
        errors = [event.text("message") for event in record.named("error")]
        errors = [error for error in errors if error not in ("", record.status)]
        reasons.append(f"the run was not completed: {record.status}" + (f": {errors[-1]}" if errors else ""))
    reasons += list(record.damage)
    missing = [phase.name.value for phase in record.plan.phases if phase.name not in record.windows]
    if missing:
        reasons.append(f"phases that never began: {', '.join(missing)}")
    if record.status == "completed" and not counts and COUNTS not in hidden:
        reasons.append("counts do not reconcile: no counts were recorded")
    reasons += [row.reason for row in counts if row.reason]
    return reasons


def _objective(every: Measurements, objective: Objective, asked: Asked) -> ObjectiveVerdict:
    window = every.run.window(objective.phase)
    judged = _judged(every.run, objective, asked.answer)
    if asked.unknown:
        judged = Judgement(Verdict.INCONCLUSIVE, f"{objective.name} in {objective.phase}: {asked.unknown}")
    doubts = _doubts(every, objective, asked)
    if window and judged.verdict is Verdict.FAIL:
        doubts += _late(every, objective, asked)
        doubts += _starved(every.run, asked, host.starved(every.troubles, window))
    if doubts and judged.verdict is not Verdict.INCONCLUSIVE:
        reason = f"{objective.name} in {objective.phase}: {judged.verdict} withheld: {'; '.join(dict.fromkeys(doubts))}"
        judged = Judgement(Verdict.INCONCLUSIVE, reason)
    measured = deciding(asked.answer.measured, objective.bound, asked.answer.within)
    return ObjectiveVerdict(
        name=objective.name,
        sli=objective.sli,
        phase=str(objective.phase),
        value=number(measured.value),
        interval=(number(measured.low), number(measured.high)),
        endless=measured.value == math.inf,
        samples=measured.samples,
        effective=number(measured.effective, 1) or 0.0,
        unit=measured.unit,
        bound=objective.bound.text,
        verdict=judged.verdict,
        reason=judged.reason,
        note=measured.note,
        why=objective.why,
        could_have_missed=_missable(window, measured) if judged.verdict is Verdict.PASS else None,
    )


def _judged(run: Run, objective: Objective, answer: Answer) -> Judgement:
    window = run.window(objective.phase)
    return judge(objective, answer.measured, window[1] - window[0] if window else None, answer.within)


def _doubts(every: Measurements, objective: Objective, asked: Asked) -> list[str]:
    """Why neither PASS nor FAIL can be trusted: the load generator, the baseline, the machine."""
    troubles, run = every.troubles, every.run
    compared = _compared(objective)
    doubts: list[str] = []
    if asked.answer.measured.of_generator or compared:
        # Explicit refusals are enough for a FAIL, whenever they were asked for.
        if not _stands(run, asked.refused):
            doubts += [reason for each in _healths(every, objective) for reason in each.reasons]
        # Without a baseline to compare later phases with, nothing in them is the fault's doing.
        doubts += every.baseline if objective.phase not in (PhaseName.WARMUP, PhaseName.BASELINE) else ()
    if compared and (before := run.window(PhaseName.BASELINE)):
        doubts += host.withheld(troubles, before)
        doubts += [f"the machine was short of CPU ({span.why})" for span in host.starved(troubles, before)]
    if window := run.window(objective.phase):
        doubts += host.withheld(troubles, window)
    return doubts


def _compared(objective: Objective) -> bool:
    """Whether it is a difference: measured from the baseline too, and what upset that one upsets it either way."""
    return objective.sli.partition("{")[0].endswith("_change")


def _healths(every: Measurements, objective: Objective) -> list[GeneratorHealth]:
    """How the load generator did in the phases that an objective is measured in."""
    phases = list(every.health) if objective.phase == "all" else [objective.phase]
    phases += [PhaseName.BASELINE] if _compared(objective) else []
    return [every.health[phase] for phase in phases if phase in every.health]


def _late(every: Measurements, objective: Objective, asked: Asked) -> list[str]:
    """Why a latency that misses its bound may be the load generator's lateness; empty when it misses it without, too.
    One that keeps to its bound keeps to it with all lateness in it.
    """
    if not asked.answer.measured.of_generator or _stands(every.run, asked.since_sent):
        return []
    return [reason for each in _healths(every, objective) if (reason := each.too_late_for(objective))]


def _stands(run: Run, again: Again | None) -> bool:
    """Whether what was asked again is a FAIL too."""
    return again is not None and _judged(run, again.objective, again.answer).verdict is Verdict.FAIL


def _missable(window: tuple[float, float] | None, measured: Measurement) -> Missable | None:
    """Of shares alone. Where there are fewer samples than seconds, samples are what was seen."""
    if measured.kind != "share" or window is None:
        return None
    return missable(measured.value, min(measured.samples, math.floor((window[1] - window[0]) / stats.BIN_S)))


def _starved(run: Run, asked: Asked, starved: Sequence[host.Span]) -> list[str]:
    """Why a FAIL may be the machine's doing; empty when it stands. The rule is that of :mod:`idchaos.record.host`."""
    # Nothing was asked again where waiting can't be the cause.
    if not asked.calm or any(_stands(run, again) for again in asked.calm):
        return []
    why = "; ".join(dict.fromkeys(span.why for span in starved))
    return [f"the machine was short of CPU for {host.starved_s(starved):.0f} s ({why})"]


def _invariant(name: str, found: InvariantJudgement) -> InvariantVerdict:
    return InvariantVerdict(
        name=name,
        attempts=found.attempts,
        breaches=found.breaches,
        counted=found.counted,
        verdict=found.judgement.verdict,
        reason=found.judgement.reason,
        by_canary=tuple({"canary": kind, "phase": phase, "attempts": count} for kind, phase, count in found.by_canary),
        evidence=found.evidence,
    )


def _fault(fault: FaultRecord) -> FaultVerdict:
    """``reason`` has one reason a line here."""
    reasons = fault_reasons(fault)
    return FaultVerdict(
        name=fault.name,
        phase=fault.phase,
        applied_at=number(fault.applied_at, 3),
        healed_at=number(fault.healed_at, 3),
        effect_proved=not reasons,
        evidence=tuple(effect.model_copy(update={"at": number(effect.at, 3) or 0.0}) for effect in fault.effects),
        reason="\n".join(reasons),
    )


def _slis(every: Measurements, spellings: Sequence[str]) -> tuple[SliValue, ...]:
    return tuple(
        SliValue(
            sli=spelling,
            phase=phase.value,
            value=number(measured.value),
            interval=(number(measured.low), number(measured.high)),
            endless=measured.value == math.inf,
            samples=measured.samples,
            unit=measured.unit,
            note=measured.note,
        )
        for (spelling, phase), measured in every.slis.items()
        if spelling in spellings and measured.samples
    )


def _revocation_lag(every: Measurements) -> tuple[dict[str, JsonValue], ...]:
    rows: list[dict[str, JsonValue]] = []
    for row in every.revocations.to_dict("records"):
        times = {str(key): number(float(value)) for key, value in row.items() if str(key).endswith(("_s", "_at"))}
        texts = {key: str(row[key]) for key in ("probe", "replica", "format", "note")}
        rows.append({**texts, **times, "censored": bool(row["censored"])})
    return tuple(rows)


def _count(row: Row) -> Count:
    return Count(
        what=row.what,
        expected=(row.low, row.high),
        seen=row.seen,
        agrees=row.agrees,
        by_flow=dict(row.by_flow),
        note=row.note,
    )


def _generator(phase: PhaseName, health: GeneratorHealth) -> Generator:
    return Generator(
        phase=phase.value,
        late_p99_s=number(health.late_p99_s) or 0.0,
        late_limit_s=number(health.late_limit_s) or 0.0,
        due=health.due,
        own_dropped=health.own_dropped,
        target_dropped=health.target_dropped,
        healthy=not health.reasons,
    )
