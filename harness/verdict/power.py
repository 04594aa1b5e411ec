"""Can a plan decide its objectives? Foretold before anything is started. Pure: plan in, forecast out.

The judge claims nothing without evidence, so a phase that is too short, or a rate that is too low, ends INCONCLUSIVE
however well everything goes. That can be known beforehand: the streams say how many samples to expect, the judge's own
formulas (:mod:`idchaos.verdict.stats`) how many PASS takes.

``needed`` is what it takes *when nothing goes wrong*: every sample good, which the judge counts in full (design effect
:data:`ASSUMED_DESIGN_EFFECT`). Each failure raises it; ``tolerates`` says how many PASS would survive.

How many samples come is a matter of chance as well, so there are three answers: ``yes`` and ``no`` are sure,
``perhaps`` is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from idchaos.experiment import Canary, Invariant, Objective, PhaseName, Plan
from idchaos.indicators import Selector
from idchaos.planning import sample_counts as planned
from idchaos.planning.redirects import ALWAYS
from idchaos.planning.sample_counts import Count, Setup
from idchaos.record.rundir import SCRAPE_EVERY_S
from idchaos.values import Value
from idchaos.verdict import sli, stats
from idchaos.verdict.observation import too_short_for

ASSUMED_DESIGN_EFFECT = 1.0


class Decidable(StrEnum):
    """Whether the number of samples can suffice. ``perhaps``: it depends on chance, or on what can't be foretold."""

    YES = "yes"
    NO = "no"
    PERHAPS = "perhaps"

    @classmethod
    def worst(cls, found: Iterable[Decidable]) -> Decidable:
        """``no`` over ``perhaps`` over ``yes``."""
        return max(found, key=[cls.YES, cls.PERHAPS, cls.NO].index, default=cls.YES)


class ObjectiveForecast(Value):
    """What can be said of an objective beforehand. ``needed`` is ``null`` when no number of samples would do, or none
    is known.
    """

    name: str
    sli: str
    phase: str
    bound: str
    planned: Count
    needed: int | None
    design_effect: float = ASSUMED_DESIGN_EFFECT
    tolerates: int | None = None
    """Failures among ``planned.at_least`` that PASS would survive; ``null`` where that is no question."""
    could_miss: float | None = None
    """Of the share of seconds with a failure, what PASS without any failure leaves open: see
    :func:`idchaos.verdict.stats.could_have_missed`. ``null`` where that is no question.
    """
    decidable: Decidable
    phase_s: float | None = None
    """If not surely decidable: a phase of this length would be, at this rate."""
    rate: float | None = None
    """Or this many samples per second, in this phase."""
    reason: str = ""


class CanaryCount(Value):
    """Planned canaries of a kind in a phase (``all``: where one attempt in the whole run must do)."""

    canary: str
    phase: str
    planned: Count


class InvariantForecast(Value):
    """What can be said of an invariant beforehand."""

    name: str
    needed: int
    canaries: tuple[CanaryCount, ...]
    decidable: Decidable
    reason: str = ""
    left_out: str = ""
    """What such a run is too short to try, and does not speak of."""


class Forecast(Value):
    """Of one plan."""

    scenario: str
    variant: str
    duration_s: float
    rate: float
    decidable: Decidable
    objectives: tuple[ObjectiveForecast, ...]
    invariants: tuple[InvariantForecast, ...]


CANT_TELL = frozenset({"kid", "session", "way", "subject_service", "error_code"})
"""Selectors whose share of the traffic depends on what happens."""


COUNTERS = frozenset({"jwks_fetch_failures", "jwks_fetch_rate", "jwks_fetch_rate_max", "jwks_fetches_per_1000"})
"""SLIs of what components report by themselves."""
ONE_WILL_DO = frozenset(
    {
        "recovery_time", "retired_key_acceptance", "revocation_lag_max", "skew_threshold_min", "skew_threshold_max",
        "refusals_told_as_errors", "outages_told_as_refusals", "refusals_that_mislead", "attacker_last_success",
        "issuance_alarm_delay",
        "unserved_time", "audience_confusion", "audience_confusion_around", "token_request_peak",
        "refresh_attempts", "unbound_answers",
        "replays_unnoticed", "parallel_uses_accepted", "token_lifetime_max", "theft_window_max",
        "limits_untold", "revoked_accepted_after_rest", "files_left_open", "memory_growth",
        "introspections_per_request",
        "key_cache_age", "revocations_age", "readiness_mistaken", "sessions_lost",
    }
)  # fmt: skip
"""SLIs that are decided by whatever was seen."""


