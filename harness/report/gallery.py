"""All pictures of a run, and for each one that cannot be drawn the reason why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idchaos.record.record import RunRecord
from idchaos.report import data, distributions, plots
from idchaos.report.axis import TimeAxis, time_axis
from idchaos.report.canvas import Picture
from idchaos.verdict import sli
from idchaos.verdict.verdict import RunVerdict


@dataclass(frozen=True)
class Gallery:
    """``timed`` share one time axis; ``absent`` are pairs of a title and the reason why it is not drawn."""

    axis: TimeAxis
    timed: tuple[Picture, ...]
    untimed: tuple[Picture, ...]
    absent: tuple[tuple[str, str], ...]


def gallery(record: RunRecord, verdict: RunVerdict) -> Gallery:
    """Draw whatever the run has data for."""
    axis = time_axis(record)
    absent: list[tuple[str, str]] = []

    def attempt(title: str, why_not: str, draw: Callable[[], Picture | None]) -> tuple[Picture, ...]:
        found = draw()
        if found is None:
            absent.append((title, why_not))
            return ()
        return (found,)

    timed = (
        *attempt("Outcomes per second", "no samples were recorded.", lambda: _outcomes(record, axis)),
        *attempt("Would it have paged?", "no API request was made after the warm-up.", lambda: _paging(verdict, axis)),
        *attempt("Latency", "no request was answered.", lambda: _latency(record, axis)),
        *attempt("JWKS fetches", "no component reported any fetch.", lambda: _fetches(record, axis)),
        *attempt("Keys in use", "neither samples nor telemetry name a key.", lambda: _keys(record, axis)),
        *attempt("Clock offsets", _no_skew(record), lambda: _clocks(record, axis)),
    )
    untimed = (
        *attempt("Token lifetimes (M10)", "no token in use told its life.", lambda: _lifetimes(verdict)),
        *attempt("Revocation lag", "this run had no revocation probes.", lambda: _lag(record)),
        *attempt("Refusals by clock offset", "this run swept no clock over several offsets.", lambda: _sweep(record)),
    )
    return Gallery(axis, timed, untimed, tuple(absent))


def _outcomes(record: RunRecord, axis: TimeAxis) -> Picture | None:
    stack = data.outcomes(record.samples, axis)
    return plots.outcomes(stack, axis) if stack.layers else None


def _latency(record: RunRecord, axis: TimeAxis) -> Picture | None:
    quantiles = data.latencies(record.samples, axis)
    return plots.latency(quantiles, axis) if quantiles.levels else None


def _paging(verdict: RunVerdict, axis: TimeAxis) -> Picture | None:
    return plots.paging(verdict.paging, axis) if verdict.paging and verdict.paging.requests else None


def _lifetimes(verdict: RunVerdict) -> Picture | None:
    bins = next((each.histogram for each in verdict.measures if each.histogram), ())
    return distributions.lifetimes(bins) if bins else None


def _fetches(record: RunRecord, axis: TimeAxis) -> Picture | None:
    fetches = data.jwks_fetches(record.telemetry, axis)
    return plots.jwks_fetches(fetches, axis) if fetches else None


def _keys(record: RunRecord, axis: TimeAxis) -> Picture | None:
    keys = data.keys(record.samples, record.telemetry, axis)
    return plots.keys(keys, axis) if keys.accepted.layers or keys.lanes else None


def _clocks(record: RunRecord, axis: TimeAxis) -> Picture | None:
    offsets = data.clock_offsets(record.telemetry, axis)
    return plots.clocks(offsets, axis) if offsets else None


def _no_skew(record: RunRecord) -> str:
    if any(isinstance(point.state.get("clock"), dict) for point in record.telemetry):
        return "every component reported an offset of 0 s throughout."
    return "no component reported its clock."


def _lag(record: RunRecord) -> Picture | None:
    curves = data.lag_curves(data.lags_of(sli.revocation_table(record)))
    return distributions.revocation_lag(curves, _lag_bound(record)) if curves else None


def _lag_bound(record: RunRecord) -> float | None:
    bounds = [each.bound.limit for each in record.plan.objectives if each.sli.startswith("revocation_lag")]
    return min(bounds, default=None)


def _sweep(record: RunRecord) -> Picture | None:
    points = data.skew_sweep(sli.skew_steps(record))
    return distributions.skew_sweep(points, _expected(record)) if points else None


def _expected(record: RunRecord) -> list[float]:
    """From which offsets on refusals are right: in the middle between what the plan's objectives ask on each side."""
    found = []
    for side, sign in (("ahead", 1), ("behind", -1)):
        limits = [
            each.bound.limit
            for each in record.plan.objectives
            if each.sli.startswith("skew_threshold") and f"side={side}" in each.sli
        ]
        found += [sign * sum(limits) / len(limits)] if limits else []
    return found
