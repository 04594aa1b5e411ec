"""Estimates with intervals that hold for samples which are not independent. Pure; every formula with its
source.

All bounds are one-sided 95 % bounds (:data:`ALPHA` on each side, a two-sided 90 % interval): an objective
has one bound, and whoever passes it must be right 95 times in 100. So 99.9 % takes ln 0.05 / ln 0.999 =
2,995 good samples in a row.

Samples within one second share a cache entry, a garbage collection, a fault: they are *clustered*. The
design effect says how much less they tell than independent ones (Kish, Survey Sampling, 1965, section 5.4);
the effective sample size n / deff then goes into the exact interval for independent samples (Korn &
Graubard, Survey Methodology 24, 1998), see :mod:`idchaos.verdict.clusters`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from idchaos.verdict import clusters

ALPHA = clusters.ALPHA
"""Error probability on each side."""
_CLOSE = 1e-9
"""Ranks that are no further apart are the same."""
BIN_S = 1.0
"""Samples due within the same bin of this length are one cluster."""
MOST_NEEDED = 10**9
TINY = clusters.TINY

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with one-sided bounds on each side. ``nan`` value: no samples. ``inf``: beyond everything
    observed.
    """

    value: float
    low: float
    high: float
    samples: int
    effective: float
    """How many independent samples would tell as much, on the side where they tell less."""
    clusters: int = 0
    """In how many clusters they lie; 0 where that is not known."""


def seconds_of(at: Floats) -> Ints:
    """The cluster of each sample: the whole Unix second (times ``BIN_S``) in which it was due."""
    return np.floor(at / BIN_S).astype(np.int64)


def clopper_pearson(share: float, n: float) -> tuple[float, float]:
    """See :func:`idchaos.verdict.clusters.clopper_pearson`."""
    low, high = clusters.clopper_pearson(np.float64(share), np.float64(n))
    return float(low), float(high)


def proportion(good: Bools, seconds: Ints) -> Estimate:
    """The share of ``good``, with bounds for seconds that differ, and may be alike for a while: see
    :func:`idchaos.verdict.clusters.bounds_in_time`.
    """
    n = len(good)
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0, 0.0)
    sizes, fine = clusters.totals(seconds, good)
    found = clusters.bounds_in_time(sizes, fine)
    effective = min(float(found.below), float(found.above))
    return Estimate(float(found.share), float(found.low), float(found.high), n, effective, len(sizes))


def mean_count(counts: Ints, seconds: Ints) -> Estimate:
    """The mean of counts (events per trial, rare and without a greatest one), with exact Poisson bounds.

    Bounds: Garwood, Biometrika 28, 1936, in the chi-square form, on the effective number of trials. Its design effect
    is the variance of the mean under clustering (as in :func:`idchaos.verdict.clusters.design_effect`) over a Poisson
    mean's, so it pays for overdispersion too, and few seconds are paid for as there. Counts have no greatest one: the
    lower bound has m - 1 degrees of freedom. Without any event n counts in full: 3 / n bounds the mean from above.
    Trials of one second count as one.
    """
    n = len(counts)
    if n == 0:
        return Estimate(math.nan, 0.0, math.inf, 0, 0.0)
    mean = float(counts.mean())
    sizes, events = clusters.totals(seconds, counts)
    m = len(sizes)
    below = above = 1.0 if m < 2 else float(n)
    if m > 1 and mean:
        residuals = events - mean * sizes
        clustered = m / (m - 1) * float(residuals @ residuals) / n**2
        deff = max(1.0, clustered / (mean / n))
        # A single trial may hold many events, so the number of seconds is no least one here.
        below, above = (
            float(clusters.shrunk(sizes, deff, degrees, floor=False))
            for degrees in (m - 1, clusters.freedom(sizes, events))
        )
    low = float(special.gammaincinv(mean * below, ALPHA)) / below if mean else 0.0
    high = float(special.gammaincinv(mean * above + 1, 1 - ALPHA)) / above
    return Estimate(mean, min(low, mean), max(high, mean), n, min(below, above), m)


