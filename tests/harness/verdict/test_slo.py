"""What measurements, canaries and proofs amount to: samples written by hand, and the verdict that they must
give.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idchaos.experiment import SHOWN, Bound, Canary, CanaryPlan, Invariant, Objective, PhaseName, Plan, Verdict
from idchaos.record.record import Effect, FaultRecord, RunRecord
from idchaos.record.samples import by_method
from idchaos.verdict import generator_health, invariants, leaks, objectives, proofs, sli, stats
from idchaos.verdict.sli import Measurement
from idchaos.verdict.sli.worst import least_of
from idchaos.verdict.verdict import judge_run

Make = Callable[..., RunRecord]
MakePlan = Callable[..., Plan]
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


# --- the load generator


def test_a_late_generator_is_unhealthy(make_record: Make, traffic: Traffic) -> None:
    late = [row | ({"sent_at": row["due_at"] + 0.2} if n % 20 == 0 else {}) for n, row in enumerate(traffic(110, 120))]
    health = generator_health.generator_health(make_record(late), PhaseName.FAULT)
    assert health.reasons == ("the load generator was late (p99 200.0 ms, limit 50.0 ms)",)
    assert not generator_health.generator_health(make_record(traffic(110, 120)), PhaseName.FAULT).reasons


def test_a_quantile_is_judged_by_the_lateness_at_that_quantile(
    make_record: Make, make_plan: MakePlan, traffic: Traffic
) -> None:
    """A tenth of the bound: one in twenty requests that are 40 ms late don't move a median, and do move a p99."""
    late = [row | ({"sent_at": row["due_at"] + 0.04} if n % 20 == 0 else {}) for n, row in enumerate(traffic(110, 120))]
    median, p99 = (objective(f"latency_p{which}{{flow=api}}", "<=", 0.2, "s") for which in (50, 99))
    health = generator_health.generator_health(make_record(late, plan=make_plan([median, p99])), PhaseName.FAULT)
    assert not health.reasons
    assert not health.too_late_for(median)
    assert health.too_late_for(p99) == "the load generator was late (p99 40.0 ms, limit 20.0 ms)"


def test_a_median_is_not_judged_where_half_of_the_requests_were_late(
    make_record: Make, make_plan: MakePlan, traffic: Traffic
) -> None:
    slow = objective("latency_p50{flow=api}", "<=", 0.2, "s")
    rows = traffic(100, 120, latency_s=0.25)
    late = [row | {"sent_at": row["due_at"] + 0.03} for row in rows]
    verdicts = [judge_run(make_record(each, plan=make_plan([slow]))).objectives[0] for each in (rows, late)]
    assert [each.verdict for each in verdicts] == ["FAIL", "INCONCLUSIVE"]
    assert "(p50 30.0 ms, limit 20.0 ms)" in verdicts[1].reason


def test_a_quantile_that_an_objective_asks_for_is_told_of_lateness_too(
    make_record: Make, make_plan: MakePlan, traffic: Traffic
) -> None:
    late = [row | ({"sent_at": row["due_at"] + 0.04} if n == 0 else {}) for n, row in enumerate(traffic(110, 120))]
    asked = objective("latency_p999", "<=", 0.1, "s")
    health = generator_health.generator_health(make_record(late, plan=make_plan([asked])), PhaseName.FAULT)
    assert health.too_late_for(asked) == "the load generator was late (p999 40.0 ms, limit 10.0 ms)"


def allowing(record: RunRecord, late_p99_s: float) -> RunRecord:
    settings = record.manifest.model_copy(update={"settings": {"slo": {"late_p99_s": late_p99_s}}})
    return dataclasses.replace(record, manifest=settings)


@pytest.mark.parametrize("asked", [0.01, 1.0])
def test_what_was_asked_for_is_the_limit(make_record: Make, asked: float) -> None:
    record = allowing(make_record(), asked)
    assert generator_health.generator_health(record, PhaseName.FAULT).late_limit_s == asked


