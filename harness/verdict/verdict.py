"""The verdict of a stored run. Pure: the same run directory gives the same document, byte for byte.

The overall verdict is the worst of all objectives, invariants, and reasons to withhold PASS: a run that was
cut short or damaged, a fault without proof, a baseline that was not steady, a load generator that was late,
counts that do not reconcile.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from idchaos.contract import COUNTS, LOGS
from idchaos.errors import UsageError
from idchaos.experiment import Objective, PhaseName, Verdict
from idchaos.record import host
from idchaos.record.record import Cleanup, Effect, RunRecord
from idchaos.values import Interval, Value, number
from idchaos.verdict import sli, stats
from idchaos.verdict.coverage import Covered, coverage
from idchaos.verdict.felt import Felt, felt
from idchaos.verdict.generator_health import GeneratorHealth, baseline_reasons, generator_health
from idchaos.verdict.invariants import (
    ISOLATION,
    LOGS_INVARIANT,
    PROMPTNESS,
    REFUSALS,
    InvariantJudgement,
    implied_invariants,
    judge_invariant,
)
from idchaos.verdict.isolation import judge_isolation
from idchaos.verdict.leaks import judge_logs, judge_refusals
from idchaos.verdict.measures import Measure, measures
from idchaos.verdict.missable import Missable, missable
from idchaos.verdict.objectives import Judgement, deciding, judge
from idchaos.verdict.observation import Unpromised, Unseen, left_out, not_observed, strict, unpromised, untried
from idchaos.verdict.paging import Paging, paging
from idchaos.verdict.promptness import judge_promptness
from idchaos.verdict.proofs import fault_reasons
from idchaos.verdict.reconcile import Row, reconcile
from idchaos.verdict.traffic import Traffic, traffic_of
from idchaos.verdict.wire import on_the_wire

SCHEMA = 1
PER_PHASE = (
    "success_rate{flow=api}",
    "wrongly_denied_rate{flow=api}",
    "unavailable_rate{flow=api}",
    "success_rate{flow=opaque}",
    "latency_p50{flow=api}",
    "latency_p95{flow=api}",
    "latency_p99{flow=api}",
    "login_success_rate",
    "refresh_error_rate",
    "token_issuance_error_rate",
    "jwks_fetch_rate",
    "jwks_fetch_failures",
)
"""What the table of SLIs shows of every phase, objectives or not."""

CHANGES = (
    "success_rate_change{flow=api}",
    "wrongly_denied_rate_change{flow=api}",
    "unavailable_rate_change{flow=api}",
    "latency_p50_change{flow=api}",
    "latency_p95_change{flow=api}",
    "latency_p99_change{flow=api}",
)
"""What is compared with the baseline, objectives or not."""
AFTERWARDS = (PhaseName.FAULT, PhaseName.RECOVERY)


class ObjectiveVerdict(Value):
    """An objective, judged. ``value`` and bounds are ``null`` where nothing finite was observed; ``note``
    says why.
    """

    name: str
    sli: str
    phase: str
    value: float | None
    interval: Interval
    """The one that decided; ``null``: no end on that side."""
    endless: bool = False
    """Whether no end was seen: then there is no finite ``value``, though something was measured."""
    samples: int
    effective: float
    unit: str
    bound: str
    verdict: Verdict
    reason: str
    note: str
    why: str
    could_have_missed: Missable | None = None
    """Of a share that PASSed without any failure: what the phase is too short to show."""


class InvariantVerdict(Value):
    """An invariant, judged, with its denominators and what is needed to replay each breach."""

    name: str
    attempts: int
    breaches: int
    counted: str = "bad tokens accepted"
    """What breaches are, of attempts."""
    verdict: Verdict
    reason: str
    by_canary: tuple[dict[str, str | int], ...] = ()
    evidence: tuple[dict[str, str | float | int], ...] = ()


class FaultVerdict(Value):
    """Whether a fault was in force when it should have been, and gone afterwards. Times are Unix seconds."""

    name: str
    phase: str | None
    applied_at: float | None
    healed_at: float | None
    effect_proved: bool
    evidence: tuple[Effect, ...]
    reason: str


class SliValue(Value):
    """One SLI in one phase."""

    sli: str
    phase: str
    value: float | None
    interval: Interval
    endless: bool = False
    samples: int
    unit: str
    note: str = ""


class Count(Value):
    """One comparison of counts. See :mod:`idchaos.verdict.reconcile`."""

    what: str
    expected: tuple[int, int]
    seen: int | None
    agrees: bool
    by_flow: dict[str, int]
    note: str = ""


class Generator(Value):
    """How the load generator kept its schedule in a phase."""

    phase: str
    late_p99_s: float
    late_limit_s: float
    due: int
    own_dropped: int
    target_dropped: int
    healthy: bool


class RunVerdict(Value):
    """``verdict.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    scenario: str
    variant: str
    profile: str
    seed: int
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why it is not PASS, worst first."""
    run_dir: str
    started_at: float | None
    status: str
    not_observed: tuple[Unseen, ...] = ()
    """What could not be looked at, since the target declares that it can't show it. A PASS does not speak of these."""
    unpromised: tuple[Unpromised, ...] = ()
    """Bad tokens that the target does not promise to refuse, and what became of them: told, and not judged."""
    left_out: tuple[Unseen, ...] = ()
    """Objectives that the scenario has and this run was not asked for, and what it was too short to try."""
    objectives: tuple[ObjectiveVerdict, ...]
    invariants: tuple[InvariantVerdict, ...]
    faults: tuple[FaultVerdict, ...]
    cleanup: Cleanup
    """Reported apart: it does not change the verdict, but PASS with a clean-up that was not clean is no exit code 0."""
    slis: tuple[SliValue, ...]
    measures: tuple[Measure, ...] = ()
    """The guide's, over the whole run: they inform, and change no verdict."""
    felt: Felt | None = None
    """What became of good requests."""
    paging: Paging | None = None
    """Would it have paged? ``null`` where nothing came after the warm-up."""
    changes: tuple[SliValue, ...] = ()
    """SLIs of each phase after the baseline minus those of the baseline."""
    revocation_lag: tuple[dict[str, JsonValue], ...]
    reconciliation: tuple[Count, ...]
    generator: tuple[Generator, ...]
    coverage: tuple[Covered, ...] = ()
    """What was tried of canaries, by kind, phase, decider, route and method, and from which share of acceptances on
    that would have shown them."""

    def document(self) -> dict[str, JsonValue]:
        """As JSON values, in the order of ``verdict.json``."""
        document: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True)
        return document

    def to_json(self) -> str:
        """The text of ``verdict.json``."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class _Claim:
    """A verdict with its reason, before they are put together."""

    verdict: Verdict
    reason: str


def judge_run(record: RunRecord) -> RunVerdict:
    """Judge a stored run."""
    health = {name: generator_health(record, name) for name in record.windows}
    baseline = baseline_reasons(record)
    troubles = host.spans(record.events)
    objectives = tuple(
        _objective(record, objective, health, baseline, troubles) for objective in record.plan.objectives
    )
    planned = ((invariant.name, judge_invariant(invariant, record)) for invariant in record.plan.invariants)
    logs = (LOGS_INVARIANT, judge_logs(record))
    every = ((ISOLATION, judge_isolation), (REFUSALS, judge_refusals), (PROMPTNESS, judge_promptness))
    own = tuple((name, found) for name, judged in every if (found := judged(record)) is not None)
    unseen = not_observed(record)
    hidden = {each.name for each in unseen}
    invariants = tuple(
        _invariant(name, found)
        for name, found in (*planned, logs, *own, *implied_invariants(record))
        if found.breaches or name not in hidden or (found.attempts and name != LOGS)
    )
    objectives = tuple(
        each for each in objectives if each.samples or not {each.name, each.sli, each.sli.partition("{")[0]} & hidden
    )
    faults = tuple(_fault(record, index) for index in range(len(record.faults)))
    counts = (*reconcile(record), *on_the_wire(record))
    claims = [
        *(_Claim(each.verdict, each.reason) for each in invariants),
        *(_Claim(each.verdict, each.reason) for each in objectives),
    ]
    withheld = [
        *_withheld(record, counts, hidden),
        *(f"not observed: {each.name}: {each.why}" for each in unseen if strict(record)),
        *baseline,
        *(reason for each in faults for reason in each.reason.split("\n") if reason),
    ]
    judged = [claim.verdict for claim in claims] or [Verdict.INCONCLUSIVE]
    overall = Verdict.worst([*judged, *(Verdict.INCONCLUSIVE for _ in withheld)])
    return RunVerdict(
        scenario=record.manifest.scenario,
        variant=record.manifest.variant,
        profile=record.manifest.profile,
        seed=record.manifest.seed,
        verdict=overall,
        reasons=_reasons(claims, withheld),
        run_dir=record.manifest.run_dir or record.run_dir,
        started_at=number(record.started_at, 3),
        status=record.status,
        not_observed=unseen,
        unpromised=unpromised(record),
        left_out=(*left_out(record), *untried(record)),
        objectives=objectives,
        invariants=invariants,
        faults=tuple(each.model_copy(update={"reason": each.reason.replace("\n", "; ")}) for each in faults),
        cleanup=record.cleanup,
        slis=_slis(record, PER_PHASE, record.windows),
        changes=_slis(record, CHANGES, [name for name in record.windows if name in AFTERWARDS]),
        measures=measures(record, health),
        felt=felt(record),
        paging=paging(record, health),
        revocation_lag=_revocation_lag(record),
        reconciliation=tuple(_count(row) for row in counts),
        generator=tuple(_generator(name, health[name]) for name in record.windows),
        coverage=coverage(record),
    )


def _reasons(claims: Sequence[_Claim], withheld: Sequence[str]) -> tuple[str, ...]:
    """FAIL first, then what concerns the whole run, then the undecided; each only once."""
    failed = [claim.reason for claim in claims if claim.verdict is Verdict.FAIL]
    undecided = [claim.reason for claim in claims if claim.verdict is Verdict.INCONCLUSIVE]
    return tuple(dict.fromkeys([*failed, *withheld, *undecided]))


def _withheld(record: RunRecord, counts: Sequence[Row], hidden: Collection[str]) -> list[str]:
    """Why the run as a whole can't PASS."""
    reasons = []
    if not record.plan.objectives and not record.plan.invariants:
        reasons.append("nothing was judged: the plan has neither objectives nor invariants")
    if record.status != "completed":
        errors = [event.text("message") for event in record.named("error") if event.text("message")]
        reasons.append(f"the run was not completed: {record.status}" + (f": {errors[-1]}" if errors else ""))
    reasons += list(record.damage)
    missing = [phase.name.value for phase in record.plan.phases if phase.name not in record.windows]
    if missing:
        reasons.append(f"phases that never began: {', '.join(missing)}")
    if record.status == "completed" and not counts and COUNTS not in hidden:
        reasons.append("counts do not reconcile: no counts were recorded")
    reasons += [row.reason for row in counts if row.reason]
    return reasons