def quantile(values: Floats, q: float, seconds: Ints) -> Estimate:
    """The q-quantile (its order statistic, never interpolated) with distribution-free bounds.

    The r-th smallest of n has F(X) ~ Beta(r, n-r+1), so ranks can be chosen that bound the quantile (David
    & Nagaraja, Order Statistics, 3rd ed. 2003, section 7.1); with clusters, ranks on the effective size are
    scaled back to n (Woodruff, JASA 47, 1952). ``high`` is ``inf`` while even the greatest of all samples
    bounds nothing: below ln ALPHA / ln q effective samples.
    """
    n = len(values)
    if n == 0:
        return Estimate(math.nan, 0.0, math.inf, 0, 0.0)
    ordered = np.sort(values)
    value = float(ordered[max(0, math.ceil(q * n - 1e-9) - 1)])
    # Few values lie above the quantile: bounding it from above is bounding their share from above.
    sizes, within = clusters.totals(seconds, values <= value)
    shared = clusters.bounds_in_time(sizes, within)
    above, below = float(shared.below), float(shared.above)
    low_rank, high_rank = bounding_ranks(q, below)[0] * n / below, bounding_ranks(q, above)[1] * n / above
    low = float(ordered[math.floor(low_rank + 1e-9) - 1]) if low_rank >= 1 else min(0.0, float(ordered[0]))
    high = float(ordered[math.ceil(high_rank - 1e-9) - 1]) if high_rank <= n + 1e-9 else math.inf
    return Estimate(value, min(low, value), max(high, value), n, min(above, below), len(sizes))