@pytest.mark.parametrize(
    "case",
    [
        (0.1, 0.05, "PASS"),  # 150 ms, with all of the lateness
        (0.15, 0.1, "INCONCLUSIVE"),  # 250 ms, of which 100 are the target's
        (0.1, 0.25, "FAIL"),  # 250 ms of the target's alone
        (0.0, 0.25, "FAIL"),
    ],
)
def test_lateness_within_what_was_asked_for_spoils_only_the_latencies_that_miss_their_bound_by_it(
    make_record: Make, make_plan: MakePlan, traffic: Traffic, case: tuple[float, float, str]
) -> None:
    own_s, took_s, verdict = case
    fast = objective("latency_p95{flow=api}", "<=", 0.2, "s")
    rows = [
        row | {"sent_at": row["due_at"] + own_s, "service_time_s": took_s, "latency_s": own_s + took_s}
        for row in traffic(100, 120)
    ]
    found = judge_run(allowing(make_record(rows, plan=make_plan([fast])), 1.0)).objectives[0]
    assert found.verdict == verdict
    assert ("the load generator was late (p95 150.0 ms, limit 20.0 ms)" in found.reason) is (verdict == "INCONCLUSIVE")


def dropped(row: dict[str, Any]) -> dict[str, Any]:
    lost = {"sent_at": math.nan, "service_time_s": math.nan, "latency_s": math.nan, "status": 0}
    return row | lost | {"decision": "undecided", "error_code": "dropped"}


def test_drops_of_its_own_are_told_from_drops_that_slow_answers_cause(
    make_record: Make, make_plan: MakePlan, traffic: Traffic
) -> None:
    """At most 20 in flight. Quick answers leave that empty, so a drop is the generator's; hanging ones fill
    it.
    """
    plan = make_plan(max_in_flight=20)
    quick = [dropped(row) if n % 10 == 0 else row for n, row in enumerate(traffic(110, 120))]
    health = generator_health.generator_health(make_record(quick, plan=plan), PhaseName.FAULT)
    assert (health.own_dropped, health.target_dropped) == (20, 0)
    assert "dropped 20 of 200 requests by itself" in health.reasons[0]

    hanging = [row | {"service_time_s": 5.0} if n < 20 else dropped(row) for n, row in enumerate(traffic(110, 115))]
    health = generator_health.generator_health(make_record(hanging, plan=plan), PhaseName.FAULT)
    assert (health.own_dropped, health.target_dropped) == (0, 80)
    assert not health.reasons


def test_probes_that_wait_between_polls_do_not_make_a_drop_the_targets_doing(
    make_record: Make, make_plan: MakePlan, traffic: Traffic
) -> None:
    """Each of 20 replicas that lag is polled for ten seconds; that takes no room from the 20 in flight."""
    probe = {"flow": "revocation", "endpoint": "/orders", "expected": "either", "replica": "gateway-1"}
    polls = [probe | {"session": f"p{n}", "due_at": at} for n in range(20) for at in (110.0, 120.0)]
    rows = [dropped(row) if n % 10 == 0 else row for n, row in enumerate(traffic(110, 120))]
    health = generator_health.generator_health(
        make_record([*polls, *rows], plan=make_plan(max_in_flight=20)), PhaseName.FAULT
    )
    assert (health.own_dropped, health.target_dropped) == (20, 0)


# --- the baseline


def test_a_steady_baseline(make_record: Make, traffic: Traffic) -> None:
    assert generator_health.baseline_reasons(make_record(traffic(100, 110))) == ()


def test_a_baseline_with_failures_or_drift_is_not_steady(make_record: Make, traffic: Traffic) -> None:
    failing = [row | (DENIED if n % 20 == 0 else {}) for n, row in enumerate(traffic(100, 110))]
    assert "only 95 % of good requests succeeded" in generator_health.baseline_reasons(make_record(failing))[0]
    drifting = traffic(100, 110, latency_s=lambda n: 0.01 if n < 100 else 0.2)
    assert "median latency went from 0.01 s to 0.2 s" in generator_health.baseline_reasons(make_record(drifting))[0]
    assert generator_health.baseline_reasons(make_record()) == ("the baseline has no good traffic",)


