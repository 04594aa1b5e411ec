"""How long users waited: quantiles of raw latencies of good traffic, whatever came of it."""

from __future__ import annotations

from functools import partial

import numpy as np

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict import stats
from idchaos.verdict.sli.base import Sli, estimated
from idchaos.verdict.traffic import Reading, Traffic

FAMILIES = {"latency": "latency_s", "service_time": "service_time_s"}
"""Names of SLIs, without their quantile, and the column that each is of: from when a request was due, or sent."""


def quantile(family: str, q: float, name: str) -> Sli:
    """The SLI ``name``, which is the q-quantile of a family."""
    column = FAMILIES[family]
    return Sli(
        name,
        partial(_quantile, q, column),
        "quantile",
        "s",
        needs=("canary", "flow", "expected", "due_at", "status", column),
        q=q,
        within=partial(_within, column),
        comparable=family == "latency",
        of_generator=True,
    )


def _quantile(q: float, column: str, traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """The q-quantile of all good traffic. What got no answer counts as slow as the time limit at least: a refused
    connection is quick, but nobody was served quickly.
    """
    values, seconds, lost = latencies(traffic, selector, phase, column)
    limit = traffic.record.plan.load.timeout_s
    note = f"{lost:,} of {len(values):,} got no answer and count as {limit:g} s or more" if lost else ""
    return estimated(stats.quantile(values, q, seconds), note)


def _within(column: str, traffic: Traffic, selector: Selector, phase: When, limit: float) -> stats.Estimate:
    values, seconds, _ = latencies(traffic, selector, phase, column)
    return stats.proportion(values <= limit, seconds)


def latencies(traffic: Traffic, selector: Selector, phase: When, column: str) -> tuple[stats.Floats, stats.Ints, int]:
    """Latencies in seconds, the second in which each was due, and how many of them got no answer."""
    mask = traffic.during(phase) & traffic.good & traffic.chosen(selector)
    values = traffic.floats(column)[mask]
    unanswered = (traffic.samples["status"].to_numpy()[mask] == 0) | np.isnan(values)
    values = np.where(unanswered, np.fmax(values, traffic.record.plan.load.timeout_s), values)
    return values, stats.seconds_of(traffic.floats("due_at")[mask]), int(unanswered.sum())
