"""When a baseline is none: by the load generator's reports, and by the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.planning import steadiness
from idchaos.record.record import RunRecord
from idchaos.verdict import generator_health

FINE = {"late_p99_s": 0.002, "ok": 500, "bad": 0}


@pytest.mark.parametrize(
    ("reports", "why"),
    [
        ([FINE, FINE], ""),
        ([FINE, FINE | {"bad": 10}], ""),  # 1 % of 1,010
        ([FINE, FINE | {"bad": 11}], "only 98.91 % of good requests succeeded before any fault"),
        ([FINE, FINE | {"late_p99_s": 0.9}, FINE], ""),  # a window that was late is for the judge
        (
            [FINE, *[FINE | {"late_p99_s": 0.08}] * 2],
            "the load generator is 80 ms behind its schedule (p99; at most 50)",
        ),
        ([], "the load generator reported nothing"),
        ([{"late_p99_s": 0.0, "ok": 0, "bad": 0}], "no good request was answered"),
    ],
)
def test_the_run_ends_where_nothing_could_be_learned(reports: list[dict[str, Any]], why: str) -> None:
    assert steadiness.unsteady(reports, 0.05) == why


@pytest.mark.parametrize("bad", [9, 10, 11, 50])
def test_the_run_and_the_judge_hold_a_baseline_to_the_same_rule(
    make_record: Callable[..., RunRecord], traffic: Callable[..., list[dict[str, Any]]], bad: int
) -> None:
    denied = {"decision": "deny", "status": 401}
    rows = [row | (denied if n < bad else {}) for n, row in enumerate(traffic(100, 110, rate=100.0))]
    judged = generator_health.baseline_reasons(make_record(rows))
    assert bool(judged) == bool(steadiness.unsteady([{"ok": 1000 - bad, "bad": bad}], 0.05)) == (bad > 10)