# --- invariants

BOTH = (Canary.EXPIRED, Canary.ALG_NONE)
NEVER = Invariant(name="no bad token is accepted", canaries=BOTH, min_attempts=10)
CANARIES = CanaryPlan(kinds=BOTH, clock_margin_s=10.0)


def canaries(kinds: tuple[Canary, ...] = BOTH, spans: tuple[float, ...] = (100, 110, 120)) -> list[dict[str, Any]]:
    """Three refused canaries of each kind in each phase."""
    return [
        {
            "due_at": start + n,
            "flow": "canary",
            "canary": str(kind),
            "expected": "deny",
            "decision": "deny",
            "status": 401,
            "error_code": "signature_invalid",
            "endpoint": "/orders",
            "service": "orders",
            "replica": "gateway-2",
            "kid": "k1",
            "jti": f"{kind}-{start + n}",
        }
        for start in spans
        for kind in kinds
        for n in range(3)
    ]


def test_all_refused_holds(make_record: Make, make_plan: MakePlan) -> None:
    found = invariants.judge_invariant(NEVER, make_record(canaries(), plan=make_plan(canaries=CANARIES)))
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.PASS, 18, 0)
    assert ("expired", "fault", 3) in found.by_canary


def test_what_is_refused_around_the_gateways_is_no_attempt_but_what_is_accepted_there_is_a_breach(
    make_record: Make, make_plan: MakePlan
) -> None:
    around = [row | {"endpoint": "around:/orders", "replica": "orders"} for row in canaries()]
    plan = make_plan(canaries=CANARIES)
    found = invariants.judge_invariant(NEVER, make_record(around, plan=plan))
    assert (found.judgement.verdict, found.attempts) == (Verdict.INCONCLUSIVE, 0)
    found = invariants.judge_invariant(NEVER, make_record([*canaries(), *around], plan=plan))
    assert (found.judgement.verdict, found.attempts) == (Verdict.PASS, 18)
    around[4] |= {"decision": "accept", "status": 200, "error_code": ""}
    found = invariants.judge_invariant(NEVER, make_record([*canaries(), *around], plan=plan))
    assert (found.judgement.verdict, found.breaches) == (Verdict.FAIL, 1)


@pytest.mark.parametrize("kind", [Canary.EXPIRED_OPAQUE, Canary.REVOKED_OPAQUE, Canary.TAMPERED])
def test_who_decides_everyday_requests_must_have_decided_each_kind(
    make_record: Make, make_plan: MakePlan, traffic: Traffic, kind: Canary
) -> None:
    """One replica of two may be wrong alone."""
    plan = make_plan(canaries=CanaryPlan(kinds=(kind,), once=(kind,), clock_margin_s=100.0))
    never = Invariant(name="never", canaries=(kind,))
    at_second = canaries((kind,))
    found = invariants.judge_invariant(never, make_record([*traffic(100, 130), *at_second], plan=plan)).judgement
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == f"never: nobody said yes or no to a bad token of the kind {kind} at gateway-1"
    at_both = [*at_second, at_second[0] | {"replica": "gateway-1"}]
    found = invariants.judge_invariant(never, make_record([*traffic(100, 130), *at_both], plan=plan)).judgement
    assert found.verdict is Verdict.PASS