def _objective(
    record: RunRecord,
    objective: Objective,
    health: dict[PhaseName, GeneratorHealth],
    baseline: Sequence[str],
    troubles: Sequence[host.Span],
) -> ObjectiveVerdict:
    """``baseline``: why there is none to compare later phases with, so that nothing in them is the fault's doing.
    ``troubles``: when the machine was not itself.
    """
    try:
        measured, judged = _measured(traffic_of(record), objective)
    except UsageError as error:
        measured = sli.NO_DATA
        judged = Judgement(Verdict.INCONCLUSIVE, f"{objective.name} in {objective.phase}: {error}")
    phases = list(health) if objective.phase == "all" else [objective.phase]
    # A difference is measured from the baseline too, and what upset that one upsets it either way.
    compared = objective.sli.partition("{")[0].endswith("_change")
    phases += [PhaseName.BASELINE] if compared else []
    doubts: list[str] = []
    if measured.of_generator or compared:
        known = [health[phase] for phase in phases if phase in health]
        doubts += [reason for each in known for reason in (*each.reasons, each.too_late_for(objective)) if reason]
        doubts += baseline if objective.phase not in (PhaseName.WARMUP, PhaseName.BASELINE) else ()
    if compared and (before := record.window(PhaseName.BASELINE)):
        doubts += host.withheld(troubles, before)
        doubts += [f"the machine was short of CPU ({span.why})" for span in host.starved(troubles, before)]
    if window := record.window(objective.phase):
        doubts += host.withheld(troubles, window)
        if judged.verdict is Verdict.FAIL:
            doubts += _starved(record, objective, measured, host.starved(troubles, window))
    if doubts and judged.verdict is not Verdict.INCONCLUSIVE:
        reason = f"{objective.name} in {objective.phase}: {judged.verdict} withheld: {'; '.join(dict.fromkeys(doubts))}"
        judged = Judgement(Verdict.INCONCLUSIVE, reason)
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
        could_have_missed=_missable(record, objective, measured) if judged.verdict is Verdict.PASS else None,
    )


