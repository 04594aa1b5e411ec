"""From measurements to verdicts of objectives. Pure; see the rules of truth in the docs.

PASS and FAIL are both claims, and each needs evidence: PASS that the whole interval meets the bound, FAIL
that the whole interval misses it. Everything else is INCONCLUSIVE and says what it would take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from idchaos.experiment import Bound, Objective, Verdict
from idchaos.verdict import stats
from idchaos.verdict.sli import Measurement


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and, unless it is a plain PASS, one sentence why."""

    verdict: Verdict
    reason: str = ""
    needed: int | None = None
    """Of an undecided one: samples that would decide it, if everything else stays as it is."""


def judge(
    objective: Objective, measured: Measurement, seconds: float | None, within: stats.Estimate | None = None
) -> Judgement:
    """Judge a measurement against an objective's bound.

    ``seconds``: how long the phase lasted, for telling how long it would have to be; ``None``: it never
    began. ``within``: of a quantile with an upper bound, the share of samples that keep to it, which decides then
    (see :func:`idchaos.verdict.sli.within`).
    """
    bound = objective.bound
    where = f"{objective.name} in {objective.phase}"
    if seconds is None:
        return Judgement(Verdict.INCONCLUSIVE, f"{where}: the phase never began")
    if untold := _untold(where, bound, measured):
        return untold
    if within is not None and measured.q is not None and bound.op == "<=":
        return _judge_quantile(objective, measured, seconds, within)
    low, high = measured.low, measured.high
    meets = low >= bound.limit if bound.op == ">=" else high <= bound.limit
    misses = high < bound.limit if bound.op == ">=" else low > bound.limit
    if meets and not misses:
        return Judgement(Verdict.PASS)
    said = f"{where}: {shown(measured.value, measured)} [{shown(low, measured)}, {shown(high, measured)}]"
    if misses:
        return Judgement(Verdict.FAIL, f"{said} misses {bound.op} {shown(bound.limit, measured)}{_note(measured)}")
    undecided = f"{said} can't decide {bound.op} {shown(bound.limit, measured)} from {measured.samples:,} samples"
    reason = f"{undecided}; {_would_take(bound, measured, seconds)}{_note(measured)}"
    return Judgement(Verdict.INCONCLUSIVE, reason, _needed(bound, measured))


def _untold(where: str, bound: Bound, measured: Measurement) -> Judgement | None:
    """Of a measurement without a value. A lag that was seen to go on beyond its bound misses it all the same."""
    if _seen_beyond(bound, measured):
        least, limit = shown(measured.low, measured), shown(bound.limit, measured)
        return Judgement(Verdict.FAIL, f"{where}: at least {least} misses {bound.op} {limit}{_note(measured)}")
    if measured.samples and not math.isnan(measured.value):
        return None
    needs = f"needs at least {_least(bound, measured):,} samples" if measured.kind != "lag" else "no data is no pass"
    return Judgement(Verdict.INCONCLUSIVE, f"{where}: nothing was measured{_note(measured)}; {needs}")


def _seen_beyond(bound: Bound, measured: Measurement) -> bool:
    """Whether a lag was seen to go on beyond its bound, though somebody's end is not known at all."""
    unknown = measured.kind == "lag" and measured.samples > 0 and math.isnan(measured.value)
    return unknown and bound.op == "<=" and measured.low > bound.limit


def deciding(measured: Measurement, bound: Bound, within: stats.Estimate | None) -> Measurement:
    """The measurement with the interval that decided. Of a quantile it is the share within the limit that decides; that
    this is surely great enough says that the quantile is surely at most the limit, whatever its own interval says.
    """
    if within is None or measured.q is None or bound.op != "<=" or not measured.samples:
        return measured
    if within.low >= measured.q:
        return replace(measured, high=max(measured.value, min(measured.high, bound.limit)))
    if within.high < measured.q:
        return replace(measured, low=min(measured.value, max(measured.low, bound.limit)))
    return measured