def test_in_a_run_that_is_long_enough_an_expired_token_must_have_been_shown_while_good(
    make_record: Make, make_plan: MakePlan
) -> None:
    """Who never knew a token has nothing to forget about it."""
    short, long_enough = 18.0, 8.0
    both = [row | {"replica": name} for name in ("gateway-1", "gateway-2") for row in canaries((Canary.EXPIRED,))]
    good = {"due_at": 105.0, "endpoint": "/orders", "replica": "gateway-2"}

    def judged(over_s: float, *rows: dict[str, Any]) -> objectives.Judgement:
        plan = make_plan(
            canaries=CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=over_s + 5, expired_after_s=over_s)
        )
        never = Invariant(name="never", canaries=(Canary.EXPIRED,))
        return invariants.judge_invariant(never, make_record([*rows, good], plan=plan)).judgement

    assert judged(short, *both).verdict is Verdict.PASS
    untried = judged(long_enough, *both)
    assert (
        untried.reason
        == "never: nobody said yes or no to a bad token of the kind expired that was shown while good at gateway-2"
    )
    assert judged(long_enough, *both, both[-1] | {"way": SHOWN}).verdict is Verdict.PASS


def test_where_everyday_requests_are_posted_bad_ones_must_be_as_well(make_record: Make, make_plan: MakePlan) -> None:
    """By GET alone nobody knows what a POST would have met."""
    bad = [row | {"service": "orders", "replica": "gateway-1"} for row in canaries((Canary.TAMPERED,))]
    good = {"due_at": 105.0, "endpoint": "/orders", "service": "orders", "replica": "gateway-1"}
    posted = good | {"way": by_method("POST", "")}

    def judged(*rows: dict[str, Any], once: tuple[str, ...] = ()) -> objectives.Judgement:
        kinds = (Canary.TAMPERED,)
        plan = make_plan(canaries=CanaryPlan(kinds=kinds, once=once, everywhere=kinds, clock_margin_s=10))
        never = Invariant(name="never", canaries=kinds)
        return invariants.judge_invariant(never, make_record([*rows], plan=plan)).judgement

    assert judged(*bad, good).verdict is Verdict.PASS
    untried = judged(*bad, good, posted)
    assert untried.reason == "never: nobody said yes or no to a bad token of the kind tampered by POST"
    assert judged(*bad, bad[-1] | {"way": by_method("POST", "claims")}, good, posted).verdict is Verdict.PASS
    assert judged(*bad, good, posted, once=("tampered",)).verdict is Verdict.PASS, "told beside the verdict"


def test_one_accepted_canary_fails_with_what_is_needed_to_find_it(make_record: Make, make_plan: MakePlan) -> None:
    rows = canaries()
    rows[10] |= {"decision": "accept", "status": 200, "error_code": ""}
    found = invariants.judge_invariant(NEVER, make_record(rows, plan=make_plan(canaries=CANARIES)))
    assert found.judgement.verdict is Verdict.FAIL
    assert found.judgement.reason == (
        "no bad token is accepted: 1 of 18 bad tokens were accepted, first alg_none in fault by gateway-2"
    )
    (breach,) = found.evidence
    assert breach == {
        "at": 111.0,
        "status": 200,
        "canary": "alg_none",
        "phase": "fault",
        "replica": "gateway-2",
        "service": "orders",
        "endpoint": "/orders",
        "error_code": "",
        "kid": "k1",
        "jti": "alg_none-111",
        "session": "",
        "way": "",
        "page": "docs/canaries.md#alg_none",
    }


def test_a_breach_during_warm_up_or_between_phases_counts(make_record: Make, make_plan: MakePlan) -> None:
    rows = canaries()
    rows.append(rows[0] | {"due_at": 50.0, "sent_at": 50.0, "decision": "accept"})
    found = invariants.judge_invariant(NEVER, make_record(rows, plan=make_plan(canaries=CANARIES)))
    assert found.judgement.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "nobody said yes or no to a bad token of the kind expired"),
        (canaries(spans=(100,)), "6 bad tokens were answered with a yes or no, where it takes 10"),
        (canaries(spans=(100, 120)), "nobody said yes or no to a bad token of the kind expired in fault"),
        (canaries((Canary.EXPIRED,)) * 2, "nobody said yes or no to a bad token of the kind alg_none"),
        (
            [row | {"decision": "undecided", "status": 503} for row in canaries()],
            "nobody said yes or no to a bad token of the kind expired",
        ),
    ],
)
def test_what_was_not_tried_is_not_shown(
    make_record: Make, make_plan: MakePlan, rows: list[dict[str, Any]], said: str
) -> None:
    found = invariants.judge_invariant(NEVER, make_record(rows, plan=make_plan(canaries=CANARIES)))
    assert found.judgement == objectives.Judgement(Verdict.INCONCLUSIVE, f"no bad token is accepted: {said}")


