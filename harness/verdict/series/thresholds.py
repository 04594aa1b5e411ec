"""Distributions that have no time axis: lags of revocations, refusals by a clock's offset. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from idchaos.verdict.series.axis import Floats
from idchaos.verdict.skew import SkewStep

FEWEST_STEPS = 3
"""A sweep has at least so many different offsets; fewer are a step, which the time axis shows well enough."""


@dataclass(frozen=True)
class Lag:
    """One revocation at one replica: revoke-to-deny in seconds, or how long it was watched in vain."""

    replica: str
    format: str
    lag_s: float
    censored: bool


@dataclass(frozen=True)
class LagCurve:
    """Kaplan-Meier estimate of the lag's distribution function at one replica for one token format.

    ``share[i]`` of the revocations was in force by ``lag_s[i]``; ``censored_s``: watched that long in vain.
    """

    replica: str
    format: str
    lag_s: Floats
    share: Floats
    censored_s: Floats
    samples: int


@dataclass(frozen=True)
class SweepPoint:
    """Good requests while a component's clock was off by ``offset_s``, and how many of them were refused."""

    component: str
    offset_s: float
    refused: int
    samples: int

    @property
    def share(self) -> float:
        """The share refused."""
        return self.refused / self.samples


def lags_of(table: pd.DataFrame) -> list[Lag]:
    """The rows of :func:`idchaos.verdict.sli.revocation_table`."""
    return [
        Lag(str(row.replica), str(row.format), float(str(row.lag_s)), bool(row.censored))
        for row in table.itertuples()
        if np.isfinite(float(str(row.lag_s)))
    ]


def lag_curves(lags: Sequence[Lag]) -> list[LagCurve]:
    """One curve for each replica and token format, by the Kaplan-Meier product-limit estimator (1958).

    With ``n_i`` revocations not in force just before the ``i``-th distinct lag and ``d_i`` in force at it,
    ``F = 1 - prod(1 - d_i / n_i)``. Without censoring this is the empirical distribution function.
    """
    curves: list[LagCurve] = []
    for replica, token_format in sorted({(lag.replica, lag.format) for lag in lags}):
        group = [lag for lag in lags if (lag.replica, lag.format) == (replica, token_format)]
        every = np.array([lag.lag_s for lag in group], dtype=np.float64)
        censored = np.array([lag.censored for lag in group], dtype=bool)
        points = np.unique(every[~censored])
        at_risk = np.array([(every >= point).sum() for point in points], dtype=np.float64)
        events = np.array([(every[~censored] == point).sum() for point in points], dtype=np.float64)
        share: Floats = np.asarray(1.0 - np.cumprod(1.0 - events / np.maximum(at_risk, 1.0)))
        curves.append(LagCurve(replica, token_format, points, share, np.sort(every[censored]), len(group)))
    return curves


def skew_sweep(steps: Sequence[SkewStep]) -> list[SweepPoint]:
    """Refusals of good tokens at each offset that a clock was set to, if there was a sweep."""
    if len({step.offset_s for step in steps}) < FEWEST_STEPS:
        return []
    tally: dict[tuple[str, float], tuple[int, int]] = {}
    for step in steps:
        refused, decided = tally.get((step.component, step.offset_s), (0, 0))
        tally[step.component, step.offset_s] = (refused + step.refused, decided + step.decided)
    points = [SweepPoint(*where, *counts) for where, counts in tally.items() if counts[1]]
    return sorted(points, key=lambda point: (point.component, point.offset_s))
