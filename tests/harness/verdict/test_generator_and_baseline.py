"""What the load generator's own health and the baseline do to a verdict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import Bound, Objective, PhaseName, Plan
from idchaos.record.record import RunRecord
from idchaos.verdict import generator_health
from idchaos.verdict.verdict import judge_run

Make = Callable[..., RunRecord]
MakePlan = Callable[..., Plan]
Traffic = Callable[..., list[dict[str, Any]]]
DENIED = {"decision": "deny", "status": 401, "error_code": "kid_unknown", "outcome": "wrongly_denied"}


def objective(sli_name: str = "success_rate", op: Any = ">=", limit: float = 0.999, unit: Any = "share") -> Objective:
    return Objective(name="good", sli=sli_name, phase=PhaseName.FAULT, bound=Bound(op=op, limit=limit, unit=unit))


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
