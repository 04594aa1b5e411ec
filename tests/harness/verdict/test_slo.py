"""What measurements, canaries and proofs amount to: samples written by hand, and the verdict that they must
give.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idchaos.experiment import Bound, Objective, PhaseName, Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict import objectives, sli, stats
from idchaos.verdict.sli import Measurement
from idchaos.verdict.sli.worst import least_of

Make = Callable[..., RunRecord]
Traffic = Callable[..., list[dict[str, Any]]]
DENIED = {"decision": "deny", "status": 401, "error_code": "kid_unknown", "outcome": "wrongly_denied"}


def objective(sli_name: str = "success_rate", op: Any = ">=", limit: float = 0.999, unit: Any = "share") -> Objective:
    return Objective(name="good", sli=sli_name, phase=PhaseName.FAULT, bound=Bound(op=op, limit=limit, unit=unit))


def judged(record: RunRecord, wanted: Objective) -> objectives.Judgement:
    window = record.window(wanted.phase)
    measured = sli.measure(record, wanted.sli, wanted.phase)
    within = sli.within(record, wanted.sli, wanted.phase, wanted.bound.limit)
    return objectives.judge(wanted, measured, window[1] - window[0] if window else None, within)


# --- objectives


def test_200_good_samples_can_not_show_three_nines(make_record: Make, traffic: Traffic) -> None:
    found = judged(make_record(traffic(110, 120)), objective())
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "from 200 samples" in found.reason
    assert "it takes 2,995 good samples in a row, 150 s at this rate" in found.reason


def test_3000_good_samples_show_it(make_record: Make, traffic: Traffic) -> None:
    assert judged(make_record(traffic(110, 120, rate=300)), objective()).verdict is Verdict.PASS


def test_half_refused_fails_three_nines(make_record: Make, traffic: Traffic) -> None:
    rows = [row | (DENIED if n % 2 else {}) for n, row in enumerate(traffic(110, 120))]
    found = judged(make_record(rows), objective())
    assert found.verdict is Verdict.FAIL
    assert found.reason.startswith("good in fault: 50 % [")
    assert "misses >= 99.9 %" in found.reason


def test_dependent_failures_can_not_decide_what_independent_ones_can(make_record: Make, traffic: Traffic) -> None:
    """2 % of 6,000 requests failed. Spread evenly that fails 99 %; within one bad second it may be an
    accident.
    """
    rows = traffic(110, 120, rate=600)
    apart = [row | (DENIED if n % 50 == 0 else {}) for n, row in enumerate(rows)]
    together = [row | (DENIED if 1200 <= n < 1320 else {}) for n, row in enumerate(rows)]
    assert judged(make_record(apart), objective(limit=0.99)).verdict is Verdict.FAIL
    assert judged(make_record(together), objective(limit=0.99)).verdict is Verdict.INCONCLUSIVE


def test_no_samples_are_no_pass(make_record: Make) -> None:
    found = judged(make_record(), objective())
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "needs at least 2,995 samples" in found.reason


def test_a_phase_that_never_began_is_no_pass(make_record: Make, traffic: Traffic) -> None:
    found = judged(make_record(traffic(100, 110), windows={"baseline": (100, 110)}), objective())
    assert found == objectives.Judgement(Verdict.INCONCLUSIVE, "good in fault: the phase never began")


def test_p95_needs_59_samples(make_record: Make, traffic: Traffic) -> None:
    wanted = objective("latency_p95", "<=", 0.5, "s")
    few = judged(make_record(traffic(110, 120, rate=5)), wanted)
    assert few.verdict is Verdict.INCONCLUSIVE
    assert "it takes about 59 samples, 12 s at this rate" in few.reason
    assert judged(make_record(traffic(110, 120, rate=6)), wanted).verdict is Verdict.PASS
    assert judged(make_record(traffic(110, 120, latency_s=0.6)), wanted).verdict is Verdict.FAIL


def at_two(number: int, **more: Any) -> dict[str, Any]:
    """Every 25th request at one replica of two takes a second longer."""
    return {"replica": f"gateway-{number % 2 + 1}", "latency_s": 1.01 if number % 50 == 1 else 0.01, **more}


def test_the_tail_of_one_replica_is_seen(make_record: Make, traffic: Traffic) -> None:
    rows = [row | at_two(n) for n, row in enumerate(traffic(110, 120, rate=250))]
    record = make_record(rows)
    assert judged(record, objective("latency_p95{flow=api}", "<=", 0.5, "s")).verdict is Verdict.PASS
    found = judged(record, objective("latency_p99_worst{flow=api}", "<=", 0.8, "s"))
    assert found.verdict is Verdict.FAIL
    assert "96 % [" in found.reason
    assert "worst at gateway-2, of 2" in found.reason
    sound = make_record([row | at_two(n, latency_s=0.01) for n, row in enumerate(traffic(110, 120, rate=60))])
    assert judged(sound, objective("latency_p99_worst{flow=api}", "<=", 0.8, "s")).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("slow_from", "slow_until", "verdict"),
    [(110, 112, Verdict.PASS), (110, 120, Verdict.FAIL), (112, 120, Verdict.FAIL)],
)
def test_what_waited_for_the_end_of_a_fault_may_settle_and_what_goes_on_waiting_may_not(
    make_record: Make, traffic: Traffic, slow_from: float, slow_until: float, verdict: Verdict
) -> None:
    rows = traffic(110, 120, rate=250)
    quick = {"latency_s": 0.01}
    record = make_record(
        [row | at_two(n, **({} if slow_from <= row["due_at"] < slow_until else quick)) for n, row in enumerate(rows)]
    )
    even = objective("settled_latency_p99_worst{flow=api}", "<=", 0.8, "s")
    assert judged(record, even).verdict is verdict


def test_each_replica_must_be_seen_to_keep_to_the_bound(make_record: Make, traffic: Traffic) -> None:
    """298 requests of one don't tell its p99, whatever the other had; of one that was not asked nothing is known."""
    wanted = objective("latency_p99_worst", "<=", 0.8, "s")
    few = [row | at_two(n if n < 596 else 0, latency_s=0.01) for n, row in enumerate(traffic(110, 120, rate=250))]
    found = judged(make_record(few), wanted)
    assert found.verdict is Verdict.INCONCLUSIVE
    silent = [row | at_two(row["due_at"] < 110, latency_s=0.01) for row in traffic(100, 120, rate=250)]
    unknown = judged(make_record(silent), wanted)
    assert unknown.verdict is Verdict.INCONCLUSIVE
    assert "nothing was asked of gateway-2" in unknown.reason


