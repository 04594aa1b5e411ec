"""Whether a baseline is one: the rule for the run, which ends there if not, and for the judge. Pure.

The run knows the load generator's reports, the judge every sample; both ask here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

LEAST_SUCCESS = 0.99
"""Share of good requests. Below this there is a fault already, and it would be taken for the effect of ours."""
DRIFT_FACTOR, DRIFT_SLACK_S = 2.0, 0.05
"""The median latency of the baseline's second half may be this many times the first's, plus this; and the reverse."""


def failing(good: int, bad: int) -> str:
    """Why so many failures among the requests that should succeed make no baseline; empty when they are few."""
    if good + bad == 0:
        return "no good request was answered"
    success = good / (good + bad)
    if success >= LEAST_SUCCESS:
        return ""
    return f"only {success * 100:.4g} % of good requests succeeded before any fault"


def drifting(before_s: float, after_s: float) -> str:
    """Why the median latencies of its halves make no baseline; empty when they are alike."""
    steady = all(
        one <= other * DRIFT_FACTOR + DRIFT_SLACK_S for one, other in ((before_s, after_s), (after_s, before_s))
    )
    return "" if steady else f"median latency went from {before_s:.3g} s to {after_s:.3g} s"


def unsteady(reports: Sequence[Mapping[str, Any]], late_p99_s: float) -> str:
    """Why the run should end before its fault; empty when the baseline is steady, as far as one can tell by then.

    ``reports``: the load generator's progress during the baseline, each over about 2 s. One window that was late is
    left to the judge, who has every sample; a generator that is late most of the time will not catch up in the fault.
    """
    if not reports:
        return "the load generator reported nothing"
    late = median(float(report.get("late_p99_s") or 0.0) for report in reports)
    if late > late_p99_s:
        return f"the load generator is {late * 1000:.0f} ms behind its schedule (p99; at most {late_p99_s * 1000:.0f})"
    good, bad = (sum(int(report.get(which) or 0) for report in reports) for which in ("ok", "bad"))
    return failing(good, bad)