def bounding_ranks(q: float, n: float) -> tuple[float, float]:
    """Ranks r of n independent samples whose order statistics bound the q-quantile from below and from above.

    Real numbers: round the first down, the second up. 0 and ``inf``: no sample bounds it on that side.
    """

    def chance_below(rank: float) -> float:  # P(F(X_r) < q)
        return float(special.betainc(rank, n - rank + 1, q))

    tiny = 1e-9
    low = 0.0 if chance_below(tiny) < 1 - ALPHA else _root(lambda r: chance_below(r) - (1 - ALPHA), tiny, n)
    high = math.inf if chance_below(n) > ALPHA else _root(lambda r: chance_below(r) - ALPHA, tiny, n)
    return low, high


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Of one that falls, by bisection: what has better ways takes longer to be read than all of this."""
    if function(low) <= 0:
        return low
    if function(high) >= 0:
        return high
    # Of millions there is no number between two neighbours that are further apart.
    while high - low > _CLOSE and low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return low


def difference(first: Estimate, second: Estimate) -> Estimate:
    """``second - first`` of two estimates from separate samples, shares or quantiles.

    The bounds are recovered from each one's own, so they need neither symmetry nor a known variance, and allow for
    clustering as those do: with d = second - first, d - √((second - low₂)² + (high₁ - first)²) and
    d + √((high₂ - second)² + (first - low₁)²) (of shares: Newcombe, Statistics in Medicine 17, 1998, method 10; of
    anything with bounds of its own: Zou & Donner, Statistics in Medicine 27, 2008). Where either one is unbounded, so
    is the difference. Where either one is beyond what was seen, ends are all that is known: the difference is from
    low₂ - high₁ to high₂ - low₁.
    """
    value = second.value - first.value
    smaller = min((first, second), key=lambda estimate: estimate.effective)
    if math.isnan(value):
        return Estimate(math.nan, -math.inf, math.inf, smaller.samples, smaller.effective)
    if math.isinf(value):
        low, high = second.low - first.high, second.high - first.low
        return Estimate(value, low, high, smaller.samples, smaller.effective)
    low = value - math.hypot(second.value - second.low, first.high - first.value)
    high = value + math.hypot(second.high - second.value, first.value - first.low)
    return Estimate(value, low, high, smaller.samples, smaller.effective)


def censored_quantile(times: Floats, censored: Bools, q: float, seconds: Ints) -> Estimate:
    """The q-quantile of times of which some are only known to be longer (right-censored).

    The estimate is that of Kaplan & Meier (JASA 53, 1958); ``inf`` when it lies beyond the last observed
    event. Bounds invert the log-log interval of the survival function (Brookmeyer & Crowley, Biometrics 38,
    1982), widened by the square root of the design effect. That interval is asymptotic, so ``high`` stays
    ``inf`` below the count of events that an exact one takes; with nothing censored the exact one is used.
    ``low`` never exceeds the longest time that was really observed.
    """
    if not censored.any():
        return quantile(times, q, seconds)
    n = len(times)
    from scipy import stats  # here, for it takes longer to be read than all else

    data = stats.CensoredData.right_censored(times, censored)
    survival = stats.ecdf(data).sf
    reached = survival.quantiles[survival.probabilities <= 1 - q + 1e-12]
    value = float(reached[0]) if len(reached) else math.inf
    sizes, within = clusters.totals(seconds, times <= min(value, float(times.max())))
    shared = clusters.bounds_in_time(sizes, within)
    effective = min(float(shared.below), float(shared.above))
    # The variance grows by n / effective, hence the normal quantile by its square root.
    z = float(special.ndtri(1 - ALPHA)) * math.sqrt(n / effective)
    level = min(1 - 1e-12, 2 * float(special.ndtr(z)) - 1)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        bounds: Any = survival.confidence_interval(level, method="log-log")
    # At survival 1 or 0 the transform is undefined. While r are at risk and none has ended, survival is at
    # least ALPHA^(1/r) (Clopper-Pearson at zero); when all have ended nothing bounds it from above.
    at_risk = n - np.searchsorted(np.sort(times), survival.quantiles, side="left")
    untouched = ALPHA ** (1 / np.maximum(1.0, at_risk * effective / n))
    lowest = np.where(survival.probabilities == 1.0, untouched, np.nan_to_num(bounds.low.probabilities, nan=0.0))
    highest = np.nan_to_num(bounds.high.probabilities, nan=1.0)
    ended_early = survival.quantiles[lowest <= 1 - q]
    ended_late = survival.quantiles[highest <= 1 - q]
    low = float(ended_early[0]) if len(ended_early) else float(times.max())
    enough = (1 - censored.mean()) * effective >= samples_for_quantile(q)
    high = float(ended_late[0]) if len(ended_late) and enough else math.inf
    return Estimate(value, min(low, value), max(high, value), n, effective, len(sizes))


def samples_needed(limit: float, level: float = 1 - ALPHA) -> int:
    """Good samples in a row that show a share of at least ``limit``: ln(1 - level) / ln(limit), from limitⁿ
    <= 1 - level.

    For ``level`` 0.95 about 3 / (1 - limit), the "rule of three" (Hanley & Lippman-Hand, JAMA 249, 1983).
    """
    if limit <= 0:
        return 1
    if limit >= 1:
        return MOST_NEEDED
    return min(MOST_NEEDED, math.ceil(math.log(1 - level) / math.log(limit) - 1e-9))


FEW = 10
"""Failures up to which one more may tell so much of how they come that the bound rises."""


def tolerated(samples: int, share: float, seconds: int) -> int | None:
    """How many failures, spread over the seconds, still show at least ``share``, and so does any smaller number;
    ``None`` when not even none do.
    """
    if samples < samples_needed(share):
        return None
    sizes = np.full(max(1, seconds), samples / max(1, seconds))

    def shown(failures: int) -> bool:
        return bool(clusters.bounds(sizes, sizes - _spread(failures, len(sizes))).low >= share)

    most = math.ceil(samples * (1 - share)) + 1
    for failures in range(min(FEW, most) + 1):
        if not shown(failures):
            return failures - 1
    low, high = min(FEW, most), most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if shown(middle) else (low, middle)
    return low


def _spread(failures: int, seconds: int) -> Floats:
    """So many failures over seconds, as evenly as can be."""
    each, rest = divmod(failures, seconds)
    return each + (np.arange(seconds) < rest).astype(np.float64)


def could_have_missed(seconds: int) -> float:
    """Where no second (or no run) of so many held a failure: up to which share of all may hold one all the same,
    1 - ALPHA^(1/seconds). No number of samples within them lowers it.
    """
    return 1 - ALPHA ** (1 / seconds) if seconds > 0 else 1.0


def samples_for_quantile(q: float, level: float = 1 - ALPHA) -> int:
    """Fewest independent samples whose maximum bounds the q-quantile from above: 59 for p95, 299 for p99."""
    return samples_needed(q, level)


def samples_to_decide(share: float, limit: float, deff: float = 1.0) -> int | None:
    """How many samples would decide whether a share reaches ``limit``, if it stays what it is and clusters
    as it does.

    ``None`` when no reasonable number would: the share lies on the limit.
    """

    def decided(n: int) -> bool:
        low, high = clopper_pearson(share, n)
        return low >= limit or high < limit

    high = 1
    while not decided(high):
        high *= 2
        if high * deff > MOST_NEEDED:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return math.ceil(high * deff)