def test_the_share_that_succeeds_at_the_worst_replica(make_record: Make, traffic: Traffic) -> None:
    rows = [row | (DENIED if n % 20 == 1 else {}) for n, row in enumerate(traffic(110, 120, rate=250))]
    found = sli.measure(make_record(rows), "success_rate_worst{flow=api}", PhaseName.FAULT)
    each = sli.measure(make_record(rows), "success_rate{flow=api,replica=gateway-2}", PhaseName.FAULT)
    assert (found.value, found.low, found.samples) == (each.value, each.low, each.samples)
    # The error of saying that some replica fails is shared by both.
    assert each.high < found.high < 0.95


def test_the_error_is_shared_by_as_many_as_there_are() -> None:
    one = stats.Estimate(0.96, 0.94, 0.975, 500, 500.0)
    assert least_of([one]).high == 0.975
    assert least_of([one] * 10).high > least_of([one] * 2).high > 0.975
    assert least_of([one, stats.Estimate(0.99, 0.98, 0.999, 500, 500.0)]).low == 0.94
    assert least_of([one, stats.Estimate(math.nan, 0.0, 1.0, 0, 0.0)]).low == 0.0


def test_a_quantile_is_decided_by_who_keeps_to_the_bound(make_record: Make, traffic: Traffic) -> None:
    """One slow second says little about p95, but everything is far below 2 s, and nothing is below 5 ms."""
    rows = traffic(110, 115, rate=100, latency_s=lambda n: 0.3 if 200 <= n < 300 else 0.01)
    record = make_record(rows)
    assert judged(record, objective("latency_p95", "<=", 2.0, "s")).verdict is Verdict.PASS
    undecided = judged(record, objective("latency_p95", "<=", 0.1, "s"))
    assert undecided.verdict is Verdict.INCONCLUSIVE
    assert "80 % [" in undecided.reason
    failed = judged(record, objective("latency_p95", "<=", 0.005, "s"))
    assert failed.verdict is Verdict.FAIL
    assert "0 % [" in failed.reason


def test_unanswered_requests_do_not_keep_to_a_latency_bound(make_record: Make, traffic: Traffic) -> None:
    lost = {"status": 0, "decision": "undecided", "outcome": "unavailable", "latency_s": 0.001}
    rows = [row | (lost if number % 4 == 0 else {}) for number, row in enumerate(traffic(110, 120, rate=100))]
    assert judged(make_record(rows), objective("latency_p95", "<=", 2.0, "s")).verdict is Verdict.FAIL


def test_error_rates_are_judged_from_the_other_side(make_record: Make, traffic: Traffic) -> None:
    wanted = objective("wrongly_denied_rate", "<=", 0.001)
    assert judged(make_record(traffic(110, 120, rate=300)), wanted).verdict is Verdict.PASS
    found = judged(make_record(traffic(110, 120, rate=100)), wanted)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "2,995 good samples in a row" in found.reason


def test_exactly_100_percent_can_not_be_shown(make_record: Make, traffic: Traffic) -> None:
    found = judged(make_record(traffic(110, 120)), objective(limit=1.0))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "more samples alone can't decide it" in found.reason