def _judge_quantile(objective: Objective, measured: Measurement, seconds: float, within: stats.Estimate) -> Judgement:
    """At most ``limit`` is the q-quantile exactly when a share of q is at most ``limit``."""
    q, limit = measured.q or 0.0, objective.bound.limit
    if within.low >= q:
        return Judgement(Verdict.PASS)
    said = f"{objective.name} in {objective.phase}: {shown(measured.value, measured)}"
    share = f"{within.value * 100:.4g} % [{within.low * 100:.4g} %, {within.high * 100:.4g} %] are within"
    share = f"{share} {shown(limit, measured)}, of {q * 100:g} %"
    if within.high < q:
        return Judgement(Verdict.FAIL, f"{said} misses <= {shown(limit, measured)}: {share}{_note(measured)}")
    deff = within.samples / within.effective if within.effective else 1.0
    needed = stats.samples_to_decide(within.value, q, deff)
    rate = within.samples / seconds if seconds > 0 else 0.0
    take = "more samples alone can't decide it"
    if needed is not None and rate:
        take = f"it takes about {needed:,} samples, {math.ceil(needed / rate):,} s at this rate"
    undecided = f"{said} can't decide <= {shown(limit, measured)} from {within.samples:,} samples: {share}; {take}"
    return Judgement(Verdict.INCONCLUSIVE, f"{undecided}{_note(measured)}", needed)


def shown(value: float, measured: Measurement) -> str:
    """A value in words of its unit."""
    if math.isnan(value):
        return "nothing"
    if math.isinf(value):
        return "unbounded" if value > 0 else "-unbounded"
    if measured.unit == "share":
        return f"{value * 100:.4g} %"
    if measured.unit == "count":
        return f"{value:,.0f}"
    return f"{value:.4g} {measured.unit}"


def _note(measured: Measurement) -> str:
    return f" ({measured.note})" if measured.note else ""


def _least(bound: Bound, measured: Measurement) -> int:
    """The fewest samples with which the bound could be met at all."""
    if measured.kind == "share":
        return stats.samples_needed(bound.limit if bound.op == ">=" else 1 - bound.limit)
    return measured.needed or 1


def _would_take(bound: Bound, measured: Measurement, seconds: float) -> str:
    """How many samples, and how long a phase at the observed rate."""
    needed = _needed(bound, measured)
    if needed is None:
        return (
            "more samples alone can't decide it" if measured.kind != "lag" else "a longer phase may close the bracket"
        )
    if measured.kind == "share" and measured.value in (0.0, 1.0):
        text = f"it takes {needed:,} good samples in a row"
    else:
        text = f"it takes about {needed:,} samples"
    rate = measured.samples / seconds if seconds > 0 else 0.0
    return f"{text}, {math.ceil(needed / rate):,} s at this rate" if rate else text


def _needed(bound: Bound, measured: Measurement) -> int | None:
    """Samples that would decide it if everything else stays as it is; ``None`` when no number of them
    would.
    """
    deff = measured.samples / measured.effective if measured.effective else 1.0
    if measured.kind == "share":
        share, limit = measured.value, bound.limit
        if bound.op == "<=":
            share, limit = 1 - share, 1 - limit
        return stats.samples_to_decide(share, limit, deff) if 0 < limit < 1 else None
    if measured.kind == "quantile":
        least = math.ceil((measured.needed or 1) * deff)
        if measured.samples < least:
            return least
        edge = measured.high if bound.limit >= measured.value else measured.low
        distance = abs(bound.limit - measured.value)
        if not math.isfinite(edge) or not math.isfinite(distance) or distance < stats.TINY:
            return None
        # The width of an interval shrinks with the square root of the number of samples.
        wanted = measured.samples * (abs(edge - measured.value) / distance) ** 2
        return math.ceil(wanted) if wanted < stats.MOST_NEEDED else None
    return None
