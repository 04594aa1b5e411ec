"""The one time axis of all plots of a run: seconds since the load started, with phases and fault windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from idchaos.record.record import RunRecord

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_BINS = 300
"""More than this cannot be told apart at the width of a page."""
NICE_BINS_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)


@dataclass(frozen=True)
class Span:
    """Something with a name that lasted, in seconds since the start of the load."""

    name: str
    starts_s: float
    ends_s: float


@dataclass(frozen=True)
class TimeAxis:
    """``origin`` is the Unix time of the load's start; bins of ``bin_s`` seconds cover ``[0, ends_s]``."""

    origin: float
    ends_s: float
    bin_s: float = 1.0
    phases: tuple[Span, ...] = ()
    faults: tuple[Span, ...] = ()

    @property
    def bins(self) -> int:
        """The number of bins, at least one."""
        return max(1, int(np.ceil(self.ends_s / self.bin_s - 1e-9)))

    @property
    def edges(self) -> Floats:
        """Shape ``(bins + 1,)``: where bins start, and the end of the last."""
        return np.arange(self.bins + 1, dtype=np.float64) * self.bin_s

    @property
    def widths(self) -> Floats:
        """Shape ``(bins,)``, seconds of the run in each bin: the last may be cut short."""
        widths = np.full(self.bins, self.bin_s)
        widths[-1] = min(max(self.ends_s - (self.bins - 1) * self.bin_s, 0.05 * self.bin_s), self.bin_s)
        return widths

    def index(self, unix: Floats) -> Ints:
        """The bin of each Unix time; ``-1`` outside the axis or for NaN."""
        offset = unix - self.origin
        inside = (offset >= 0) & (offset <= self.ends_s)
        offset[~inside] = 0.0
        offset /= self.bin_s
        bins: Ints = offset.astype(np.int64)  # rounds down, for none is negative
        np.minimum(bins, self.bins - 1, out=bins)
        bins[~inside] = -1
        return bins


def time_axis(record: RunRecord) -> TimeAxis:
    """The axis of a run, from whatever of it was recorded: one cut short has no ends, perhaps no samples."""
    due = record.samples["due_at"].to_numpy(dtype=np.float64)
    due = due[np.isfinite(due)]
    origin = record.load_started_at
    if origin is None:
        origin = float(due.min()) if len(due) else 0.0
    ends = [end - origin for _, end in record.windows.values()] + ([float(due.max()) - origin] if len(due) else [])
    ends_s = max([1.0, *ends]) if ends else max(1.0, record.ended_at - origin)
    phases = [Span(name.value, start - origin, end - origin) for name, (start, end) in record.windows.items()]
    faults = [
        Span(
            fault.name,
            fault.applied_at - origin,
            ends_s if fault.healed_at is None else fault.healed_at - origin,
        )
        for fault in record.faults
        if fault.applied_at is not None
    ]
    return TimeAxis(
        origin=origin,
        ends_s=ends_s,
        bin_s=next((width for width in NICE_BINS_S if ends_s / width <= MOST_BINS), ends_s / MOST_BINS),
        phases=_cut(phases, ends_s),
        faults=_cut(faults, ends_s),
    )


def _cut(spans: Sequence[Span], ends_s: float) -> tuple[Span, ...]:
    cut = [Span(span.name, max(span.starts_s, 0.0), min(span.ends_s, ends_s)) for span in spans]
    return tuple(span for span in cut if span.ends_s > span.starts_s)


def runs_of(times: Floats, flags: npt.NDArray[np.bool_], ends_s: float) -> list[tuple[float, float]]:
    """Where a flag read at ``times`` held: ``[(from, to), ...]``; the last reading lasts until ``ends_s``."""
    held: list[tuple[float, float]] = []
    for (start, end), flag in zip(pairwise([*times.tolist(), ends_s]), flags, strict=True):
        if not flag or end <= start:
            continue
        if held and held[-1][1] == start:
            held[-1] = (held[-1][0], end)
        else:
            held.append((start, end))
    return held
