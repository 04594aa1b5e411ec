"""How long users waited: quantiles of raw latencies of good traffic, whatever came of it."""

from __future__ import annotations

from functools import partial

import numpy as np

from idchaos.indicators import SETTLING_S, Selector
from idchaos.record.record import When
from idchaos.verdict import stats
from idchaos.verdict.sli.base import Sli, estimated
from idchaos.verdict.traffic import Reading, Traffic

FAMILIES = {"latency": "latency_s", "service_time": "service_time_s", "settled_latency": "latency_s"}
"""Names of SLIs, without their quantile, and the column that each is of: from when a request was due, or sent. What is
*settled* leaves out what was due in the first seconds of a phase, :data:`~idchaos.indicators.SETTLING_S` of them."""


def quantile(family: str, q: float, name: str) -> Sli:
    """The SLI ``name``, which is the q-quantile of a family."""
    column, since_s = FAMILIES[family], SETTLING_S if family == "settled_latency" else 0.0
    return Sli(
        name,
        partial(_quantile, q, column, since_s),
        "quantile",
        "s",
        needs=("canary", "flow", "expected", "due_at", "status", column),
        q=q,
        within=partial(_within, column, since_s),
        comparable=family == "latency",
        of_generator=True,
    )


def _quantile(  # noqa: PLR0917
    q: float, column: str, since_s: float, traffic: Traffic, selector: Selector, phase: When
) -> Reading:
    """The q-quantile of all good traffic. What got no answer counts as slow as the time limit at least: a refused
    connection is quick, but nobody was served quickly.
    """
    values, seconds, lost = latencies(traffic, selector, phase, column, since_s)
    limit = traffic.record.plan.load.timeout_s
    note = f"{lost:,} of {len(values):,} got no answer and count as {limit:g} s or more" if lost else ""
    return estimated(stats.quantile(values, q, seconds), note)


def _within(  # noqa: PLR0917
    column: str, since_s: float, traffic: Traffic, selector: Selector, phase: When, limit: float
) -> stats.Estimate:
    values, seconds, _ = latencies(traffic, selector, phase, column, since_s)
    return stats.proportion(values <= limit, seconds)


def latencies(
    traffic: Traffic, selector: Selector, phase: When, column: str, since_s: float = 0.0
) -> tuple[stats.Floats, stats.Ints, int]:
    """Latencies in seconds, the second in which each was due, and how many of them got no answer. ``since_s``: from so
    many seconds after the beginning of the phase on.
    """
    mask = traffic.during(phase) & traffic.good & traffic.chosen(selector)
    if since_s and (window := traffic.record.window(phase)):
        mask &= traffic.floats("due_at") >= window[0] + since_s
    values = traffic.floats(column)[mask]
    unanswered = (traffic.samples["status"].to_numpy()[mask] == 0) | np.isnan(values)
    values = np.where(unanswered, np.fmax(values, traffic.record.plan.load.timeout_s), values)
    return values, stats.seconds_of(traffic.floats("due_at")[mask]), int(unanswered.sum())