def test_a_censored_lag_fails_only_beyond_the_bound(make_record: Make) -> None:
    """Nothing was refused for 6 s: that fails a bound of 5 s, and says nothing about one of 30 s."""
    rows = []
    for number in range(70):
        flow = {"flow": "revocation", "session": f"p{number}", "format": "jwt"}
        at = 110.0 + number / 8
        rows.append(flow | {"due_at": at, "endpoint": "revoke"})
        rows += [
            flow | {"due_at": at + 0.5 * n, "endpoint": "/orders", "replica": "gateway-1", "expected": "either"}
            for n in range(1, 14)
        ]
    record = make_record(rows)
    assert judged(record, objective("revocation_lag_p95", "<=", 5, "s")).verdict is Verdict.FAIL
    assert judged(record, objective("revocation_lag_p95", "<=", 30, "s")).verdict is Verdict.INCONCLUSIVE
    assert judged(record, objective("revocation_lag_max", "<=", 5, "s")).verdict is Verdict.FAIL


measurements = st.builds(
    Measurement,
    value=st.floats(0, 1),
    low=st.floats(0, 1),
    high=st.floats(0, 1),
    samples=st.integers(0, 10_000),
    effective=st.floats(1, 10_000),
    unit=st.just("share"),
    kind=st.sampled_from(["share", "quantile", "lag", "rate"]),
)


@given(measurements, st.sampled_from([">=", "<="]), st.floats(0, 1))
def test_pass_and_fail_take_the_whole_interval(measured: Measurement, op: str, limit: float) -> None:
    found = objectives.judge(objective(op=op, limit=limit), measured, 10.0)
    inside = limit <= measured.low if op == ">=" else measured.high <= limit
    outside = measured.high < limit if op == ">=" else limit < measured.low
    assert (found.verdict is Verdict.PASS) <= (inside and measured.samples > 0)
    assert (found.verdict is Verdict.FAIL) <= (outside and measured.samples > 0)
    assert bool(found.reason) == (found.verdict is not Verdict.PASS)


@given(st.sampled_from(sli.names()), st.sampled_from([">=", "<="]), st.floats(0, 1e6))
def test_nothing_never_passes(make_record: Make, name: str, op: str, limit: float) -> None:
    spelling = name + "{side=ahead}" * (name.startswith("skew_threshold"))
    assert judged(make_record(), objective(spelling, op, limit)).verdict is Verdict.INCONCLUSIVE


@given(st.integers(2, 60), st.integers(2, 60))
def test_more_failures_never_help(one: int, other: int) -> None:
    """Failures at the same distance from one another, so that only their number differs."""
    order = [slo_rank(min(one, other)), slo_rank(max(one, other))]
    assert order[0] <= order[1]


def test_a_single_failure_may_be_the_edge_of_a_burst() -> None:
    """Two in different seconds say more of how failures come than one does: a single one is told apart, and is worse
    than none.
    """
    assert slo_rank(0) < slo_rank(1) == [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL].index(Verdict.INCONCLUSIVE)


def slo_rank(failures: int) -> int:
    good = np.ones(3000, dtype=bool)
    good[:: 3000 // failures if failures else 4000] = failures == 0
    share = stats.proportion(good, np.arange(3000) // 300)
    measured = sli.Measurement(share.value, share.low, share.high, share.samples, share.effective, "share", "share")
    return [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL].index(
        objectives.judge(objective(limit=0.995), measured, 10.0).verdict
    )


@pytest.mark.parametrize(
    ("low", "verdict"), [(31.0, Verdict.FAIL), (29.0, Verdict.INCONCLUSIVE), (30.0, Verdict.INCONCLUSIVE)]
)
def test_what_was_seen_to_go_on_beyond_its_bound_fails_though_another_replica_was_never_asked(
    low: float, verdict: Verdict
) -> None:
    lag = sli.Measurement(math.nan, low, math.inf, 40, 40.0, "s", "lag", 1, "gateway-2 was never asked about it")
    wanted = Objective(
        name="forgotten", sli="retired_key_acceptance", phase="fault", bound=Bound(op="<=", limit=30, unit="s")
    )
    found = objectives.judge(wanted, lag, 60.0)
    assert found.verdict is verdict
    assert "gateway-2 was never asked about it" in found.reason


def test_a_lag_whose_end_was_never_seen_fails_once_it_is_beyond_its_bound() -> None:
    lag = sli.Measurement(math.inf, 31.0, math.inf, 40, 40.0, "s", "lag", 1, "gateway-1 still accepted it at the end")
    wanted = Objective(
        name="forgotten", sli="retired_key_acceptance", phase="fault", bound=Bound(op="<=", limit=30, unit="s")
    )
    assert objectives.judge(wanted, lag, 60.0).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("share", "interval"),
    [((0.97, 0.96, 1.0), (2.0, 30.0)), ((0.9, 0.8, 0.97), (2.0, math.inf)), ((0.5, 0.4, 0.6), (30.0, math.inf))],
)
def test_the_interval_that_is_shown_is_the_one_that_decided(
    share: tuple[float, float, float], interval: tuple[float, float]
) -> None:
    """Of a quantile: that a share of q is surely within the limit says that the quantile surely is."""
    p95 = sli.Measurement(40.0 if share[0] < 0.95 else 20.0, 2.0, math.inf, 60, 60.0, "s", "quantile", 59, q=0.95)
    within = stats.Estimate(*share, 60, 60.0)
    shown = objectives.deciding(p95, Bound(op="<=", limit=30, unit="s"), within)
    assert (shown.low, shown.high) == interval
