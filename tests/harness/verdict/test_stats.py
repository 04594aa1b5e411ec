"""Estimates: known values, properties, and whether the intervals cover what they promise."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idchaos.verdict import clusters, stats

SECONDS_OF_20 = np.repeat(np.arange(10), 20)


def shares(bad: int, n: int, seconds: int = 10) -> tuple[stats.Bools, stats.Ints]:
    """``n`` samples over ``seconds``, the bad ones spread evenly."""
    good = np.ones(n, dtype=bool)
    if bad:
        good[np.linspace(0, n - 1, bad).astype(int)] = False
    return good, np.arange(n) * seconds // n


# --- shares


def test_three_nines_take_2995_good_samples_in_a_row() -> None:
    assert stats.samples_needed(0.999) == 2995
    assert stats.proportion(*shares(0, 2994)).low < 0.999
    assert stats.proportion(*shares(0, 2995)).low >= 0.999


def test_no_samples_say_nothing() -> None:
    estimate = stats.proportion(*shares(0, 0))
    assert math.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_clopper_pearson_as_published() -> None:
    """Two-sided 90 % bounds for 4 of 20 (Hahn & Meeker, Statistical Intervals, 1991): 0.071 and 0.401."""
    low, high = stats.clopper_pearson(0.2, 20)
    assert low == pytest.approx(0.0714, abs=5e-4)
    assert high == pytest.approx(0.4010, abs=5e-4)


def test_failures_of_one_second_count_as_about_one_failure() -> None:
    """20 failures spread over 10 seconds tell more than the same 20 within a single second."""
    good = np.ones(200, dtype=bool)
    good[:20] = False
    together = stats.proportion(good, SECONDS_OF_20)
    apart = stats.proportion(*shares(20, 200))
    assert together.value == apart.value == 0.9
    assert clusters.design_effect(*clusters.totals(SECONDS_OF_20, good)) == pytest.approx(20, rel=0.15)
    assert together.effective < 0.1 * apart.effective
    assert together.low < apart.low
    assert together.high > apart.high


def test_evenly_spread_failures_are_not_taken_for_more_than_independent_ones() -> None:
    good = np.tile(np.arange(20) > 1, 10)
    assert clusters.design_effect(*clusters.totals(SECONDS_OF_20, good)) == 1.0


def test_one_second_is_one_observation() -> None:
    estimate = stats.proportion(np.ones(5000, dtype=bool), np.zeros(5000, dtype=np.int64))
    assert estimate.effective == 1.0
    assert estimate.low == pytest.approx(0.05)


def by_second(failing: list[int], each: int) -> tuple[stats.Bools, stats.Ints]:
    """Seconds of ``each`` samples, of which so many fail."""
    good = np.concatenate([np.arange(each) >= bad for bad in failing])
    return good, np.repeat(np.arange(len(failing)), each)


def test_five_dead_seconds_of_six_miss_97_percent() -> None:
    """84.5 % of some 270 requests failed; one second held all the good ones."""
    estimate = stats.proportion(*by_second([45, 45, 45, 45, 45, 3], 45))
    assert estimate.value == pytest.approx(0.156, abs=1e-3)
    assert estimate.high < 0.65


def test_a_healthy_half_minute_shows_99_percent() -> None:
    """7 failures of 7,500, each by itself."""
    assert stats.proportion(*by_second([1, 0, 0, 0] * 7 + [0, 0], 250)).low >= 0.99


def test_one_failure_says_nothing_of_how_failures_come() -> None:
    """At 99.5 %, bursts would leave one in 12 s more often than 5 times in 100. Several alike, apart, tell more."""
    one = stats.proportion(*by_second([1] + [0] * 11, 250))
    three = stats.proportion(*by_second([1, 0, 0, 0] * 3, 250))
    assert one.low < 0.995 <= three.low
    assert stats.proportion(*by_second([3] + [0] * 11, 250)).low < one.low


def test_an_incident_that_lasts_is_one_observation() -> None:
    """Dead seconds in a row tell less of how often that happens than as many apart: PASS and FAIL are further away."""
    apart = stats.proportion(*by_second([50, 0, 0, 0] * 15, 50))
    in_a_row = stats.proportion(*by_second([50] * 3 + [0] * 17 + [50] * 6 + [0] * 14 + [50] * 6 + [0] * 14, 50))
    assert apart.value == in_a_row.value
    assert in_a_row.low < apart.low
    assert in_a_row.high > apart.high


def test_neighbours_that_differ_by_chance_alone_are_not_taken_together() -> None:
    failures = np.random.default_rng(1).permutation([1] * 30 + [0] * 30).astype(float)
    sizes = np.full(60, 50.0)
    assert not clusters.alike(sizes, sizes - failures)
    assert clusters.alike(sizes, sizes - np.sort(failures))


@given(st.lists(st.integers(0, 20), min_size=2, max_size=40))
def test_what_is_taken_together_only_widens_the_interval(failures: list[int]) -> None:
    sizes = np.full(len(failures), 20.0)
    good = sizes - np.array(failures)
    apart, found = clusters.bounds(sizes, good), clusters.bounds_in_time(sizes, good)
    assert found.low <= apart.low
    assert apart.high <= found.high


def test_a_second_is_at_least_one_observation() -> None:
    """One sample a second: nothing can cluster, and the interval is the exact one."""
    good = np.arange(60) > 0
    estimate = stats.proportion(good, np.arange(60))
    assert (estimate.low, estimate.high) == stats.clopper_pearson(59 / 60, 60)


outcomes = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=200)


@given(outcomes)
def test_the_interval_holds_the_estimate(rows: list[tuple[bool, int]]) -> None:
    good, second = (np.array(column) for column in zip(*rows, strict=True))
    estimate = stats.proportion(good.astype(bool), second.astype(np.int64))
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert 1 <= estimate.effective <= estimate.samples


@given(outcomes, st.randoms(use_true_random=False))
def test_order_is_irrelevant(rows: list[tuple[bool, int]], shuffle: random.Random) -> None:
    mixed = list(rows)
    shuffle.shuffle(mixed)
    first, second = (
        stats.proportion(np.array([good for good, _ in these]), np.array([at for _, at in these]))
        for these in (rows, mixed)
    )
    assert (first.value, first.low, first.high) == pytest.approx((second.value, second.low, second.high))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 1e5))
def test_bounds_rise_with_the_share_and_narrow_with_the_count(one: float, other: float, n: float) -> None:
    less, more = sorted((one, other))
    tolerance = 1e-9
    assert stats.clopper_pearson(less, n)[0] <= stats.clopper_pearson(more, n)[0] + tolerance
    assert stats.clopper_pearson(less, n)[1] <= stats.clopper_pearson(more, n)[1] + tolerance
    narrow, wide = stats.clopper_pearson(one, 2 * n), stats.clopper_pearson(one, n)
    assert narrow[0] >= wide[0] - tolerance
    assert narrow[1] <= wide[1] + tolerance


@pytest.mark.parametrize("share", [0.9, 0.99])
@pytest.mark.parametrize("correlation", [0.0, 0.2])
def test_each_bound_covers_19_times_in_20(share: float, correlation: float) -> None:
    """Simulated: 60 seconds of 20 samples, seconds alike by a beta mixture of the given correlation within
    a second.

    The share promised is 95 % on each side. Estimating the design effect costs a little; far below would be
    a lie.
    """
    rng = np.random.default_rng(20)
    second = np.repeat(np.arange(60), 20)
    missed_low = missed_high = 0
    rounds = 400
    for _ in range(rounds):
        chance = np.full(60, share)
        if correlation:
            scale = 1 / correlation - 1
            chance = rng.beta(share * scale, (1 - share) * scale, 60)
        estimate = stats.proportion(rng.random(1200) < chance[second], second)
        missed_low += estimate.low > share
        missed_high += estimate.high < share
    assert missed_low / rounds <= 0.09
    assert missed_high / rounds <= 0.09


@pytest.mark.parametrize(
    ("seconds", "rate", "share", "correlation"),
    [(6, 250, 0.97, 0.2), (12, 250, 0.995, 0.1), (15, 100, 0.97, 0.2), (60, 250, 0.999, 0.05), (120, 250, 0.995, 0.2)],
)
def test_where_failures_were_seen_the_bounds_cover_few_seconds_too(
    seconds: int, rate: int, share: float, correlation: float
) -> None:
    """Seconds alike by a beta mixture. All the table: docs/statistics.md."""
    rng, rounds, scale = np.random.default_rng(22), 2000, 1 / correlation - 1
    chance = rng.beta(share * scale, (1 - share) * scale, (rounds, seconds))
    sizes, good = np.full((rounds, seconds), float(rate)), rng.binomial(rate, chance).astype(float)
    found = clusters.bounds(sizes, good)
    seen = good.sum(1) < sizes.sum(1)
    assert seen.any()
    assert np.mean(seen & (found.low > share)) <= 0.05
    assert np.mean(found.high < share) <= 0.05


def test_ignoring_the_clusters_would_not_cover() -> None:
    """The reason for all this: the same samples, taken as independent, break the promise several times as
    often.
    """
    rng = np.random.default_rng(21)
    second = np.repeat(np.arange(60), 20)
    missed = 0
    for _ in range(300):
        chance = rng.beta(0.9 * 4, 0.1 * 4, 60)
        good = rng.random(1200) < chance[second]
        missed += stats.clopper_pearson(float(good.mean()), 1200)[0] > 0.9
    assert missed / 300 > 0.15


# --- differences


def test_a_difference_of_shares() -> None:
    better, worse = stats.proportion(*shares(4, 400)), stats.proportion(*shares(60, 400))
    change = stats.difference(better, worse)
    assert change.value == pytest.approx(-56 / 400)
    assert change.low < change.value < change.high < 0


def test_newcombes_own_example() -> None:
    """Method 10 from Wilson bounds: 56/70 minus 48/80 is 0.2, 95 %: 0.0524 to 0.3339 (Newcombe 1998, table II)."""

    def wilson(x: int, n: int) -> stats.Estimate:
        z, p = 1.959964, x / n
        middle, width = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return stats.Estimate(p, (middle - width) / scale, (middle + width) / scale, n, n)

    change = stats.difference(wilson(48, 80), wilson(56, 70))
    assert (change.value, change.low, change.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_a_difference_with_nothing_or_too_little_on_a_side_is_unbounded() -> None:
    second = np.repeat(np.arange(20), 30)
    some = stats.quantile(np.arange(600.0), 0.95, second)
    nothing = stats.quantile(np.array([]), 0.95, np.array([], dtype=np.int64))
    few = stats.quantile(np.arange(20.0), 0.95, np.arange(20))
    assert math.isnan(stats.difference(nothing, some).value)
    assert stats.difference(some, few).high == math.inf
    assert stats.difference(few, some).low == -math.inf


def test_a_difference_from_what_has_no_end_is_at_least_that_of_the_ends_that_were_seen() -> None:
    ended, endless = stats.Estimate(1.0, 0.9, 1.2, 70, 70), stats.Estimate(math.inf, 8.0, math.inf, 70, 70)
    worse, better = stats.difference(ended, endless), stats.difference(endless, ended)
    assert (worse.value, worse.low, worse.high) == (math.inf, pytest.approx(6.8), math.inf)
    assert (better.value, better.low, better.high) == (-math.inf, -math.inf, pytest.approx(-6.8))
    assert stats.difference(endless, endless).low == -math.inf


@pytest.mark.parametrize("correlation", [0.0, 0.2])
def test_bounds_of_a_difference_of_shares_cover(correlation: float) -> None:
    """A baseline of 30 s at 99 %, a fault of 60 s at 93 %, 20 samples a second, seconds alike or not."""
    rng = np.random.default_rng(31)
    rounds, missed = 300, [0, 0]
    for _ in range(rounds):
        found = []
        for share, seconds in ((0.99, 30), (0.93, 60)):
            scale = (1 / correlation - 1) if correlation else 0.0
            chance = rng.beta(share * scale, (1 - share) * scale, seconds) if scale else np.full(seconds, share)
            second = np.repeat(np.arange(seconds), 20)
            found.append(stats.proportion(rng.random(len(second)) < chance[second], second))
        change = stats.difference(*found)
        missed[0] += change.low > -0.06
        missed[1] += change.high < -0.06
    assert max(missed) / rounds <= 0.09


@pytest.mark.parametrize("slow_seconds", [False, True])
def test_bounds_of_a_difference_of_quantiles_cover(slow_seconds: bool) -> None:
    """p90 of exponential latencies, twice as long in the fault; or with seconds that are slow as a whole."""
    rng = np.random.default_rng(32)
    rounds, missed = 300, [0, 0]

    def drawn(mean: float, seconds: int) -> tuple[stats.Floats, stats.Ints]:
        second = np.repeat(np.arange(seconds), 20)
        pace = np.where(rng.random(seconds) < 0.3, 3.0, 1.0) if slow_seconds else np.ones(seconds)
        return rng.exponential(mean, len(second)) * pace[second], second

    many = [np.quantile(drawn(mean, 40_000)[0], 0.9) for mean in (1.0, 2.0)]
    truth = many[1] - many[0]
    for _ in range(rounds):
        first, later = (stats.quantile(values, 0.9, at) for values, at in (drawn(1.0, 40), drawn(2.0, 60)))
        change = stats.difference(first, later)
        missed[0] += change.low > truth
        missed[1] += change.high < truth
    assert max(missed) / rounds <= 0.09


def test_ignoring_the_scatter_of_the_baseline_would_not_cover() -> None:
    """Taking the baseline for exact breaks the promise more often: its own bounds are needed."""
    rng = np.random.default_rng(33)
    missed = 0
    for _ in range(300):
        before, after = (stats.proportion(rng.random(n) < 0.9, np.arange(n) // 10) for n in (100, 400))
        missed += stats.difference(stats.Estimate(before.value, before.value, before.value, 100, 100), after).low > 0
    assert missed / 300 > 0.09


# --- how many it takes


def test_how_many_samples_decide() -> None:
    assert stats.samples_to_decide(1.0, 0.999) == 2995
    more = stats.samples_to_decide(0.9995, 0.999)
    assert more is not None
    assert more > 2995
    assert stats.clopper_pearson(0.9995, more)[0] >= 0.999
    assert stats.clopper_pearson(0.9995, more - 1)[0] < 0.999
    assert stats.samples_to_decide(0.999, 0.999) is None
    assert stats.samples_to_decide(1.0, 0.999, deff=3.0) == 3 * 2995


# --- means of counts


def test_no_event_among_n_bounds_the_mean_by_three_over_n() -> None:
    estimate = stats.mean_count(np.zeros(100, dtype=np.int64), np.arange(100))
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert estimate.high == pytest.approx(-math.log(0.05) / 100)


def test_a_poisson_mean_as_published() -> None:
    """Two-sided 90 % limits for 10 events (Garwood, 1936): 5.43 and 16.96. Having seen but ten seconds with an event
    costs a little above.
    """
    estimate = stats.mean_count(np.tile([0, 1], 10), np.arange(20))
    assert estimate.low * 20 == pytest.approx(5.43, abs=0.01)
    assert 16.96 <= estimate.high * 20 < 17.6


def test_counts_of_one_second_are_one_observation() -> None:
    assert stats.mean_count(np.ones(50, dtype=np.int64), np.zeros(50, dtype=np.int64)).effective == 1.0
    together = stats.mean_count(np.array([0] * 90 + [4] * 10), np.repeat(np.arange(10), 10))
    apart = stats.mean_count(np.array([0] * 90 + [4] * 10), np.arange(100))
    assert together.high > apart.high > apart.value


def test_bounds_of_a_mean_cover() -> None:
    """Simulated: 60 seconds of 5 trials; the second's own rate varies (negative binomial)."""
    rng = np.random.default_rng(5)
    second = np.repeat(np.arange(60), 5)
    missed_low = missed_high = 0
    for _ in range(400):
        counts = rng.poisson(rng.gamma(1.0, 0.3, 60)[second])
        estimate = stats.mean_count(counts.astype(np.int64), second)
        missed_low += estimate.low > 0.3
        missed_high += estimate.high < 0.3
    assert missed_low / 400 <= 0.09
    assert missed_high / 400 <= 0.09


# --- what no sample can show


def test_what_a_phase_without_a_failure_could_have_missed() -> None:
    """12 s: incidents in up to 22 % of all seconds would leave such a phase untouched once in 20 times."""
    assert stats.could_have_missed(12) == pytest.approx(0.221, abs=1e-3)
    assert (1 - stats.could_have_missed(12)) ** 12 == pytest.approx(0.05)
    assert stats.could_have_missed(0) == 1.0


@pytest.mark.parametrize("n", [1e7, 3e7, 1e9])
def test_ranks_of_very_many_samples_are_found_where_numbers_are_far_apart(n: float) -> None:
    low, high = stats.bounding_ranks(0.95, n)
    assert 0.949 * n < low < 0.95 * n < high < 0.951 * n