def test_a_validator_without_keys_lets_nobody_in(make_record: Make, make_plan: MakePlan) -> None:
    """While keys can't be had the gateway answers 503: not a refusal, but the canary did not get in
    either.
    """
    away = {"decision": "undecided", "status": 503, "error_code": "jwks_unavailable"}
    rows = [row | (away if 110 <= row["due_at"] < 120 else {}) for row in canaries()]
    found = invariants.judge_invariant(NEVER, make_record(rows, plan=make_plan(canaries=CANARIES)))
    assert (found.judgement.verdict, found.attempts) == (Verdict.PASS, 12)
    lost = [row | ({"status": 0, "error_code": "read_timeout"} if row["status"] == 503 else {}) for row in rows]
    found = invariants.judge_invariant(NEVER, make_record(lost, plan=make_plan(canaries=CANARIES)))
    assert found.judgement.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("tried", "recovered_until", "holds"), [(False, 130, True), (False, 140, False), (True, 140, True)]
)
def test_revocations_must_be_heard_again_after_healing(
    make_record: Make, make_plan: MakePlan, tried: bool, recovered_until: float, holds: bool
) -> None:
    """Of caches that may lag by 3 s, in a recovery long enough to revoke a token anew."""
    plan = make_plan(canaries=CanaryPlan(kinds=(Canary.REVOKED,), clock_margin_s=10.0, revoked_after_s=3.0))
    events = [
        {"at": 110.0, "event": "fault_applied", "fault": "f"},
        {"at": 120.0, "event": "fault_healed", "fault": "f"},
    ]
    spans = {"baseline": (100.0, 110.0), "fault": (110.0, 120.0), "recovery": (120.0, float(recovered_until))}
    rows = canaries((Canary.REVOKED,), spans=(100, 125) if tried else (100,))
    record = make_record(rows, plan=plan, windows=spans, events=events)
    found = invariants.judge_invariant(Invariant(name="revoked", canaries=(Canary.REVOKED,)), record)
    assert found.judgement.verdict is (Verdict.PASS if holds else Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("recovered_until", "hides", "told"), [(125, True, True), (140, True, False), (125, False, False)]
)
def test_a_recovery_too_short_to_hear_of_revocations_is_told(
    make_record: Make, make_plan: MakePlan, recovered_until: float, hides: bool, told: bool
) -> None:
    plan = make_plan(canaries=CanaryPlan(kinds=(Canary.REVOKED,), clock_margin_s=10.0, revoked_after_s=3.0))
    events = [
        {"at": 110.0, "event": "fault_applied", "fault": "f", "hides_revocations": hides},
        {"at": 120.0, "event": "fault_healed", "fault": "f"},
    ]
    spans = {"baseline": (100.0, 110.0), "fault": (110.0, 120.0), "recovery": (120.0, recovered_until)}
    found = invariants.too_short_to_hear(make_record(canaries(), plan=plan, windows=spans, events=events))
    assert ("too short" in found) is told


def test_canaries_that_could_not_be_made_are_told(make_record: Make, make_plan: MakePlan) -> None:
    record = make_record(
        canaries((Canary.EXPIRED,)), plan=make_plan(canaries=CANARIES), generator={"skipped": {"alg_none": 9}}
    )
    found = invariants.judge_invariant(NEVER, record)
    assert (
        "nobody said yes or no to a bad token of the kind alg_none (9 were due and could not be made)"
        in found.judgement.reason
    )


