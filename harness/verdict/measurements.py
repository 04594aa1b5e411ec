"""All that is measured of a run, each once: what objectives, invariants, measures and tables ask for. Pure.

What comes after this, judgements and report, sees measurements and evidence, and no samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from idchaos.errors import UsageError
from idchaos.experiment import Bound, Objective, PhaseName, Verdict
from idchaos.record import host
from idchaos.record.record import Run, RunRecord, When
from idchaos.verdict import sli, stats
from idchaos.verdict.dead_on_arrival import judge_dead_on_arrival
from idchaos.verdict.evidence import Evidence, evidence_of
from idchaos.verdict.felt import Felt, felt
from idchaos.verdict.generator_health import GeneratorHealth, baseline_reasons, generator_health, latency_quantile
from idchaos.verdict.guide import DEFINITIONS, Definition
from idchaos.verdict.invariants import InvariantJudgement
from idchaos.verdict.lifetimes import LifetimeBin, lifetime_histogram
from idchaos.verdict.objectives import judge
from idchaos.verdict.reconcile import Row, reconcile
from idchaos.verdict.served import Counts, per_second
from idchaos.verdict.told_bad import judge_told_bad
from idchaos.verdict.traffic import Traffic, traffic_of
from idchaos.verdict.unserved import judge_unserved
from idchaos.verdict.wire import on_the_wire

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
BY_WAITING = ("token_expired",)
"""Explicit refusals of good tokens that waiting can have caused."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was measured of an SLI."""

    measured: sli.Measurement
    within: stats.Estimate | None = None
    """Of a quantile: the share of samples that keep to the bound."""


@dataclass(frozen=True, slots=True)
class Again:
    """An objective asked again without what somebody's waiting can have spoilt: a FAIL of it is the target's."""

    objective: Objective
    answer: Answer


@dataclass(frozen=True, slots=True)
class Asked:
    """What was measured for an objective. What is asked again, is where the answer was a FAIL."""

    answer: Answer
    unknown: str = ""
    """Why it can't be measured at all; empty where it can."""
    calm: tuple[Again, ...] = ()
    """Where the machine was short of CPU: without what that can have spoilt; empty where it can't spoil anything."""
    refused: Again | None = None
    """Of a share: by explicit answers alone, which no lateness of the load generator brings about."""
    since_sent: Again | None = None
    """Of a latency: counted from when requests were sent, so without the load generator's own lateness."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """Of one run."""

    run: Run
    objectives: tuple[Asked, ...]
    """Of each of the plan's objectives, in its order."""
    slis: Mapping[tuple[str, PhaseName], sli.Measurement]
    """:data:`PER_PHASE` of every phase, then :data:`CHANGES` of those after the baseline."""
    guide: Mapping[str, Answer]
    """The guide's measures, by id, over the whole run."""
    lifetimes: tuple[LifetimeBin, ...]
    served: tuple[Counts, Counts]
    """See :func:`idchaos.verdict.served.per_second`; empty without a phase after the warm-up."""
    felt: Felt | None
    revocations: pd.DataFrame
    """See :func:`idchaos.verdict.lags.revocation_lags`."""
    evidence: Evidence
    told_bad: InvariantJudgement | None
    """See :func:`idchaos.verdict.told_bad.judge_told_bad`: it takes the samples."""
    unserved: InvariantJudgement | None
    """See :func:`idchaos.verdict.unserved.judge_unserved`: it takes the samples, too."""
    dead_on_arrival: InvariantJudgement | None
    """See :func:`idchaos.verdict.dead_on_arrival.judge_dead_on_arrival`."""
    counts: tuple[Row, ...]
    health: Mapping[PhaseName, GeneratorHealth]
    baseline: tuple[str, ...]
    """Why the baseline is not steady; empty when it is."""
    troubles: tuple[host.Span, ...]
    """When the machine was not itself."""