def foretell(plan: Plan, setup: Setup) -> Forecast:
    """Whether a plan's length and rate can decide its objectives and invariants.

    Raises:
        UsageError: an objective names no SLI.
    """
    objectives = tuple(_objective(plan, setup, objective) for objective in plan.objectives)
    invariants = tuple(_invariant(plan, setup, invariant) for invariant in plan.invariants)
    return Forecast(
        scenario=plan.scenario,
        variant=plan.variant,
        duration_s=plan.duration_s,
        rate=plan.load.rate,
        decidable=Decidable.worst([*(each.decidable for each in objectives), *(each.decidable for each in invariants)]),
        objectives=objectives,
        invariants=invariants,
    )


# --- objectives

Answer = tuple[Decidable, str]
SURELY: Answer = (Decidable.YES, "")


@dataclass(frozen=True)
class _Demand:
    """What PASS takes: samples in the objective's phase, perhaps in the baseline as well, or a reason why that can't be
    told.
    """

    needed: int | None
    baseline: int | None = None
    share: float | None = None
    """The share of good samples that must be shown, where that is the question."""
    answer: Answer = SURELY
    """What else is to be said."""


def _objective(plan: Plan, setup: Setup, objective: Objective) -> ObjectiveForecast:
    selector = sli.parse(objective.sli)
    span = planned.window(plan, objective.phase)
    seconds = span[1] - span[0] if span else 0.0
    count = planned.samples(plan, setup, selector, objective.phase)
    demand = _demand(plan, setup, objective, selector)
    enough = _enough(count, demand.needed, str(objective.phase))
    answers = [
        SURELY if span else _no(f"the plan has no phase {objective.phase}"),
        enough,
        demand.answer,
        _spread(seconds, demand),
        _known(selector),
    ]
    if demand.baseline is not None:
        before = planned.samples(plan, setup, selector, PhaseName.BASELINE)
        answers.append(_enough(before, demand.baseline, "baseline"))
    decidable = Decidable.worst(answer for answer, _ in answers)
    reason = next((said for answer, said in answers if answer is decidable), "")
    longer = faster = None
    if enough is not SURELY and demand.needed is not None and seconds and count.mean > 0:
        factor = planned.mean_for(demand.needed) / count.mean
        longer, faster = math.ceil(10 * seconds * factor) / 10, math.ceil(10 * count.mean * factor / seconds) / 10
    return ObjectiveForecast(
        name=objective.name,
        sli=objective.sli,
        phase=str(objective.phase),
        bound=objective.bound.text,
        planned=count,
        needed=demand.needed,
        tolerates=stats.tolerated(count.at_least, demand.share, int(seconds / stats.BIN_S))
        if demand.share and decidable is Decidable.YES
        else None,
        could_miss=round(stats.could_have_missed(math.floor(seconds / stats.BIN_S)), 4)
        if demand.share and decidable is not Decidable.NO
        else None,
        decidable=decidable,
        phase_s=longer,
        rate=faster,
        reason=reason,
    )


def _no(reason: str) -> Answer:
    return Decidable.NO, reason


def _perhaps(reason: str) -> Answer:
    return Decidable.PERHAPS, reason


def _enough(count: Count, needed: int | None, where: str) -> Answer:
    if needed is None or count.at_least >= needed:
        return SURELY
    said = f"{count.mean:,.0f} samples are planned in {where}, it takes {needed:,}"
    return _no(said) if count.at_most < needed else _perhaps(said)


def _spread(seconds: float, demand: _Demand) -> Answer:
    if (demand.needed or 0) > 1 and seconds < 2 * stats.BIN_S:
        return _perhaps("within less than 2 s all samples may fall into one second, which count as one")
    return SURELY


