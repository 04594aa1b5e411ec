"""A run in one strip: phases, faults, and which share of good requests failed when. Drawn by the page itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from idchaos.report.findings import duration, percent
from idchaos.verdict.series.axis import Span, TimeAxis
from idchaos.verdict.series.series import GLANCE_BINS, Series

LEAST_SEEN = 6.0
"""Per cent of the height: a single failure shows as well."""


@dataclass(frozen=True)
class Part:
    """Something from a place to another, in per cent of the width."""

    name: str
    left: float
    width: float
    height: float = 100.0
    """Per cent: of bars, the share that failed."""
    title: str = ""


@dataclass(frozen=True)
class Strip:
    """All of it. ``summary`` says the same in words."""

    phases: tuple[Part, ...]
    faults: tuple[Part, ...]
    bars: tuple[Part, ...]
    ends: str
    summary: str


def strip(series: Series) -> Strip | None:
    """``None`` where no good request was due."""
    axis, due, failed = series.axis, series.glance.due, series.glance.failed
    if not due.sum():
        return None
    edges = np.linspace(0.0, axis.ends_s, GLANCE_BINS + 1)
    bars = [
        Part(
            "",
            100 * number / GLANCE_BINS,
            100 / GLANCE_BINS,
            max(LEAST_SEEN, 100 * failed[number] / due[number]),
            _title(edges[number], failed[number] / due[number]),
        )
        for number in np.flatnonzero(failed)
    ]
    return Strip(
        phases=tuple(_part(each, axis) for each in axis.phases),
        faults=tuple(_part(each, axis) for each in axis.faults),
        bars=tuple(bars),
        ends=duration(axis.ends_s),
        summary=f"{int(failed.sum()):,} of {int(due.sum()):,} good requests failed over {duration(axis.ends_s)}.",
    )


def _title(at: float, share: float) -> str:
    return f"{duration(float(at))}: {percent(float(share))} failed"


def _part(span: Span, axis: TimeAxis) -> Part:
    left, right = (100 * end / axis.ends_s for end in (span.starts_s, span.ends_s))
    title = f"{span.name}: {duration(span.starts_s)} to {duration(span.ends_s)}"
    return Part(span.name, left, right - left, title=title)
