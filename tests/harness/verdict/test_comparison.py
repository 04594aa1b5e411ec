"""Two runs side by side: worse, no worse, or nobody can tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from idchaos.errors import UsageError
from idchaos.experiment import Bound, Objective, PhaseName, Plan, Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict.comparison import Change, Comparison, Tolerance, compare, worst
from idchaos.verdict.verdict import InvariantVerdict, judge_run
from tests.harness.verdict.test_lags import probe

Make = Callable[..., RunRecord]
MakePlan = Callable[..., Plan]
Traffic = Callable[..., list[dict[str, Any]]]

SERVED = Objective(
    name="served", sli="success_rate{flow=api}", phase=PhaseName.FAULT, bound=Bound(op=">=", limit=0.5), why=""
)
LATE = Objective(
    name="soon", sli="latency_p50{flow=api}", phase=PhaseName.FAULT, bound=Bound(op="<=", limit=9, unit="s"), why=""
)
DENIED = {"outcome": "wrongly_denied", "decision": "deny", "error_code": "kid_unknown", "status": 401}


@pytest.fixture
def compared(make_record: Make, make_plan: MakePlan, traffic: Traffic) -> Callable[..., Comparison]:
    """Compares runs whose every n-th good request in the fault fails, or takes so long."""

    def run(every: int, latency_s: float, objective: Objective) -> RunRecord:
        rows = [row | {"latency_s": latency_s} for row in traffic(100, 130, 50.0)]
        failing = [
            bool(every) and number % every == 0 and 110 <= row["due_at"] < 120 for number, row in enumerate(rows)
        ]
        rows = [row | DENIED if fails else row for row, fails in zip(rows, failing, strict=True)]
        return make_record(rows, plan=make_plan([objective]))

    def both(
        every: tuple[int, int] = (0, 0), latency_s: tuple[float, float] = (0.01, 0.01), objective: Objective = SERVED
    ) -> Comparison:
        runs = [run(each, late, objective) for each, late in zip(every, latency_s, strict=True)]
        first, second = ((record, judge_run(record)) for record in runs)
        return compare(first, second, Tolerance(share=0.02))

    return both


@pytest.mark.parametrize(
    ("every", "change"),
    [((0, 0), Change.NO_WORSE), ((0, 4), Change.WORSE), ((4, 0), Change.NO_WORSE), ((0, 40), Change.UNKNOWN)],
)
def test_the_interval_of_the_difference_decides(
    compared: Callable[..., Comparison], every: tuple[int, int], change: Change
) -> None:
    (row,) = compared(every).objectives
    assert row.change is change
    assert row.difference is not None
    low, high = row.interval
    assert low is not None
    assert high is not None
    assert low <= row.difference <= high


@pytest.mark.parametrize(
    ("latency_s", "change"),
    [((0.01, 0.02), Change.NO_WORSE), ((0.01, 0.5), Change.WORSE), ((0.5, 0.01), Change.NO_WORSE)],
)
def test_of_times_less_is_better_and_a_little_more_is_none(
    compared: Callable[..., Comparison], latency_s: tuple[float, float], change: Change
) -> None:
    (row,) = compared(latency_s=latency_s, objective=LATE).objectives
    assert row.change is change


@pytest.mark.parametrize(
    ("refused_after", "endless", "change"),
    [
        ((1.0, 99.0), (False, True), Change.WORSE),
        ((99.0, 1.0), (True, False), Change.NO_WORSE),
        ((99.0, 99.0), (True, True), Change.NO_WORSE),
    ],
)
def test_a_lag_whose_end_nobody_saw_is_worse_than_any_that_ended(
    make_record: Make,
    make_plan: MakePlan,
    refused_after: tuple[float, float],
    endless: tuple[bool, bool],
    change: Change,
) -> None:
    lag = Objective(
        name="lag", sli="revocation_lag_p95", phase=PhaseName.FAULT, bound=Bound(op="<=", limit=99, unit="s"), why=""
    )
    plan = make_plan([lag])
    rows = [
        [row for number in range(70) for row in probe(f"p{number}", 110 + number / 8, refused_after=each, polls=25)]
        for each in refused_after
    ]
    first, second = ((record, judge_run(record)) for record in (make_record(each, plan=plan) for each in rows))
    (row,) = compare(first, second, Tolerance()).objectives
    assert (row.endless, row.change) == (endless, change)
    assert [each is None for each in (row.first, row.second)] == list(endless)


def test_without_data_nothing_can_be_told(make_record: Make, make_plan: MakePlan, traffic: Traffic) -> None:
    plan = make_plan([SERVED])
    first, second = (
        (record, judge_run(record)) for record in (make_record(traffic(100, 130), plan=plan), make_record(plan=plan))
    )
    found = compare(first, second, Tolerance())
    assert found.objectives[0].change is Change.UNKNOWN
    assert found.change is Change.UNKNOWN


def test_a_breach_is_worse_than_none_and_the_same_breach_is_not(
    make_record: Make, make_plan: MakePlan, traffic: Traffic
) -> None:
    record = make_record(traffic(100, 130), plan=make_plan([SERVED]))
    sound = judge_run(record)
    row = InvariantVerdict(name="never", attempts=9, breaches=0, verdict=Verdict.PASS, reason="")
    held, broken = (
        sound.model_copy(update={"invariants": (row.model_copy(update={"verdict": verdict, "breaches": count}),)})
        for verdict, count in ((Verdict.PASS, 0), (Verdict.FAIL, 3))
    )
    asked = [((held, broken), Change.WORSE), ((broken, held), Change.NO_WORSE), ((broken, broken), Change.NO_WORSE)]
    for (before, after), change in asked:
        assert compare((record, before), (record, after), Tolerance()).invariants[0].change is change


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"damage": ("3 samples were recorded, and 2 are there",)}, "3 samples were recorded, and 2 are there in "),
        ({"status": "aborted"}, "it was aborted in "),
    ],
)
def test_a_run_that_is_not_whole_is_neither_worse_nor_no_worse(
    make_record: Make, make_plan: MakePlan, traffic: Traffic, spoilt: dict[str, Any], said: str
) -> None:
    whole = make_record(traffic(100, 130, 50.0), plan=make_plan([SERVED]))
    for pair in ((whole, replace(whole, **spoilt)), (replace(whole, **spoilt), whole)):
        first, second = ((record, judge_run(record)) for record in pair)
        found = compare(first, second, Tolerance(share=0.02))
        assert found.change is Change.UNKNOWN
        assert any(said in reason for reason in found.reasons)


def test_other_scenarios_are_not_compared(make_record: Make) -> None:
    record = make_record()
    verdict = judge_run(record)
    other = verdict.model_copy(update={"scenario": "another"})
    with pytest.raises(UsageError, match="different scenarios"):
        compare((record, verdict), (record, other), Tolerance())


def test_nothing_compared_is_nothing_told() -> None:
    assert worst([]) is Change.UNKNOWN
    assert worst([Change.NO_WORSE, Change.UNKNOWN, Change.WORSE]) is Change.WORSE


def test_what_was_withheld_from_a_run_is_no_difference(
    make_record: Make, make_plan: MakePlan, traffic: Traffic
) -> None:
    plan = make_plan([SERVED])
    unsteady = [row | DENIED if number % 4 == 0 else row for number, row in enumerate(traffic(100, 130, 50.0))]
    runs = [make_record(rows, plan=plan) for rows in (traffic(100, 130, 50.0), unsteady)]
    first, second = ((record, judge_run(record)) for record in runs)
    (row,) = compare(first, second, Tolerance()).objectives
    assert row.change is Change.UNKNOWN
    assert "the baseline is not steady" in row.reason