def _missable(record: RunRecord, objective: Objective, measured: sli.Measurement) -> Missable | None:
    """Of shares alone. Where there are fewer samples than seconds, samples are what was seen."""
    window = record.window(objective.phase)
    if measured.kind != "share" or window is None:
        return None
    return missable(measured.value, min(measured.samples, math.floor((window[1] - window[0]) / stats.BIN_S)))


def _measured(traffic: Traffic, objective: Objective) -> tuple[sli.Measurement, Judgement]:
    window = traffic.record.window(objective.phase)
    measured = sli.measured_in(traffic, objective.sli, objective.phase)
    within = sli.within_in(traffic, objective.sli, objective.phase, objective.bound.limit)
    judged = judge(objective, measured, window[1] - window[0] if window else None, within)
    return deciding(measured, objective.bound, within), judged


BY_WAITING = ("token_expired",)
"""Explicit refusals of good tokens that waiting can have caused."""


def _starved(
    record: RunRecord, objective: Objective, measured: sli.Measurement, starved: Sequence[host.Span]
) -> list[str]:
    """Why a FAIL may be the machine's doing; empty when it stands. The rule is that of :mod:`idchaos.record.host`."""
    if not starved or not sli.describe(objective.sli)[0].worsened_by_waiting:
        return []
    traffic = traffic_of(record)
    if measured.of_generator or measured.kind == "rate":
        calm = traffic.without([(span.since - host.SLACK_S, span.until + host.SLACK_S) for span in starved])
        rests = [calm, _not_waited(traffic, calm)] if measured.unit == "share" else [calm]
        stands = any(_measured(rest, objective)[1].verdict is Verdict.FAIL for rest in rests)
    else:
        moved = host.moved_s(record.samples, starved)
        stands = objective.bound.op == "<=" and measured.low - moved > objective.bound.limit
    why = "; ".join(dict.fromkeys(span.why for span in starved))
    return [] if stands else [f"the machine was short of CPU for {host.starved_s(starved):.0f} s ({why})"]