def _known(selector: Selector) -> Answer:
    unknown = sorted(CANT_TELL & {key for key, _ in selector.where}) if selector.name not in ONE_WILL_DO else []
    return _perhaps(f"how many samples have that {' and '.join(unknown)} can't be foretold") if unknown else SURELY


def _demand(plan: Plan, setup: Setup, objective: Objective, selector: Selector) -> _Demand:
    bound, name = objective.bound, selector.name
    at_least = bound.op == ">="
    name = name.removesuffix("_worst")
    base = name.removesuffix("_change")
    of = sli.find(base)
    good = at_least == (of is not None and of.counts == "good")
    if of and of.counts and base == name:
        demand = _share_demand(bound.limit if at_least else 1 - bound.limit, good=good)
    elif of and of.counts:
        demand = _change_demand(bound.limit, at_least=at_least, good=good)
    elif of and of.q and not base.startswith("token_lifetime"):
        demand = _quantile_demand(of.q, at_least=at_least, change=base != name)
    elif name in COUNTERS:
        demand = _report_demand(plan, objective)
    elif name == "refusal_window":
        demand = _refusal_demand(plan, setup, objective)
    elif name == "sessions_beyond_policy":
        demand = _Demand(1, answer=_old_enough(plan, setup, objective))
    elif name == "tampered_redirects_accepted":
        demand = _Demand(1, answer=_each_way(plan, objective))
    elif name in ONE_WILL_DO:
        demand = _Demand(1)
    else:
        demand = _Demand(1, answer=_perhaps("how many samples it takes is not known beforehand"))
    return demand


def _share_demand(limit: float, *, good: bool) -> _Demand:
    if not good:
        return _Demand(None, answer=_perhaps("it asks for failures: nothing is known of them beforehand"))
    if limit >= 1:
        return _Demand(None, answer=_no("exactly 100 % can't be shown by any number of samples"))
    return _Demand(stats.samples_needed(limit), share=limit if limit > 0 else None)


def _change_demand(limit: float, *, at_least: bool, good: bool) -> _Demand:
    """Newcombe's interval of a difference of 0 reaches as far as one phase's own bound: 1 - ALPHA^(1/n)."""
    margin = -limit if at_least else limit
    if margin <= 0:
        return _Demand(None, answer=_no("that nothing changed at all can't be shown by any number of samples"))
    needed = stats.samples_needed(1 - margin)
    # A good share may have fallen by what its own phase leaves open, and risen by what the baseline leaves open.
    return _Demand(needed, baseline=1) if at_least == good else _Demand(1, baseline=needed)


def _quantile_demand(q: float, *, at_least: bool, change: bool) -> _Demand:
    needed = stats.samples_for_quantile(q)
    if change:
        return _Demand(needed, baseline=needed, answer=_perhaps("it depends on how much latencies scatter"))
    if at_least:
        return _Demand(needed, answer=_perhaps("a lower bound of a latency depends on how much latencies scatter"))
    return _Demand(needed, share=q)


def _report_demand(plan: Plan, objective: Objective) -> _Demand:
    """Components report at fixed intervals; two reports within the phase give a rate."""
    span = planned.window(plan, objective.phase)
    reports = (span[1] - span[0]) / SCRAPE_EVERY_S if span else 0.0
    few = f"about {reports:.0f} reports of the components lie in {objective.phase}"
    return _Demand(None, answer=SURELY if reports >= 4 else _perhaps(few))


def _refusal_demand(plan: Plan, setup: Setup, objective: Objective) -> _Demand:
    """Each replica must meet a token of the new key within the bound. Machine clients ask for new ones all the time:
    with n of them per second at a replica, the chance of none within t seconds is exp(-n t).
    """
    fresh = sum(s.rate for s in plan.load.streams if s.flow == "machine") / max(1, len(setup.replicas))
    wait = -math.log(stats.ALPHA) / fresh if fresh else math.inf
    if objective.bound.op == ">=" or wait > objective.bound.limit:
        return _Demand(1, answer=_perhaps("tokens of a new key may come too seldom to show when it is known"))
    return _Demand(1)