def test_a_canary_that_was_not_planned_is_not_shown(make_record: Make, make_plan: MakePlan) -> None:
    plan = make_plan(canaries=CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=10.0))
    found = invariants.judge_invariant(NEVER, make_record(canaries(), plan=plan))
    assert found.judgement.reason == "no bad token is accepted: no bad token of the kind alg_none was planned"


# --- faults

PROOF = [
    ("before", "probe", True),
    ("during", "control", True),
    ("during", "probe", True),
    ("during", "target", True),
    ("after", "control", True),
]


def fault(proof: list[Any], **times: Any) -> FaultRecord:
    effects = tuple(Effect(moment=moment, source=source, ok=ok, evidence="seen") for moment, source, ok in proof)
    return FaultRecord(name="down", **({"applied_at": 110.0, "healed_at": 120.0} | times), effects=effects)


def test_a_fault_that_proved_itself() -> None:
    assert proofs.fault_reasons(fault(PROOF)) == ()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (0, "nobody looked before it"),
        (1, "the control plane was not asked while it was in force"),
        (2, "the probe through the path was not asked while it was in force"),
        (3, "the target itself was not asked while it was in force"),
        (4, "nobody looked after it was healed"),
    ],
)
def test_each_missing_proof_is_named(missing: int, said: str) -> None:
    kept = [item for index, item in enumerate(PROOF) if index != missing]
    assert proofs.fault_reasons(fault(kept)) == (f"fault down: not proved: {said}",)


@pytest.mark.parametrize("failed", range(5))
def test_each_failed_proof_is_named(failed: int) -> None:
    moment, source, _ = PROOF[failed]
    spoilt = [*PROOF[:failed], (moment, source, False), *PROOF[failed + 1 :]]
    (said,) = proofs.fault_reasons(fault(spoilt))
    assert said.startswith(f"fault down: not proved: {proofs.WHO[source]} did not show ")
    assert said.endswith(f"{proofs.WHEN[moment]}: seen")


def test_a_fault_that_was_not_applied_or_not_healed() -> None:
    assert proofs.fault_reasons(fault(PROOF, applied_at=None)) == ("fault down: it was never applied",)
    assert proofs.fault_reasons(fault(PROOF, healed_at=None)) == ("fault down: it was not healed",)


# --- logs

SEARCHED = {
    "at": 131.0, "event": "logs_searched", "complete": True, "secrets": {"access_token": 60, "code": 4},
    "lines": {f"{part}.log": 12 for part in ("gateway-1", "gateway-2", "idp", "orders", "accounts")} | {"load.log": 0},
    "unread": [], "leaked": 0, "hits": 0, "found": [],
}  # fmt: skip
LEAK = {"file": "idp.log", "line": 7, "kind": "refresh_token", "length": 43, "hash": "0123456789ab"}


def test_logs_without_secrets_hold(make_record: Make) -> None:
    found = leaks.judge_logs(make_record(events=[SEARCHED]))
    assert (found.attempts, found.breaches, found.judgement.verdict) == (64, 0, Verdict.PASS)


def test_a_secret_in_a_log_fails_and_the_place_is_named(make_record: Make) -> None:
    found = leaks.judge_logs(
        make_record(events=[SEARCHED | {"leaked": 2, "hits": 3, "found": [LEAK], "complete": False}])
    )
    assert found.judgement.verdict is Verdict.FAIL
    assert (found.attempts, found.breaches) == (64, 2)
    assert "2 secrets of this run are in its logs, 3 times, first in idp.log line 7: refresh" in found.judgement.reason
    assert found.evidence[0]["log"] == "idp.log"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (None, "the logs were not searched"),
        ({"complete": False}, "not all secrets of the run were known"),
        ({"secrets": {}}, "not all secrets of the run were known"),
        ({"secrets": "many"}, "not all secrets of the run were known"),
        ({"lines": {"load.log": 3}}, "no log of the target"),
        ({"lines": None}, "no log of the target"),
        ({"unread": ["idp.log"]}, "could not be read"),
    ],
)
def test_what_was_not_searched_is_no_pass(make_record: Make, changed: dict[str, Any] | None, says: str) -> None:
    found = leaks.judge_logs(make_record(events=[] if changed is None else [SEARCHED | changed]))
    assert found.judgement.verdict is Verdict.INCONCLUSIVE
    assert says in found.judgement.reason


