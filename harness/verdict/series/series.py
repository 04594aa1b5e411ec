"""All that a report draws and lists, measured once: what draws it sees no samples. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from idchaos.experiment import Outcome
from idchaos.record.record import RunRecord
from idchaos.verdict import sli
from idchaos.verdict.series.axis import Ints, TimeAxis, time_axis
from idchaos.verdict.series.canaries import Accepted, CanaryTable, accepted_canaries, canary_table
from idchaos.verdict.series.requests import Quantiles, Stack, accepted_by_kid, latencies, outcomes
from idchaos.verdict.series.states import ClockOffset, Fetches, KeyLane, clock_offsets, jwks_fetches, key_lanes
from idchaos.verdict.series.thresholds import LagCurve, SweepPoint, lag_curves, lags_of, skew_sweep
from idchaos.verdict.traffic import traffic_of

GLANCE_BINS = 60
"""Parts of the run at a glance."""


@dataclass(frozen=True)
class Keys:
    """Accepted requests per second by ``kid``, and what the IdP published meanwhile."""

    accepted: Stack
    lanes: list[KeyLane]


@dataclass(frozen=True)
class Glance:
    """Good requests by the part of the run in which they were due, shape ``(GLANCE_BINS,)``; ``failed`` of ``due``."""

    due: Ints
    failed: Ints


@dataclass(frozen=True)
class Series:
    """Of one run; what there was nothing of is empty."""

    axis: TimeAxis
    glance: Glance
    outcomes: Stack
    latencies: Quantiles
    fetches: list[Fetches]
    keys: Keys
    clocks: list[ClockOffset]
    lags: list[LagCurve]
    sweep: list[SweepPoint]
    canaries: CanaryTable
    accepted: tuple[Accepted, ...]


def series_of(record: RunRecord) -> Series:
    """Measure what is drawn of a run."""
    axis, samples, telemetry = time_axis(record), record.samples, record.telemetry
    return Series(
        axis=axis,
        glance=_glance(record, axis),
        outcomes=outcomes(samples, axis),
        latencies=latencies(samples, axis),
        fetches=jwks_fetches(telemetry, axis),
        keys=Keys(accepted_by_kid(samples, axis), key_lanes(telemetry, axis)),
        clocks=clock_offsets(telemetry, axis),
        lags=lag_curves(lags_of(sli.revocation_table(record))),
        sweep=skew_sweep(sli.skew_steps(record)),
        canaries=canary_table(samples),
        accepted=accepted_canaries(samples),
    )


def _glance(record: RunRecord, axis: TimeAxis) -> Glance:
    traffic = traffic_of(record)
    at = traffic.floats("due_at")[traffic.good] - axis.origin
    bad = traffic.equal("outcome", str(Outcome.WRONGLY_DENIED), str(Outcome.UNAVAILABLE))[traffic.good]
    inside = (at >= 0) & (at <= axis.ends_s)
    edges = np.linspace(0.0, axis.ends_s, GLANCE_BINS + 1)
    due, failed = (np.histogram(times, edges)[0] for times in (at[inside], at[inside & bad]))
    return Glance(due, failed)
