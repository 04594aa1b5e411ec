"""How many API requests were served in each second of a run. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from idchaos.record.record import RunRecord
from idchaos.verdict.traffic import traffic_of

Counts = npt.NDArray[np.int64]


def per_second(record: RunRecord, start: float, end: float) -> tuple[Counts, Counts]:
    """Good API requests due from ``start`` to ``end``: those that succeeded, and all, by the second after ``start`` in
    which that was known. A request that timed out is an error when it did, not when it was sent.
    """
    traffic = traffic_of(record)
    mask = traffic.good & traffic.equal("flow", "api", "opaque") & traffic.between(start, end)
    known_at = traffic.floats("due_at")[mask] + np.nan_to_num(traffic.floats("latency_s")[mask])
    seconds = np.floor(known_at - start).astype(np.int64)
    length = max(int(np.ceil(end - start)), int(seconds.max()) + 1 if len(seconds) else 0)
    ok = traffic.equal("outcome", "ok")[mask]
    good, total = (np.bincount(chosen, minlength=length).astype(np.int64) for chosen in (seconds[ok], seconds))
    return good, total
