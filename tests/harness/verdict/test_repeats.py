"""Runs of one plan judged together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from idchaos.experiment import Bound, Objective, PhaseName, Plan, Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict import stats
from idchaos.verdict.repeats import Outcome, judge_outcomes, judge_repeats, share_over
from idchaos.verdict.sli import Measurement
from idchaos.verdict.verdict import judge_run

Make = Callable[..., RunRecord]
MakePlan = Callable[..., Plan]
Traffic = Callable[..., list[dict[str, Any]]]

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def asked(limit: float = 0.995, sli: str = "success_rate{flow=api}", op: Any = ">=") -> Objective:
    unit: Any = "share" if op == ">=" else "s"
    return Objective(name="served", sli=sli, phase=PhaseName.FAULT, bound=Bound(op=op, limit=limit, unit=unit), why="")


def share(failures: int, verdict: Verdict, samples: int = 3000, *, trusted: bool = True) -> Outcome:
    """One run's share; its own interval plays no part in what is judged over runs."""
    value = 1 - failures / samples
    return Outcome(Measurement(value, 0, 1, samples, samples, "share", "share"), verdict, 12.0, trusted=trusted)


def test_what_no_run_alone_can_decide_many_together_can() -> None:
    """One failure of 3,000 in 12 s says nothing of how failures come; one in each of six runs does."""
    found = judge_outcomes(asked(), [share(1, INCONCLUSIVE)] * 6)
    assert found.verdict is PASS
    assert found.samples == 18_000
    assert found.verdicts == (INCONCLUSIVE,) * 6


def test_a_bad_run_among_good_ones_widens_the_interval() -> None:
    """0.1 % of all failed either way: evenly in six runs, or 18 in one of them."""
    even = judge_outcomes(asked(), [share(3, PASS)] * 6)
    uneven = judge_outcomes(asked(), [share(18, FAIL), *[share(0, PASS)] * 5])
    assert even.value == uneven.value
    assert (even.verdict, uneven.verdict) == (PASS, INCONCLUSIVE)
    assert uneven.reason.endswith("(over 6 runs)")


def test_where_all_runs_fail_alike_they_fail_together() -> None:
    assert judge_outcomes(asked(), [share(60, FAIL)] * 6).verdict is FAIL


@pytest.mark.parametrize(
    ("failures", "verdicts", "expected"),
    [((3, 3), (PASS, PASS), PASS), ((90, 90), (FAIL, FAIL), FAIL), ((0, 90), (PASS, FAIL), INCONCLUSIVE)],
)
def test_few_runs_are_believed_where_they_agree(
    failures: tuple[int, int], verdicts: tuple[Verdict, Verdict], expected: Verdict
) -> None:
    runs = [share(bad, verdict) for bad, verdict in zip(failures, verdicts, strict=True)]
    assert judge_outcomes(asked(), runs).verdict is expected


def test_runs_without_a_failure_say_what_they_could_have_missed() -> None:
    found = judge_outcomes(asked(), [share(0, PASS)] * 5)
    assert found.verdict is PASS
    assert found.could_have_missed is not None
    assert found.could_have_missed.share == pytest.approx(0.4507)
    assert found.could_have_missed.of == "runs"


def test_pass_takes_runs_that_can_all_be_trusted() -> None:
    found = judge_outcomes(asked(), [*[share(3, PASS)] * 5, share(3, INCONCLUSIVE, trusted=False)])
    assert found.verdict is INCONCLUSIVE
    assert found.reason == "served in fault: 1 of 6 runs can't be trusted"
    assert judge_outcomes(asked(), [share(0, INCONCLUSIVE, trusted=False)]).verdict is INCONCLUSIVE


def test_a_quantile_is_judged_by_the_share_within_its_bound() -> None:
    """98 % of each run are within 0.5 s."""
    p95 = Measurement(0.4, 0.38, 0.6, 600, 600, "s", "quantile", q=0.95)
    run = Outcome(p95, INCONCLUSIVE, 12.0, stats.Estimate(0.98, 0.94, 0.99, 600, 600))
    objective = asked(0.5, "latency_p95{flow=api}", "<=")
    found = judge_outcomes(objective, [run] * 6)
    assert (found.verdict, found.interval) == (PASS, (0.38, 0.5))
    slow = replace(run, within=stats.Estimate(0.8, 0.7, 0.9, 600, 600))
    assert judge_outcomes(objective, [slow] * 6).verdict is FAIL


def test_what_is_no_share_is_as_bad_as_in_the_worst_run() -> None:
    objective = asked(5.0, "recovery_time{flow=api}", "<=")

    def lag(value: float, verdict: Verdict) -> Outcome:
        return Outcome(Measurement(value, value - 0.1, value, 40, 40, "s", "lag"), verdict, 12.0)

    found = judge_outcomes(objective, [*[lag(1.0, PASS)] * 5, lag(7.0, FAIL)])
    assert (found.value, found.interval, found.verdict) == (7.0, (0.9, 7.0), FAIL)
    assert found.reason == "served in fault: of 6 runs 5 PASS, 1 FAIL"
    assert judge_outcomes(objective, [lag(1.0, PASS)] * 6).reason == ""
    without_end = judge_outcomes(objective, [*[lag(1.0, PASS)] * 5, lag(math.inf, FAIL)])
    assert (found.endless, without_end.endless, without_end.value) == (False, True, None)


@pytest.mark.parametrize("runs", [5, 20])
def test_bounds_over_runs_cover_where_runs_differ(runs: int) -> None:
    """Each run has a share of its own: 99 % in the mean, by a beta distribution."""
    rng, missed = np.random.default_rng(41), [0, 0]
    for _ in range(500):
        shares = rng.binomial(3000, rng.beta(0.99 * 200, 0.01 * 200, runs)) / 3000
        found = share_over([(float(each), 3000) for each in shares])
        missed[0] += found.low > 0.99
        missed[1] += found.high < 0.99
    assert max(missed) / 500 <= 0.07


def test_taking_runs_for_one_long_run_would_not_cover() -> None:
    rng, missed = np.random.default_rng(42), 0
    for _ in range(500):
        good = rng.binomial(3000, rng.beta(0.99 * 200, 0.01 * 200, 8)).sum()
        missed += stats.clopper_pearson(float(good) / 24_000, 24_000)[0] > 0.99
    assert missed / 500 > 0.15


def test_no_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="no runs"):
        judge_repeats([])


def test_stored_runs_are_judged_together(make_record: Make, make_plan: MakePlan, traffic: Traffic) -> None:
    """Ten seconds of ten requests: no run can show 99 %, six without a failure can."""
    plan = make_plan((asked(0.99),))
    records = [make_record(traffic(100, 130), plan=plan) for _ in range(6)]
    runs = [(record, judge_run(record)) for record in records]
    found = judge_repeats(runs)
    alone = runs[0][1].objectives[0]
    assert alone.verdict is INCONCLUSIVE
    assert found.objectives[0].samples == 6 * alone.samples
    assert found.objectives[0].verdict is PASS
    assert len(found.seeds) == 6


def test_what_withholds_a_run_withholds_them_all(make_record: Make, make_plan: MakePlan, traffic: Traffic) -> None:
    plan = make_plan((asked(0.9),))
    record = make_record(traffic(100, 130), plan=plan, status="interrupted")
    found = judge_repeats([(record, judge_run(record))] * 2)
    assert found.verdict is INCONCLUSIVE
    assert any("the run was not completed: interrupted" in reason for reason in found.reasons)
    assert found.reasons[0].startswith("run 1 (seed ")