def _not_waited(traffic: Traffic, calm: Traffic) -> Traffic:
    """The traffic without what waiting for a CPU can have spoilt: an explicit refusal stands on any machine."""
    spoilt = ~traffic.decided | traffic.equal("error_code", *BY_WAITING)
    return Traffic(traffic.record, calm.all | (traffic.all & ~spoilt))


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


def _fault(record: RunRecord, index: int) -> FaultVerdict:
    """``reason`` has one reason a line here."""
    fault = record.faults[index]
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


def _slis(record: RunRecord, spellings: Iterable[str], phases: Iterable[PhaseName]) -> tuple[SliValue, ...]:
    rows = []
    for spelling in spellings:
        for phase in phases:
            measured = sli.measure(record, spelling, phase)
            if measured.samples:
                interval = (number(measured.low), number(measured.high))
                value = number(measured.value)
                rows.append(
                    SliValue(
                        sli=spelling,
                        phase=phase.value,
                        value=value,
                        interval=interval,
                        endless=measured.value == math.inf,
                        samples=measured.samples,
                        unit=measured.unit,
                        note=measured.note,
                    )
                )
    return tuple(rows)


def _revocation_lag(record: RunRecord) -> tuple[dict[str, JsonValue], ...]:
    rows: list[dict[str, JsonValue]] = []
    for row in sli.revocation_table(record).to_dict("records"):
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
