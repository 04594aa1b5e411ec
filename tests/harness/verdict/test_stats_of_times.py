"""Quantiles and censored times: known values, properties, coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idchaos.verdict import stats

SECONDS_OF_20 = np.repeat(np.arange(10), 20)


# --- quantiles


def test_the_maximum_of_59_bounds_the_95th_percentile() -> None:
    """1 - 0.95⁵⁹ = 95.2 %: the classical sample size (Wilks 1941)."""
    assert stats.samples_for_quantile(0.95) == 59
    assert stats.samples_for_quantile(0.99) == 299
    values = np.random.default_rng(1).permutation(np.arange(1.0, 60.0))
    assert stats.bounding_ranks(0.95, 59)[1] <= 59
    assert math.isinf(stats.bounding_ranks(0.95, 58)[1])
    every_second = np.arange(59)
    assert stats.quantile(values, 0.95, every_second).high == 59.0
    assert math.isinf(stats.quantile(values[:58], 0.95, every_second[:58]).high)


def test_the_median_of_100_has_the_textbook_ranks() -> None:
    """Two-sided 90 % ranks for the median of 100: 42 and 59 (David & Nagaraja 2003, section 7.1)."""
    values = np.arange(1.0, 101.0)
    estimate = stats.quantile(values, 0.5, np.tile(np.arange(10), 10))
    assert estimate.value == 50.0
    assert estimate.low == pytest.approx(42, abs=5)
    assert estimate.high == pytest.approx(59, abs=5)
    low, high = stats.bounding_ranks(0.5, 100)
    assert (math.floor(low), math.ceil(high)) == (42, 59)


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(0, 9)), min_size=1, max_size=150),
    st.sampled_from([0.5, 0.9, 0.95]),
)
@settings(max_examples=60)
def test_a_quantile_lies_within_its_interval(rows: list[tuple[float, int]], q: float) -> None:
    values, second = np.array([v for v, _ in rows]), np.array([s for _, s in rows])
    estimate = stats.quantile(values, q, second)
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.value in values
    assert (values <= estimate.value).mean() >= q - 1e-9


def test_a_slow_second_widens_the_interval() -> None:
    values = np.full(1000, 0.01) + np.tile(np.arange(50), 20) * 1e-6
    second = np.arange(1000) // 50
    together, apart = values.copy(), values.copy()
    together[second == 7] = 1.0
    apart[::19] = 1.0
    assert stats.quantile(together, 0.9, second).high > stats.quantile(apart, 0.9, second).high


def test_quantile_bounds_cover() -> None:
    rng = np.random.default_rng(5)
    second = np.repeat(np.arange(40), 20)
    truth = -math.log(0.05)
    missed = [0, 0]
    for _ in range(300):
        estimate = stats.quantile(rng.exponential(size=800), 0.95, second)
        missed[0] += estimate.low > truth
        missed[1] += estimate.high < truth
    assert max(missed) / 300 <= 0.08


# --- censored times


def test_without_censoring_it_is_the_plain_quantile() -> None:
    times, second = np.arange(1.0, 101.0), np.arange(100)
    assert stats.censored_quantile(times, np.zeros(100, dtype=bool), 0.9, second) == stats.quantile(times, 0.9, second)


def test_a_quantile_beyond_the_last_event_is_unbounded() -> None:
    """30 of 40 ended within 3 s, 10 were still going at 32 s: p95 is beyond 32 s, p50 is known."""
    times = np.concatenate([np.linspace(0.1, 3.0, 30), np.full(10, 32.0)])
    times = np.random.default_rng(1).permutation(times)
    censored = times == 32.0
    p95 = stats.censored_quantile(times, censored, 0.95, np.arange(40))
    assert math.isinf(p95.value)
    assert math.isinf(p95.high)
    assert p95.low == 32.0
    p50 = stats.censored_quantile(times, censored, 0.5, np.arange(40))
    assert p50.low <= p50.value <= p50.high <= 3.0


def test_early_censoring_proves_no_long_times() -> None:
    """All 30 were lost sight of after 2 s: nothing says that p95 is more than that, or less than anything."""
    estimate = stats.censored_quantile(np.full(30, 2.0), np.ones(30, dtype=bool), 0.95, np.arange(30))
    assert math.isinf(estimate.value)
    assert estimate.low == 2.0
    assert math.isinf(estimate.high)


@given(st.lists(st.tuples(st.floats(0.01, 30), st.booleans()), min_size=2, max_size=60), st.sampled_from([0.5, 0.95]))
@settings(max_examples=60)
def test_censoring_never_shortens(rows: list[tuple[float, bool]], q: float) -> None:
    """A time that is only known to be longer can't make the quantile smaller than taking it at face value."""
    times, censored = np.array([t for t, _ in rows]), np.array([c for _, c in rows])
    second = np.arange(len(rows))
    estimate = stats.censored_quantile(times, censored, q, second)
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.value >= stats.quantile(times, q, second).value - 1e-9
    assert estimate.low <= times.max()


def test_censored_bounds_cover() -> None:
    """Exponential times with a mean of 1 s, watched for 4 s at most and for a random time in between."""
    rng = np.random.default_rng(8)
    truth = -math.log(0.1)
    missed = [0, 0]
    for _ in range(200):
        times, limit = rng.exponential(size=150), np.minimum(4.0, rng.exponential(6.0, size=150))
        estimate = stats.censored_quantile(np.minimum(times, limit), times > limit, 0.9, np.arange(150))
        missed[0] += estimate.low > truth
        missed[1] += estimate.high < truth
    assert max(missed) / 200 <= 0.085