def test_a_part_whose_log_is_missing_was_not_searched(make_record: Make) -> None:
    found = SEARCHED | {"lines": {"gateway-1.log": 12, "compose.log": 3}}
    judged = leaks.judge_logs(make_record(events=[found], counts={"before": {"gateway-1": {}, "gateway-2": {}}}))
    assert judged.judgement.verdict is Verdict.INCONCLUSIVE
    assert "there is no log of gateway-2 to search" in judged.judgement.reason


def test_refusals_that_quote_what_was_sent_are_a_breach(make_record: Make) -> None:
    told = {"refusals_searched": {"gateway-1": 40, "idp": 10}, "refusals_quoting": {"gateway-1": 0, "idp": 2}}
    ((name, found),) = leaks.judge_quotes(make_record([], generator=told))
    assert name == "refusals_repeat_no_token"
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.FAIL, 50, 2)
    assert found.judgement.reason == "refusals_repeat_no_token: 2 of 50 refusals quote a secret: 2 by idp"
    ((_, held),) = leaks.judge_quotes(make_record([], generator=told | {"refusals_quoting": {}}))
    assert held.judgement.verdict is Verdict.PASS
    assert not list(leaks.judge_quotes(make_record([])))


def test_good_answers_that_give_a_token_away_are_a_breach_of_their_own(make_record: Make) -> None:
    told = {
        "refusals_searched": {"gateway-1": 40},
        "answers_searched": {"gateway-1": 400, "gateway-2": 390},
        "answers_quoting": {"gateway-2": 390},
        "quoted_first": {"gateway-2": "the header Set-Cookie of an answer with status 200"},
    }
    judged = dict(leaks.judge_quotes(make_record([], generator=told)))
    assert judged["refusals_repeat_no_token"].judgement.verdict is Verdict.PASS
    found = judged["answers_repeat_no_token"]
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.FAIL, 790, 390)
    assert found.evidence[0]["first"] == "the header Set-Cookie of an answer with status 200"


@pytest.mark.parametrize(("decision", "verdict"), [("deny", Verdict.PASS), ("accept", Verdict.FAIL)])
def test_a_login_with_a_wrong_password_must_be_refused(make_record: Make, decision: str, verdict: Verdict) -> None:
    mistyped = {"due_at": 105.0, "flow": "login", "endpoint": "login", "expected": "deny", "decision": decision}
    ((name, found),) = invariants.implied_invariants(make_record([mistyped]))
    assert (name, found.judgement.verdict, found.attempts) == ("wrong_passwords_refused", verdict, 1)


def held(**open_files: int | None) -> dict[str, Any]:
    return {
        name.replace("_", "-"): {"requests": {"total": 5}, "process": {"open_files": count}}
        for name, count in open_files.items()
    }


@pytest.mark.parametrize(
    ("after", "verdict", "samples"),
    [
        (held(gateway_1=9, gateway_2=14), Verdict.PASS, 2),
        (held(gateway_1=40, gateway_2=12), Verdict.FAIL, 2),
        (held(gateway_1=5, gateway_2=11), Verdict.PASS, 2),  # it let go of some
        (held(gateway_1=None, gateway_2=None), Verdict.INCONCLUSIVE, 0),
        ({}, Verdict.INCONCLUSIVE, 0),
    ],
)
def test_files_that_a_component_still_holds_open_after_the_load(
    make_record: Make, after: dict[str, Any], verdict: Verdict, samples: int
) -> None:
    record = make_record([], counts={"before": held(gateway_1=8, gateway_2=12), "after": after})
    found = judged(record, objective("files_left_open", "<=", 10, "count").model_copy(update={"phase": "all"}))
    assert found.verdict is verdict
    assert sli.measure(record, "files_left_open", "all").samples == samples
