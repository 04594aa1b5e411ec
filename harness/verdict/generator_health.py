"""Did the load generator keep its schedule, and was the baseline steady: else nothing is the target's doing. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from idchaos.experiment import Objective, PhaseName
from idchaos.planning import steadiness
from idchaos.record.record import RunRecord, When, as_number
from idchaos.verdict import stats
from idchaos.verdict.traffic import Traffic, traffic_of

LATE_P99_S = 0.05
"""Beyond this the arrivals are no longer those that were planned: bursts and gaps within a second are the
generator's own.
"""
LATE_SHARE_OF_BOUND = 0.1
"""Latency counts from when a request was due, so lateness is part of it: at most a tenth of the bound may
be of our making.
"""
OWN_DROPPED = 0.001
FULL = 0.9
"""From this share of ``max_in_flight`` on, the bound is held full by slow answers: a drop then is the
target's doing.
"""
SCHEDULE = 0.99
"""The quantile of lateness that says whether arrivals were those that were planned."""
USUAL = (0.5, 0.95, SCHEDULE)
"""Quantiles that are told of every phase, whatever its objectives ask for."""


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """How the load generator kept its schedule in one phase."""

    late_p99_s: float
    late_limit_s: float
    due: int
    own_dropped: int
    target_dropped: int
    """Dropped while slow answers held ``max_in_flight`` full: failures of the target, not of the
    generator.
    """
    late_s: tuple[tuple[float, float], ...] = ()
    """Lateness in seconds by quantile, in rising order: those of :data:`USUAL`, and of each quantile of latency that an
    objective asks for.
    """

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why availability and latency of the phase can't be trusted; empty when they can."""
        found = []
        if self.late_p99_s > self.late_limit_s:
            found.append(_late(SCHEDULE, self.late_p99_s, self.late_limit_s))
        if self.due and self.own_dropped / self.due > OWN_DROPPED:
            found.append(f"the load generator dropped {self.own_dropped:,} of {self.due:,} requests by itself")
        return tuple(found)

    def too_late_for(self, objective: Objective) -> str:
        """Why a quantile of latency may miss its bound by our own doing, though the schedule was kept; empty when not.

        The same quantile of lateness may be a tenth of the bound at most: a few requests that were very late don't move
        a median. These are held to the schedule, as in every phase.
        """
        q = latency_quantile(objective.sli)
        if q is None or objective.bound.limit <= 0:
            return ""
        late = next((late for known, late in self.late_s if known >= q), self.late_p99_s)
        limit = LATE_SHARE_OF_BOUND * objective.bound.limit
        return _late(q, late, limit) if late > limit else ""


def _late(q: float, late_s: float, limit_s: float) -> str:
    percentile = f"{q * 100:g}".replace(".", "")
    return f"the load generator was late (p{percentile} {late_s * 1000:.1f} ms, limit {limit_s * 1000:.1f} ms)"


def latency_quantile(spelling: str) -> float | None:
    """Which quantile of latency an SLI is; ``None`` for any other, changes among them."""
    match = re.match(r"latency_p(\d+)(?:_worst)?(\{|$)", spelling)
    return float(f"0.{match[1]}") if match else None


def late_asked(record: RunRecord) -> float:
    """The setting ``slo.late_p99_s`` of a run, in seconds; :data:`LATE_P99_S` where it has none."""
    group = record.manifest.settings.get("slo")
    asked = as_number(group.get("late_p99_s")) if isinstance(group, dict) else None
    return LATE_P99_S if asked is None else asked


def generator_health(record: RunRecord, phase: When) -> GeneratorHealth:
    """How the generator kept its schedule in a phase.

    Lateness counts for scheduled arrivals (a login's and a probe's later steps wait for earlier ones), and for first
    attempts: a retry waits for the attempt before it. Arrivals are held to what was asked for (the setting
    ``slo.late_p99_s``), as they are while the run goes on.
    """
    traffic = traffic_of(record)
    here, due, sent = traffic.during(phase), traffic.floats("due_at"), traffic.floats("sent_at")
    scheduled = here & traffic.equal("flow", "api", "opaque", "machine") & (traffic.samples["retry"].to_numpy() == 0)
    late = np.sort((sent - due)[scheduled & traffic.sent])
    asked = (latency_quantile(objective.sli) for objective in record.plan.objectives)
    quantiles = sorted({*USUAL, *(q for q in asked if q is not None)})
    late_s = {q: float(np.quantile(late, q, method="inverted_cdf")) if len(late) else 0.0 for q in quantiles}
    dropped = due[here & traffic.equal("error_code", "dropped")]
    full = in_flight(traffic, dropped) >= FULL * record.plan.load.max_in_flight
    return GeneratorHealth(
        late_s[SCHEDULE],
        late_asked(record),
        int(here.sum()),
        int((~full).sum()),
        int(full.sum()),
        tuple(late_s.items()),
    )


def in_flight(traffic: Traffic, moments: stats.Floats) -> stats.Ints:
    """How much of what ``max_in_flight`` bounds was in flight at each moment: requests waiting for answers, and
    revocation probes until their token was revoked. Their polls are outside that bound.
    """
    if not len(moments):
        return np.zeros(0, dtype=np.int64)
    began = traffic.floats("sent_at")
    ended = began + np.nan_to_num(traffic.floats("service_time_s"))
    of_probes = traffic.equal("flow", "revocation")
    probing = traffic.sent & of_probes & ~traffic.equal("expected", "either")
    spans = pd.DataFrame({"began": began[probing], "ended": ended[probing]})
    probes = spans.groupby(traffic.rows(probing, "session")["session"].to_numpy()).agg({"began": "min", "ended": "max"})
    others = traffic.sent & ~of_probes
    starts = np.sort(np.concatenate([began[others], probes["began"]]))
    ends = np.sort(np.concatenate([ended[others], probes["ended"]]))
    waiting = np.searchsorted(starts, moments, side="right") - np.searchsorted(ends, moments, side="right")
    return np.asarray(waiting, dtype=np.int64)


def baseline_reasons(record: RunRecord) -> tuple[str, ...]:
    """Why the baseline is not steady; empty when it is, or when none was planned."""
    planned = any(phase.name is PhaseName.BASELINE for phase in record.plan.phases)
    window = record.window(PhaseName.BASELINE)
    if not planned:
        return ()
    if window is None:
        return ("the baseline never began",)
    traffic = traffic_of(record)
    good = traffic.during(PhaseName.BASELINE) & traffic.good
    if not good.any():
        return ("the baseline has no good traffic",)
    ok, asked = int(traffic.equal("outcome", "ok")[good].sum()), int(good.sum())
    latency, early = traffic.floats("latency_s")[good], traffic.floats("due_at")[good] < sum(window) / 2
    before, after = (_median(latency[half]) for half in (early, ~early))
    found = (steadiness.failing(ok, asked - ok), steadiness.drifting(before, after))
    return tuple(f"the baseline is not steady: {reason}" for reason in found if reason)


def _median(values: stats.Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else math.nan
