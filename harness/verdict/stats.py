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
    """How many independent samples would tell as much."""


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


def effective_size(good: Bools, clusters: Ints) -> float:
    """Effective number of samples: n / deff · (t of n-1 / t of f degrees of freedom)² (Korn & Graubard
    1998), at most n.

    The ratio of t quantiles pays for estimating deff from few clusters: f = m-1, but where failures do
    cluster (deff > 1) no more than the clusters with the rarer outcome, since it is they that carry the
    estimate. (With m-1 a share whose failures come as whole bad seconds was overstated 1.5 to 2 times as
    often, in the simulation of the tests.)

    Where nothing differs (no failure, or nothing but failures) there is no sign of dependence and nothing
    to estimate it from: n counts in full, as Korn & Graubard do, which is what makes 2,995 in a row enough.
    Incidents that are rarer than the phase is long can't be excluded by any count within it. All samples in
    one single second count as one.
    """
    n = len(good)
    if n < 2:
        return float(n)
    deff = design_effect(good, clusters)
    if math.isnan(deff):
        return 1.0
    failing, fine = len(np.unique(clusters[~good])), len(np.unique(clusters[good]))
    if not failing or not fine:
        return float(n)
    freedom = len(np.unique(clusters)) - 1
    if deff > 1.0 + 1e-9:
        freedom = min(freedom, failing, fine)
    shrink = float(stats.t.ppf(1 - ALPHA, n - 1) / stats.t.ppf(1 - ALPHA, freedom)) ** 2
    return max(1.0, min(float(n), n / deff * shrink))


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
    """The share of ``good``, with Clopper-Pearson bounds on the effective size."""
    n = len(good)
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0, 0.0)
    share = float(good.mean())
    effective = effective_size(good, clusters)
    return Estimate(share, *clopper_pearson(share, effective), n, effective)


def mean_count(counts: Ints, clusters: Ints) -> Estimate:
    """The mean of counts (events per trial, rare and without a greatest one), with exact Poisson bounds.

    Bounds: Garwood, Biometrika 28, 1936, in the chi-square form, on the effective number of trials. Its design effect
    is the variance of the mean under clustering (as in :func:`design_effect`) over a Poisson mean's, so it pays for
    overdispersion too. Without any event n counts in full: 3 / n bounds the mean from above. Trials of one second
    count as one.
    """
    n = len(counts)
    if n == 0:
        return Estimate(math.nan, 0.0, math.inf, 0, 0.0)
    mean = float(counts.mean())
    _, index = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(index)
    m = len(sizes)
    effective = 1.0
    if m > 1:
        residuals = np.bincount(index, weights=counts) - mean * sizes
        clustered = m / (m - 1) * float(residuals @ residuals) / n**2
        effective = n / max(1.0, clustered / (mean / n)) if mean else float(n)
    events = mean * effective
    low = float(stats.chi2.ppf(ALPHA, 2 * events)) / 2 / effective if events > TINY else 0.0
    high = float(stats.chi2.ppf(1 - ALPHA, 2 * events + 2)) / 2 / effective
    return Estimate(mean, min(low, mean), max(high, mean), n, effective)


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
    effective = effective_size(values <= value, clusters)
    low_rank, high_rank = (rank * n / effective for rank in bounding_ranks(q, effective))
    low = float(ordered[math.floor(low_rank + 1e-9) - 1]) if low_rank >= 1 else min(0.0, float(ordered[0]))
    high = float(ordered[math.ceil(high_rank - 1e-9) - 1]) if high_rank <= n + 1e-9 else math.inf
    return Estimate(value, min(low, value), max(high, value), n, effective)


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
    effective = effective_size(times <= min(value, float(times.max())), clusters)
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
