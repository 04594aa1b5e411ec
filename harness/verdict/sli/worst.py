"""The replica that does worst (``latency_p99_worst``, ``success_rate_worst``): a mean over replicas hides it.

PASS says that *every* replica keeps to the bound: each was shown to, with an error of at most 5 %, and so the error of
saying it of all is no greater (an intersection-union test: Berger, Technometrics 24, 1982). FAIL says that *some* one
does not, and there are as many chances to say so wrongly as there are replicas: they share the 5 % (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict import clusters, stats
from idchaos.verdict.sli.base import Sli, unknown
from idchaos.verdict.traffic import Reading, Traffic, replicas


def worst_of(base: Sli, name: str) -> Sli:
    """The SLI ``name``: that of the replica with the worst ``base``."""
    return replace(
        base,
        name=name,
        read=partial(_read, base),
        within=partial(_within, base) if base.within else None,
        needs=tuple(dict.fromkeys((*base.needs, "endpoint", "replica"))),
        comparable=False,
    )


def _each(base: Sli, traffic: Traffic, selector: Selector) -> Mapping[str, Selector]:
    """What selects each replica's samples: of those that were asked at all in this run."""
    asked = replicas(traffic.rows(traffic.good & traffic.api & traffic.chosen(selector), "replica"))
    return {name: Selector(base.name, (*selector.where, ("replica", (name,)))) for name in asked}


def _read(base: Sli, traffic: Traffic, selector: Selector, phase: When) -> Reading:
    found = {name: base.reading(traffic, one, phase) for name, one in _each(base, traffic, selector).items()}
    if not found:
        return unknown("no replica was asked")
    if silent := [name for name, read in found.items() if math.isnan(read.value)]:
        return unknown(f"nothing was asked of {silent[0]}", sum(read.samples for read in found.values()))
    least = base.counts == "good"
    ends = min if least else max
    name, worst = ends(found.items(), key=lambda item: item[1].value)
    readings = list(found.values())
    shared = [_shared(read.value, read.effective, len(found)) for read in readings] if base.kind == "share" else []
    low, high = ends(read.low for read in readings), ends(read.high for read in readings)
    if shared and least:
        high = min(max(read.high, above) for read, (_, above) in zip(readings, shared, strict=True))
    elif shared:
        low = max(min(read.low, below) for read, (below, _) in zip(readings, shared, strict=True))
    told = f"worst at {name}, of {len(found)}" + (f"; {worst.note}" if worst.note else "")
    return Reading(worst.value, low, high, worst.samples, worst.effective, told)


def _within(base: Sli, traffic: Traffic, selector: Selector, phase: When, limit: float) -> stats.Estimate:
    """The share within a limit at the replica with the least of it."""
    asked = _each(base, traffic, selector).values()
    found = [base.within(traffic, one, phase, limit) for one in asked if base.within]
    return least_of(found) if found else stats.Estimate(math.nan, 0.0, 1.0, 0, 0.0)


def least_of(found: Sequence[stats.Estimate]) -> stats.Estimate:
    """The least of shares that are each estimated by themselves; unknown while any of them is."""
    worst = min(found, key=lambda each: (not math.isnan(each.value), each.value))
    above = [max(each.high, _shared(each.value, each.effective, len(found))[1]) for each in found if each.samples]
    return replace(worst, low=min(each.low for each in found), high=min(above, default=1.0))


def _shared(share: float, effective: float, among: int) -> tuple[float, float]:
    """Bounds of a share whose error is shared among so many."""
    low, high = clusters.clopper_pearson(np.float64(share), np.float64(effective), clusters.ALPHA / among)
    return float(low), float(high)
