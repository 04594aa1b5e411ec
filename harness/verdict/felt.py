"""What became of good requests after the warm-up: how many failed, since when, at which replica, by which error. Pure.

It informs, and changes no verdict.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from idchaos.experiment import Outcome, PhaseName
from idchaos.record.record import RunRecord
from idchaos.values import Value, number
from idchaos.verdict.traffic import traffic_of

JUDGED = (PhaseName.BASELINE, PhaseName.FAULT, PhaseName.RECOVERY)


class Felt(Value):
    """Times are seconds since the load began; ``null`` where nothing failed. Counts are of failed requests."""

    requests: int
    """Good ones."""
    failed: int
    """Wrongly denied, not decided, or never sent."""
    phase: str = ""
    """The one with most failures, of which the two times tell."""
    first_s: float | None = None
    last_s: float | None = None
    after_fault_s: float | None = None
    """From when the fault was applied to the first one, where they are the fault's phase's."""
    replicas: dict[str, int] = Field(default_factory=dict)
    """Most first. Requests that no replica answered are in none."""
    error: str = ""
    """The code of most."""
    error_count: int = 0
    status: int = 0
    """The HTTP status that most of these came with; 0: no answer."""


def felt(record: RunRecord) -> Felt:
    """What users felt in a run."""
    traffic = traffic_of(record)
    phases = {phase: traffic.during(phase) & traffic.good for phase in JUDGED}
    bad = traffic.equal("outcome", str(Outcome.WRONGLY_DENIED), str(Outcome.UNAVAILABLE))
    requests = sum(int(mask.sum()) for mask in phases.values())
    failures = {phase: int((mask & bad).sum()) for phase, mask in phases.items()}
    failed = sum(failures.values())
    if not failed:
        return Felt(requests=requests, failed=0)
    phase = max(failures, key=lambda name: failures[name])
    due = traffic.floats("due_at")[phases[phase] & bad]
    zero = record.load_started_at or 0.0
    applied = [fault.applied_at for fault in record.faults if fault.applied_at is not None]
    after = float(due.min()) - min(applied, default=np.nan) if phase is PhaseName.FAULT else np.nan
    rows = traffic.rows(np.logical_or.reduce(list(phases.values())) & bad, "replica", "error_code", "status")
    errors = rows["error_code"].astype(str).value_counts()
    statuses = rows["status"][(rows["error_code"] == errors.index[0]).to_numpy()]
    replicas = rows["replica"].astype(str).value_counts()
    return Felt(
        requests=requests,
        failed=failed,
        phase=phase.value,
        first_s=number(float(due.min()) - zero, 3),
        last_s=number(float(due.max()) - zero, 3),
        after_fault_s=number(after, 3) if after >= 0 else None,
        replicas={str(name): int(count) for name, count in replicas.items() if name},
        error=str(errors.index[0]),
        error_count=int(errors.iloc[0]),
        status=int(statuses.mode().iloc[0]),
    )
