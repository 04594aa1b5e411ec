"""What a study at scale draws: requests over time, through an outage and through a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from idchaos.report.canvas import Mark, Picture, Size, box, picture
from idchaos.report.palette import ink, series
from idchaos.studies.scale.fleet import Outage
from idchaos.studies.scale.herd import Trace
from idchaos.studies.scale.stampede import Stampede
from idchaos.studies.words import amount

MOST_POINTS = 500
AFTER_S = 900.0
HEIGHT_PX = 300.0


def herds(traces: Mapping[str, Trace], capacity_rps: float, finding: str) -> Picture:
    """Attempts per second through an outage, by each kind of client."""
    outage = next(iter(traces.values())).outage
    assert outage is not None

    def draw(figure: Figure, size: Size) -> None:
        axes = _axes(figure, outage, size, log=True)
        for number, trace in enumerate(traces.values()):
            _line(axes, trace.offered / trace.step_s, trace.step_s, outage, number)
        axes.axhline(capacity_rps, color=ink("bound"), linewidth=1)

    marks = _marks(traces)
    return picture(
        "herds", "Token requests per second", draw, height=HEIGHT_PX, finding=finding,
        legend=(*marks, Mark("bound", "what the IdP can serve", "line"), Mark("shade", "outage", "shade")),
    )  # fmt: skip


def refused(traces: Mapping[str, Trace], sessions: int) -> Picture:
    """The share of sessions without a live token."""
    outage = next(iter(traces.values())).outage
    assert outage is not None

    def draw(figure: Figure, size: Size) -> None:
        axes = _axes(figure, outage, size, log=False)
        for number, trace in enumerate(traces.values()):
            _line(axes, 100 * trace.refused / sessions, trace.step_s, outage, number)
        axes.set_ylim(0, 104)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))

    return picture(
        "refused", "Sessions without a live token", draw, height=220,
        finding="Tokens outlive the outage for a while; then sessions are refused until theirs is renewed.",
        legend=_marks(traces),
    )  # fmt: skip


def stampedes(seen: Mapping[str, Stampede]) -> Picture:
    """Key fetches per second that come to the IdP."""
    outage = next(iter(seen.values())).outage

    def draw(figure: Figure, size: Size) -> None:
        axes = _axes(figure, outage, size, log=True)
        for number, each in enumerate(seen.values()):
            _line(axes, each.reached.astype(float), 1.0, outage, number)

    return picture(
        "stampedes", "Key fetches per second at the IdP", draw, height=HEIGHT_PX,
        finding="Each kind of gateway has what the one before has, and one thing more.",
        legend=_marks(seen),
    )  # fmt: skip


def day(trace: Trace) -> Picture:
    """A whole day of refreshes."""

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure, top=14)
        axes.set_yscale("log")
        hours, highest = _thin(trace.offered / trace.step_s, trace.step_s, MOST_POINTS)
        axes.plot(hours / 3_600, np.maximum(highest, 1), color=ink("series_0"), linewidth=1.5)
        _logarithmic(axes)
        axes.set_xlim(0, 24)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} h"))

    return picture(
        "day", "Token requests per second, the most in each three minutes", draw, height=220,
        finding=f"{trace.sessions:,} sessions refreshed {amount(float(trace.served.sum()))} times.",
    )  # fmt: skip


def _axes(figure: Figure, outage: Outage, size: Size, *, log: bool) -> Axes:
    axes = box(figure, top=14)
    if log:
        axes.set_yscale("log")
        _logarithmic(axes)
    axes.axvspan(0, outage.length_s / 60, facecolor=ink("shade"), linewidth=0, zorder=0)
    axes.set_xlim(-outage.at_s / 60, (outage.length_s + AFTER_S) / 60)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} min"))
    return axes


def _marks(names: Iterable[str]) -> tuple[Mark, ...]:
    """Every other line is dashed, so that those that cover each other are both seen."""
    return tuple(Mark(series(number), name, "dash" if number % 2 else "line") for number, name in enumerate(names))


def _logarithmic(axes: Axes) -> None:
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _line(axes: Axes, values: NDArray[np.float64], step_s: float, outage: Outage, number: int) -> None:
    shown = values[: round((outage.ends_s + AFTER_S) / step_s)]
    at, highest = _thin(shown, step_s, MOST_POINTS)
    lowest = 0.05 if axes.get_yscale() == "log" else 0
    axes.plot(
        (at - outage.at_s) / 60,
        np.where(highest < lowest, np.nan, highest),
        color=ink(series(number)),
        linewidth=1.7,
        linestyle=(0, (5, 4)) if number % 2 else "-",
    )


def _thin(values: NDArray[np.float64], step_s: float, most: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """No more points than a page can show; of each span its greatest value, so that no peak is lost."""
    width = max(1, -(-len(values) // most))
    starts = np.arange(0, len(values), width)
    highest: NDArray[np.float64] = np.maximum.reduceat(values.astype(np.float64), starts)
    return starts.astype(np.float64) * step_s, highest
