"""What ran out in a run that did not hold: read from what the run recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from pydantic import Field

from idchaos.experiment import PhaseName
from idchaos.record.record import RunRecord
from idchaos.values import Value
from idchaos.verdict.generator_health import generator_health

FULL = 0.9
"""Of one CPU, or of all: from this share on there is nothing left to speak of."""


class Shortage(Value):
    """What ran out."""

    what: str
    """Empty: nothing that was recorded did."""
    own: bool = False
    """Whether it was ours, or shared with the load generator: the system under test might have borne more."""
    shares: dict[str, float] = Field(default_factory=dict)
    """How much of what was used: CPU of all, of the load generator and of each process in CPUs."""


def shortage(record: RunRecord) -> Shortage:
    """What ran out in the phase of much traffic. The first that applies: the load generator, a process of the target,
    the machine that they share, connections.
    """
    window = record.windows.get(PhaseName.FAULT)
    if window is None:
        return Shortage(what="the run ended before the load came", own=True)
    used = _used(record, window)
    what, own = next(_found(record, used), ("", False))
    return Shortage(what=what, own=own, shares=used)


def _found(record: RunRecord, used: Mapping[str, float]) -> Iterator[tuple[str, bool]]:
    """All that ran out, and whether it was ours, the first that applies first."""
    health = generator_health(record, PhaseName.FAULT)
    if used.get("generator", 0.0) >= FULL:
        yield "the load generator's CPU ran out", True
    for reason in health.reasons:
        yield reason, True
    busiest = max((name for name in used if name not in ("machine", "generator")), key=used.__getitem__, default="")
    if busiest and used[busiest] >= FULL:
        yield f"CPU of {busiest}", False
    if used.get("machine", 0.0) >= FULL:
        yield "the machine's CPUs ran out, which the load generator shares", True
    if health.target_dropped:
        yield f"connections: {record.plan.load.max_in_flight} requests were waiting at once", False


def _used(record: RunRecord, window: tuple[float, float]) -> dict[str, float]:
    found = {}
    for name, field in (("machine", "cpu"), ("generator", "generator")):
        values = [value for at, value in record.series("host", field) if window[0] <= at < window[1]]
        if values:
            found[name] = round(float(np.mean(values)), 3)
    for name in sorted({point.component for point in record.telemetry}):
        slope = _slope([each for each in record.series(name, "cpu_s") if window[0] <= each[0] < window[1]])
        if slope is not None:
            found[name] = slope
    return found


def _slope(series: Sequence[tuple[float, float]]) -> float | None:
    """CPU seconds in each second: between the first look and the last."""
    if len(series) < 2 or series[-1][0] <= series[0][0]:
        return None
    (first_at, first), (last_at, last) = series[0], series[-1]
    return round((last - first) / (last_at - first_at), 3)