def _old_enough(plan: Plan, setup: Setup, objective: Objective) -> Answer:
    """A session that logged in at the start comes to its limit, and is refreshed once more within a token's life. It
    lives until logins have replaced the whole pool.
    """
    limit, span = plan.load.session_max_s, planned.window(plan, objective.phase)
    if limit is None or span is None:
        return _no("there is no policy about the age of sessions")
    logins = sum(stream.rate for stream in plan.load.streams if stream.flow == "login")
    lives = plan.load.sessions / logins if logins else math.inf
    old = limit + setup.access_ttl_s
    if old > span[1]:
        return _no(f"no session is {limit:g} s old and refreshed before the end of {objective.phase}")
    return SURELY if old < lives else _perhaps(f"new logins replace sessions after {lives:.0f} s")


def _each_way(plan: Plan, objective: Objective) -> Answer:
    """Canaries of tampered redirect URIs go through all ways of one client before they come to the next client's."""
    kinds = plan.load.canaries.kinds if plan.load.canaries else ()
    span = planned.window(plan, objective.phase)
    if Canary.REDIRECT_TAMPERED not in kinds or span is None:
        return _no("no canary of a tampered redirect URI is planned")
    return _enough(planned.canaries(plan, *span, Canary.REDIRECT_TAMPERED), len(ALWAYS), str(objective.phase))


# --- invariants


def _invariant(plan: Plan, setup: Setup, invariant: Invariant) -> InvariantForecast:
    counts = tuple(_canaries(plan, invariant))
    kinds = plan.load.canaries.kinds if plan.load.canaries else ()
    missing = [str(kind) for kind in invariant.canaries if kind not in kinds]
    total = Count(
        mean=sum(each.planned.mean for each in counts),
        at_least=sum(each.planned.at_least for each in counts),
        at_most=sum(each.planned.at_most for each in counts),
    )
    answers = [
        _no(f"no canary of kind {', '.join(missing)} is planned") if missing else SURELY,
        *(_due(each) for each in counts),
        *(_for_each(kind, counts, setup) for kind in invariant.canaries if kind in kinds),
        _enough(total, invariant.min_attempts, "all"),
    ]
    decidable = Decidable.worst(answer for answer, _ in answers)
    reason = next((said for answer, said in answers if answer is decidable), "")
    return InvariantForecast(
        name=invariant.name,
        needed=invariant.min_attempts,
        canaries=counts,
        decidable=decidable,
        reason=reason,
        left_out=too_short_for(plan, invariant, plan.duration_s),
    )


def _for_each(kind: str, counts: Iterable[CanaryCount], setup: Setup) -> Answer:
    """Each replica must decide one: they are asked in turn."""
    mine = [each.planned for each in counts if each.canary == kind]
    if sum(each.at_least for each in mine) >= len(setup.replicas):
        return SURELY
    mean = sum(each.mean for each in mine)
    return _perhaps(f"{mean:.1f} canaries of kind {kind} are planned for {len(setup.replicas)} replicas")


def _due(each: CanaryCount) -> Answer:
    if each.planned.at_least:
        return SURELY
    if not each.planned.at_most:
        return _no(f"no canary of kind {each.canary} is due in {each.phase}")
    return _perhaps(f"{each.planned.mean:.1f} canaries of kind {each.canary} are planned in {each.phase}")


def _canaries(plan: Plan, invariant: Invariant) -> Iterator[CanaryCount]:
    """Of each kind, in each phase after the warm-up; or in all of the run, for what is only bad from some moment on."""
    canaries = plan.load.canaries
    if canaries is None:
        return
    for kind in invariant.canaries:
        if kind not in canaries.kinds:
            continue
        if kind in canaries.once:
            yield CanaryCount(
                canary=kind, phase="all", planned=planned.canaries(plan, canaries.after_s(kind), plan.duration_s, kind)
            )
            continue
        for phase in plan.phases:
            span = planned.window(plan, phase.name)
            if span is not None and phase.name is not PhaseName.WARMUP:
                yield CanaryCount(canary=kind, phase=phase.name.value, planned=planned.canaries(plan, *span, kind))
