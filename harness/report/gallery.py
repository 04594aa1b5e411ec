"""All pictures of a run, and for each one that cannot be drawn the reason why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idchaos.record.record import Run
from idchaos.report import distributions, plots
from idchaos.report.canvas import Picture
from idchaos.verdict.series.axis import TimeAxis
from idchaos.verdict.series.series import Series
from idchaos.verdict.verdict import RunVerdict


@dataclass(frozen=True)
class Gallery:
    """``timed`` share one time axis; ``absent`` are pairs of a title and the reason why it is not drawn."""

    timed: tuple[Picture, ...]
    untimed: tuple[Picture, ...]
    absent: tuple[tuple[str, str], ...]


def gallery(run: Run, verdict: RunVerdict, series: Series) -> Gallery:
    """Draw whatever the run has data for."""
    axis = series.axis
    absent: list[tuple[str, str]] = []

    def attempt(title: str, why_not: str, draw: Callable[[], Picture | None]) -> tuple[Picture, ...]:
        found = draw()
        if found is None:
            absent.append((title, why_not))
            return ()
        return (found,)

    timed = (
        *attempt("Outcomes per second", "no samples were recorded.", lambda: _outcomes(series)),
        *attempt("Would it have paged?", "no API request was made after the warm-up.", lambda: _paging(verdict, axis)),
        *attempt("Latency", "no request was answered.", lambda: _latency(series)),
        *attempt("JWKS fetches", "no component reported any fetch.", lambda: _fetches(series)),
        *attempt("Keys in use", "neither samples nor telemetry name a key.", lambda: _keys(series)),
        *attempt("Clock offsets", _no_skew(run), lambda: _clocks(series)),
    )
    untimed = (
        *attempt("Token lifetimes (M10)", "no token in use told its life.", lambda: _lifetimes(verdict)),
        *attempt("Revocation lag", "this run had no revocation probes.", lambda: _lag(run, series)),
        *attempt(
            "Refusals by clock offset", "this run swept no clock over several offsets.", lambda: _sweep(run, series)
        ),
    )
    return Gallery(timed, untimed, tuple(absent))


def _outcomes(series: Series) -> Picture | None:
    return plots.outcomes(series.outcomes, series.axis) if series.outcomes.layers else None


def _latency(series: Series) -> Picture | None:
    return plots.latency(series.latencies, series.axis) if series.latencies.levels else None


def _paging(verdict: RunVerdict, axis: TimeAxis) -> Picture | None:
    return plots.paging(verdict.paging, axis) if verdict.paging and verdict.paging.requests else None


def _lifetimes(verdict: RunVerdict) -> Picture | None:
    bins = next((each.histogram for each in verdict.measures if each.histogram), ())
    return distributions.lifetimes(bins) if bins else None


def _fetches(series: Series) -> Picture | None:
    return plots.jwks_fetches(series.fetches, series.axis) if series.fetches else None


def _keys(series: Series) -> Picture | None:
    drawn = series.keys.accepted.layers or series.keys.lanes
    return plots.keys(series.keys, series.axis) if drawn else None


def _clocks(series: Series) -> Picture | None:
    return plots.clocks(series.clocks, series.axis) if series.clocks else None


def _no_skew(run: Run) -> str:
    if any(isinstance(point.state.get("clock"), dict) for point in run.telemetry):
        return "every component reported an offset of 0 s throughout."
    return "no component reported its clock."


def _lag(run: Run, series: Series) -> Picture | None:
    return distributions.revocation_lag(series.lags, _lag_bound(run)) if series.lags else None


def _lag_bound(run: Run) -> float | None:
    bounds = [each.bound.limit for each in run.plan.objectives if each.sli.startswith("revocation_lag")]
    return min(bounds, default=None)


def _sweep(run: Run, series: Series) -> Picture | None:
    return distributions.skew_sweep(series.sweep, _expected(run)) if series.sweep else None


def _expected(run: Run) -> list[float]:
    """From which offsets on refusals are right: in the middle between what the plan's objectives ask on each side."""
    found = []
    for side, sign in (("ahead", 1), ("behind", -1)):
        limits = [
            each.bound.limit
            for each in run.plan.objectives
            if each.sli.startswith("skew_threshold") and f"side={side}" in each.sli
        ]
        found += [sign * sum(limits) / len(limits)] if limits else []
    return found