def measure_run(record: RunRecord) -> Measurements:
    """Measure all that is asked of a run."""
    traffic, troubles = traffic_of(record), host.spans(record.events)
    later = [name for name in record.windows if name in AFTERWARDS]
    tables: list[tuple[Sequence[str], Sequence[PhaseName]]] = [(PER_PHASE, list(record.windows)), (CHANGES, later)]
    window = record.window("all") or (0.0, 0.0)
    return Measurements(
        run=record,
        objectives=tuple(_asked(traffic, objective, troubles) for objective in record.plan.objectives),
        slis={
            (spelling, phase): sli.measured_in(traffic, spelling, phase)
            for spellings, phases in tables
            for spelling in spellings
            for phase in phases
        },
        guide={definition.id: _of_the_guide(traffic, definition) for definition in DEFINITIONS},
        lifetimes=lifetime_histogram(record),
        served=per_second(record, *window),
        felt=felt(record),
        revocations=sli.revocation_table(record),
        evidence=evidence_of(record),
        told_bad=judge_told_bad(record, traffic),
        unserved=judge_unserved(record, traffic),
        dead_on_arrival=judge_dead_on_arrival(record, traffic),
        counts=(*reconcile(record), *on_the_wire(record)),
        health={name: generator_health(record, name) for name in record.windows},
        baseline=baseline_reasons(record),
        troubles=troubles,
    )


def answered(traffic: Traffic, spelling: str, phase: When, limit: float) -> Answer:
    """An SLI of a phase, and how much of it keeps to a limit.

    Raises:
        UsageError: there is no such SLI.
    """
    measured = sli.measured_in(traffic, spelling, phase)
    return Answer(measured, sli.within_in(traffic, spelling, phase, limit))


def _of_the_guide(traffic: Traffic, definition: Definition) -> Answer:
    if definition.target is None:
        return Answer(sli.measured_in(traffic, definition.sli, "all"))
    return answered(traffic, definition.sli, "all", definition.target.limit)


def _asked(traffic: Traffic, objective: Objective, troubles: Sequence[host.Span]) -> Asked:
    try:
        answer = answered(traffic, objective.sli, objective.phase, objective.bound.limit)
    except UsageError as error:
        return Asked(Answer(sli.NO_DATA), str(error))
    window = traffic.record.window(objective.phase)
    if window is None:
        return Asked(answer)
    if judge(objective, answer.measured, window[1] - window[0], answer.within).verdict is not Verdict.FAIL:
        return Asked(answer)
    starved = host.starved(troubles, window)
    spoilt = starved and sli.describe(objective.sli)[0].worsened_by_waiting
    of_share = answer.measured.kind == "share" and answer.measured.of_generator
    since_sent = objective.sli.replace("latency_p", "service_time_p", 1) if latency_quantile(objective.sli) else ""
    return Asked(
        answer,
        calm=_calm(traffic, objective, answer.measured, starved) if spoilt else (),
        refused=_again(_explicit(traffic), objective) if of_share else None,
        since_sent=_again(traffic, objective, spelling=since_sent) if since_sent else None,
    )


def _calm(
    traffic: Traffic, objective: Objective, measured: sli.Measurement, starved: Sequence[host.Span]
) -> tuple[Again, ...]:
    if not (measured.of_generator or measured.kind == "rate"):
        # A lag: no longer, and no shorter, than by what was waited for.
        moved_s = host.moved_s(traffic.samples, starved)
        bound = objective.bound
        limit = bound.limit + moved_s if bound.op == "<=" else bound.limit - moved_s
        return (_again(traffic, objective, bound=bound.model_copy(update={"limit": limit})),)
    calm = traffic.without([(span.since - host.SLACK_S, span.until + host.SLACK_S) for span in starved])
    with_refusals = Traffic(traffic.record, calm.all | _explicit(traffic).all)
    rests = [calm, with_refusals] if measured.unit == "share" else [calm]
    return tuple(_again(rest, objective) for rest in rests)


def _explicit(traffic: Traffic) -> Traffic:
    """The traffic that was decided. An explicit refusal is no wait, but for one of a token that expired over it."""
    spoilt = ~traffic.decided | traffic.equal("error_code", *BY_WAITING)
    return Traffic(traffic.record, traffic.all & ~spoilt)


def _again(traffic: Traffic, objective: Objective, *, spelling: str = "", bound: Bound | None = None) -> Again:
    asked = objective.model_copy(update={"sli": spelling or objective.sli, "bound": bound or objective.bound})
    return Again(asked, answered(traffic, asked.sli, asked.phase, asked.bound.limit))
