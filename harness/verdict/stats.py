"""Estimates with intervals that hold for samples which are not independent. Pure; every formula with its
source.

All bounds are one-sided 95 % bounds (:data:`ALPHA` on each side, a two-sided 90 % interval): an objective
has one bound, and whoever passes it must be right 95 times in 100. So 99.9 % takes ln 0.05 / ln 0.999 =
2,995 good samples in a row.

Samples within one second share a cache entry, a garbage collection, a fault: they are *clustered*. The
design effect says how much less they tell than independent ones (Kish, Survey Sampling, 1965, section 5.4);
the effective sample size n / deff then goes into the exact interval for independent samples (Korn &
Graubard, Survey Methodology 24, 1998).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

ALPHA = 0.05
"""Error probability on each side."""
BIN_S = 1.0
"""Samples due within the same bin of this length are one cluster."""
MOST_NEEDED = 10**9
TINY = 1e-9

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


def design_effect(good: Bools, clusters: Ints) -> float:
    """Variance of the share of ``good`` under clustering, over its variance if samples were independent;
    never below 1.

    The share is a ratio of two cluster totals, whose variance by linearization is m/(m-1) · Σ(xᵢ - p·nᵢ)² /
    n² (Cochran, Sampling Techniques, 3rd ed. 1977, section 3.12; as in Rao & Scott, Biometrics 48, 1992).
    Less than 1 would claim that clustered samples tell more than independent ones; it is left out, since it
    is mostly noise. ``nan`` when all samples lie in one cluster: then there is no second one to compare it
    with.
    """
    n = len(good)
    _, index = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(index)
    m = len(sizes)
    if m < 2:
        return math.nan
    share = float(good.mean())
    if share in (0.0, 1.0):
        return 1.0
    residuals = np.bincount(index, weights=good) - share * sizes
    clustered = m / (m - 1) * float(residuals @ residuals) / n**2
    return max(1.0, float(clustered / (share * (1 - share) / (n - 1))))


def effective_sizes(good: Bools, clusters: Ints) -> tuple[float, float]:
    """Effective numbers of samples for the lower and for the upper bound of the share of ``good``: n / deff · (t of
    n-1 / t of f degrees of freedom)² (Korn & Graubard 1998), at least Kish's number of clusters, at most n.

    The ratio of t quantiles (``ALPHA`` each) pays for estimating deff from few clusters. A share is bounded from above
    by the seconds in which it occurs, so ``good`` from below by those with a failure: see :func:`_freedom`. No second
    tells less than one observation, so there are at least (Σnᵢ)² / Σnᵢ² (Kish 1965), however much its samples agree.

    Where nothing differs (no failure, or nothing but failures) there is no sign of dependence and nothing
    to estimate it from: n counts in full, as Korn & Graubard do, which is what makes 2,995 in a row enough.
    What that leaves open is told beside it: :func:`could_have_missed`. All samples in one single second count as one.
    """
    n = len(good)
    if n < 2:
        return float(n), float(n)
    deff = design_effect(good, clusters)
    if math.isnan(deff):
        return 1.0, 1.0
    if good.all() or not good.any():
        return float(n), float(n)
    sizes, fine = totals(clusters, good)
    return _shrunk(n, deff, _freedom(sizes - fine), sizes), _shrunk(n, deff, _freedom(fine), sizes)


def totals(clusters: Ints, values: Floats | Bools | Ints) -> tuple[Floats, Floats]:
    """Of each cluster: how many samples it holds, and the sum of their ``values``."""
    _, index = np.unique(clusters, return_inverse=True)
    return np.bincount(index).astype(np.float64), np.bincount(index, weights=values).astype(np.float64)


def _freedom(events: Floats) -> float:
    """Degrees of freedom with which the events in each cluster bound their rate from above; at most m - 1.

    A variance estimated from independent terms has about (Σvᵢ)² / Σvᵢ² of them (Satterthwaite, Biometrics Bulletin 2,
    1946); the terms are the squares of the events of each cluster. So k clusters with a failure each give k, a hundred
    failures of one second and one of another give 1. Where clusters differ, worse ones than any seen are the more
    likely, and the square root of the share that carries the variance is taken off as well. That part is no theory: it
    was chosen by simulation, among several (docs/statistics.md).
    """
    squares = events[events > 0] ** 2
    carrying = float(squares.sum() ** 2 / (squares @ squares))
    m = len(events)
    return (m - 1) / m * carrying * math.sqrt(carrying / len(squares))


def _shrunk(n: int, deff: float, freedom: float, sizes: Floats) -> float:
    shrink = float(stats.t.ppf(1 - ALPHA, n - 1) / stats.t.ppf(1 - ALPHA, freedom)) ** 2
    clusters = float(n**2 / (sizes @ sizes))
    return min(float(n), max(n / deff * shrink, clusters))


def clopper_pearson(share: float, n: float) -> tuple[float, float]:
    """Exact bounds of a binomial share (Clopper & Pearson, Biometrika 26, 1934), in its beta form, so n
    need not be whole.
    """
    if n <= 0:
        return 0.0, 1.0
    x = share * n
    low = float(stats.beta.ppf(ALPHA, x, n - x + 1)) if x > TINY else 0.0
    high = float(stats.beta.ppf(1 - ALPHA, x + 1, n - x)) if n - x > TINY else 1.0
    return min(low, share), max(high, share)


def proportion(good: Bools, clusters: Ints) -> Estimate:
    """The share of ``good``, with Clopper-Pearson bounds, each on the effective size for its side."""
    n = len(good)
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0, 0.0)
    share = float(good.mean())
    sizes = effective_sizes(good, clusters)
    low, high = clopper_pearson(share, sizes[0])[0], clopper_pearson(share, sizes[1])[1]
    return Estimate(share, low, high, n, min(sizes), len(np.unique(clusters)))


def mean_count(counts: Ints, clusters: Ints) -> Estimate:
    """The mean of counts (events per trial, rare and without a greatest one), with exact Poisson bounds.

    Bounds: Garwood, Biometrika 28, 1936, in the chi-square form, on the effective number of trials. Its design effect
    is the variance of the mean under clustering (as in :func:`design_effect`) over a Poisson mean's, so it pays for
    overdispersion too, and few seconds are paid for as in :func:`effective_sizes`; counts have no greatest one, so the
    lower bound has m - 1 degrees of freedom. Without any event n counts in full: 3 / n bounds the mean from above.
    Trials of one second count as one.
    """
    n = len(counts)
    if n == 0:
        return Estimate(math.nan, 0.0, math.inf, 0, 0.0)
    mean = float(counts.mean())
    sizes, events = totals(clusters, counts)
    m = len(sizes)
    below = above = 1.0 if m < 2 else float(n)
    if m > 1 and mean:
        residuals = events - mean * sizes
        clustered = m / (m - 1) * float(residuals @ residuals) / n**2
        deff = max(1.0, clustered / (mean / n))
        # A single trial may hold many events: the seconds themselves are no least number here.
        below, above = (_shrunk(n, deff, freedom, np.full(1, float(n))) for freedom in (m - 1, _freedom(events)))
    low = float(stats.chi2.ppf(ALPHA, 2 * mean * below)) / 2 / below if mean else 0.0
    high = float(stats.chi2.ppf(1 - ALPHA, 2 * mean * above + 2)) / 2 / above
    return Estimate(mean, min(low, mean), max(high, mean), n, min(below, above), m)


def quantile(values: Floats, q: float, clusters: Ints) -> Estimate:
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
    above, below = effective_sizes(values <= value, clusters)
    low_rank, high_rank = bounding_ranks(q, below)[0] * n / below, bounding_ranks(q, above)[1] * n / above
    low = float(ordered[math.floor(low_rank + 1e-9) - 1]) if low_rank >= 1 else min(0.0, float(ordered[0]))
    high = float(ordered[math.ceil(high_rank - 1e-9) - 1]) if high_rank <= n + 1e-9 else math.inf
    return Estimate(value, min(low, value), max(high, value), n, min(above, below), len(np.unique(clusters)))


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
    if function(low) <= 0:
        return low
    if function(high) >= 0:
        return high
    return float(optimize.brentq(function, low, high, xtol=1e-9))


def difference(first: Estimate, second: Estimate) -> Estimate:
    """``second - first`` of two estimates from separate samples, shares or quantiles.

    The bounds are recovered from each one's own, so they need neither symmetry nor a known variance, and allow for
    clustering as those do: with d = second - first, d - √((second - low₂)² + (high₁ - first)²) and
    d + √((high₂ - second)² + (first - low₁)²) (of shares: Newcombe, Statistics in Medicine 17, 1998, method 10; of
    anything with bounds of its own: Zou & Donner, Statistics in Medicine 27, 2008). Where either one is unbounded, so
    is the difference.
    """
    value = second.value - first.value
    smaller = min((first, second), key=lambda estimate: estimate.effective)
    if math.isnan(value):
        return Estimate(math.nan, -math.inf, math.inf, smaller.samples, smaller.effective)
    low = value - math.hypot(second.value - second.low, first.high - first.value)
    high = value + math.hypot(second.high - second.value, first.value - first.low)
    return Estimate(value, low, high, smaller.samples, smaller.effective)


def censored_quantile(times: Floats, censored: Bools, q: float, clusters: Ints) -> Estimate:
    """The q-quantile of times of which some are only known to be longer (right-censored).

    The estimate is that of Kaplan & Meier (JASA 53, 1958); ``inf`` when it lies beyond the last observed
    event. Bounds invert the log-log interval of the survival function (Brookmeyer & Crowley, Biometrics 38,
    1982), widened by the square root of the design effect. That interval is asymptotic, so ``high`` stays
    ``inf`` below the count of events that an exact one takes; with nothing censored the exact one is used.
    ``low`` never exceeds the longest time that was really observed.
    """
    if not censored.any():
        return quantile(times, q, clusters)
    n = len(times)
    data = stats.CensoredData.right_censored(times, censored)
    survival = stats.ecdf(data).sf
    reached = survival.quantiles[survival.probabilities <= 1 - q + 1e-12]
    value = float(reached[0]) if len(reached) else math.inf
    effective = min(effective_sizes(times <= min(value, float(times.max())), clusters))
    # The variance grows by n / effective, hence the normal quantile by its square root.
    z = float(stats.norm.ppf(1 - ALPHA)) * math.sqrt(n / effective)
    level = min(1 - 1e-12, 2 * float(stats.norm.cdf(z)) - 1)
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
    return Estimate(value, min(low, value), max(high, value), n, effective)


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


def tolerated(samples: int, share: float, clusters: int) -> int | None:
    """How many failures, each in a second of its own while there are enough, still show at least ``share``, and so does
    any smaller number; ``None`` when not even none do.
    """
    bad = np.arange(0, math.floor(samples * (1 - share)) + 1)
    if samples < samples_needed(share):
        return None
    apart = np.clip(bad, 1, clusters)
    freedom = (clusters - 1) / clusters * apart if clusters > 1 else np.full(len(bad), math.nan)
    shrink = (stats.t.ppf(1 - ALPHA, max(samples - 1, 1)) / stats.t.ppf(1 - ALPHA, freedom)) ** 2
    effective = np.where(bad, np.clip(np.nan_to_num(samples * shrink), max(clusters, 1), samples), samples)
    failing = bad / samples * effective
    low = stats.beta.ppf(ALPHA, effective - failing, failing + 1)
    return int(np.argmin(np.append(low >= share, False))) - 1


def could_have_missed(clusters: int) -> float:
    """Where none of the clusters (seconds, or runs) held a failure: up to which share of them may hold one all the
    same, 1 - ALPHA^(1/clusters). No number of samples within them lowers it.
    """
    return 1 - ALPHA ** (1 / clusters) if clusters > 0 else 1.0


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
