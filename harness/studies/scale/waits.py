"""Chances over whole steps of time, and how many of a crowd take each. What the simulations share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


def evenly(low: float, high: float) -> tuple[Counts, Shares]:
    """Steps, and the chance of each, of a time that is evenly spread from ``low`` to ``high`` steps. Nothing happens
    within the same step again, so the first is 1.
    """
    if high - low < 1e-9:
        return np.array([max(1, round(low))]), np.ones(1)
    steps = np.arange(int(np.floor(low + 0.5)), int(np.ceil(high - 0.5)) + 1)
    covered = np.minimum(high, steps + 0.5) - np.maximum(low, steps - 0.5)
    first = max(1, int(steps[0]))
    merged = np.bincount(np.maximum(steps, first) - first, weights=covered)
    return np.arange(first, first + len(merged)), merged / merged.sum()


def split(rng: np.random.Generator, number: int, shares: Shares) -> Counts:
    """How many of a crowd take each way. Exact: multinomial, or drawn one by one where the crowd is the smaller."""
    if number < len(shares):
        ways = np.searchsorted(np.cumsum(shares), rng.random(number), side="right")
        return np.bincount(np.minimum(ways, len(shares) - 1), minlength=len(shares))
    return rng.multinomial(number, shares)


def picked(rng: np.random.Generator, crowd: Counts, number: int) -> Counts:
    """Who of a crowd of several kinds are among so many taken at random, without replacement."""
    if number >= int(crowd.sum()):
        return crowd.copy()
    return rng.multivariate_hypergeometric(crowd, number, method="marginals")
