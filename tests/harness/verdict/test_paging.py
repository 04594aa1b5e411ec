"""Burn-rate alerts over seconds written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from idchaos.record.record import RunRecord
from idchaos.verdict.measurements import measure_run
from idchaos.verdict.paging import RULES, Paging, ScaledRule, firing, paging, scaled

Make = Callable[..., RunRecord]
Traffic = Callable[..., list[dict[str, Any]]]
DOWN = {"decision": "undecided", "status": 503, "error_code": "jwks_unavailable"}
TIMED_OUT = {"decision": "undecided", "status": 0, "error_code": "read_timeout", "latency_s": 3.0}
SPAN = {"baseline": (1000.0, 1300.0), "fault": (1300.0, 1420.0), "recovery": (1420.0, 1864.0)}
"""864 s: one second stands for five minutes."""


def rule(long_s: int, short_s: int, share: float) -> ScaledRule:
    return ScaledRule(
        name="r", severity="page", error_share=share, long_s=long_s, short_s=short_s, stands_for_s=(3600.0, 300.0)
    )


def judged(record: RunRecord) -> Paging:
    found = paging(measure_run(record))
    assert found is not None
    return found


def run(make_record: Make, traffic: Traffic, *, bad: tuple[float, float], share: int = 1, **how: Any) -> RunRecord:
    """Ten requests a second; within ``bad`` every ``share``-th failed."""
    rows = [
        row | (how or DOWN) if bad[0] <= row["due_at"] < bad[1] and number % share == 0 else row
        for number, row in enumerate(traffic(1000, 1864, rate=10))
    ]
    return make_record(rows, windows=SPAN)


# --- the rules


def test_windows_are_scaled_so_that_three_days_are_the_run() -> None:
    found = [scaled(each, 864.0, 0.999) for each in RULES]
    assert [(each.name, each.severity, each.long_s, each.short_s) for each in found] == [
        ("14.4x", "page", 12, 1),
        ("6x", "page", 72, 6),
        ("3x", "ticket", 288, 24),
        ("1x", "ticket", 864, 72),
    ]
    assert [each.error_share for each in found] == pytest.approx([0.0144, 0.006, 0.003, 0.001])


def test_no_window_is_shorter_than_a_second() -> None:
    assert [(each.long_s, each.short_s) for each in (scaled(rule, 25.0, 0.995) for rule in RULES)] == [
        (1, 1),
        (2, 1),
        (8, 1),
        (25, 2),
    ]


def test_it_fires_while_both_windows_burn() -> None:
    """Two bad seconds: the short window clears at once, though the long one still remembers them."""
    total = np.full(20, 10)
    good = total.copy()
    good[5:7] = 0
    assert firing(good, total, rule(long_s=4, short_s=1, share=0.3)) == [(6, 7)]
    assert firing(good, total, rule(long_s=4, short_s=1, share=0.2)) == [(5, 7)]
    assert firing(good, total, rule(long_s=4, short_s=1, share=0.5)) == []


def test_what_burns_to_the_end_is_not_over() -> None:
    total = np.full(10, 10)
    good = np.where(np.arange(10) < 7, 10, 0)
    assert firing(good, total, rule(long_s=2, short_s=1, share=0.6)) == [(8, None)]


def test_seconds_without_requests_burn_nothing() -> None:
    silent = np.zeros(10, dtype=np.int64)
    assert firing(silent, silent, rule(long_s=3, short_s=1, share=0.01)) == []


def test_a_threshold_of_all_requests_can_never_be_exceeded() -> None:
    total = np.full(10, 10)
    assert firing(np.zeros(10, dtype=np.int64), total, rule(long_s=3, short_s=1, share=1.44)) == []


# --- whole runs


def test_a_calm_run_pages_nobody(make_record: Make, traffic: Traffic) -> None:
    found = judged(run(make_record, traffic, bad=(0.0, 0.0)))
    assert (found.alerts, found.paged_at, found.quiet_at, found.paged_in_baseline) == ((), None, None, False)
    assert (found.seconds_per_second, found.requests, found.slo) == (300.0, 8640, 0.999)


def test_an_outage_pages_in_its_first_second_and_is_quiet_when_the_slower_rule_is(
    make_record: Make, traffic: Traffic
) -> None:
    found = judged(run(make_record, traffic, bad=(1300.0, 1420.0)))
    assert (found.paged_at, found.quiet_at) == (1301.0, 1426.0)
    assert {(alert.rule, alert.phase) for alert in found.alerts if alert.severity == "page"} == {
        ("14.4x", "fault"),
        ("6x", "fault"),
    }
    assert not found.paged_in_baseline


def test_a_slow_burn_is_a_ticket_and_no_page(make_record: Make, traffic: Traffic) -> None:
    """One request in 250 fails for the rest of the run: 4 times the budget."""
    found = judged(run(make_record, traffic, bad=(1300.0, 1864.0), share=250))
    assert {alert.rule for alert in found.alerts} == {"3x", "1x"}
    assert found.paged_at is None


def test_a_page_before_any_fault_is_told_apart(make_record: Make, traffic: Traffic) -> None:
    found = judged(run(make_record, traffic, bad=(1100.0, 1110.0)))
    assert found.paged_in_baseline
    assert found.alerts[0].phase == "baseline"


def test_a_time_out_is_known_when_it_is_over(make_record: Make, traffic: Traffic) -> None:
    assert judged(run(make_record, traffic, bad=(1300.0, 1420.0), **TIMED_OUT)).paged_at == 1304.0


def test_a_request_that_was_never_sent_is_known_at_once(make_record: Make, traffic: Traffic) -> None:
    dropped = TIMED_OUT | {"error_code": "dropped", "sent_at": math.nan, "latency_s": math.nan}
    assert judged(run(make_record, traffic, bad=(1300.0, 1420.0), **dropped)).paged_at == 1301.0


def test_a_run_that_never_got_past_its_warm_up_says_nothing(make_record: Make) -> None:
    assert paging(measure_run(make_record(windows={"warmup": (100.0, 110.0)}))) is None
