"""What a replica says of its readiness is held against what it served."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import Bound, Objective, Verdict
from idchaos.record.record import RunRecord, Telemetry
from idchaos.verdict import objectives, sli

Make = Callable[..., RunRecord]
BOUND = Bound(op="<=", limit=3, unit="s")
RULE = Objective(name="readiness", sli="readiness_mistaken", phase="all", bound=BOUND, why="why")


def judged(record: RunRecord) -> Verdict:
    return objectives.judge(RULE, sli.measure(record, RULE.sli, "all"), 30.0, None).verdict


def asked(second: int, outcome: str = "ok", each: int = 5, replica: str = "gateway-1") -> list[dict[str, Any]]:
    decision = {"ok": "accept", "unavailable": "undecided", "wrongly_denied": "deny"}[outcome]
    row = {"flow": "api", "endpoint": "/orders", "replica": replica, "decision": decision}
    return [row | {"due_at": 100.0 + second + number / 10} for number in range(each)]


def says(second: int, ready: bool | None, replica: str = "gateway-1") -> Telemetry:
    return Telemetry(100.5 + second, replica, {} if ready is None else {"ready": ready})


def with_words(record: RunRecord, *told: Telemetry) -> RunRecord:
    return dataclasses.replace(record, telemetry=told)


@pytest.mark.parametrize(
    ("outcome", "ready", "seconds", "verdict"),
    [
        ("ok", True, 9, Verdict.PASS),
        ("unavailable", False, 9, Verdict.PASS),
        ("ok", False, 3, Verdict.PASS),
        ("ok", False, 4, Verdict.FAIL),
        ("unavailable", True, 4, Verdict.FAIL),
        ("wrongly_denied", True, 9, Verdict.INCONCLUSIVE),  # it decided
        ("ok", None, 9, Verdict.INCONCLUSIVE),
    ],
)
def test_what_it_says_and_what_it_serves(
    make_record: Make, outcome: str, ready: bool | None, seconds: int, verdict: Verdict
) -> None:
    rows = [row for second in range(seconds) for row in asked(second, outcome)]
    record = with_words(make_record(rows), *(says(second, ready) for second in range(seconds)))
    assert judged(record) is verdict


def test_seconds_that_tell_nothing_break_the_time(make_record: Make) -> None:
    rows = [row for second in range(7) for row in asked(second, each=1 if second == 3 else 5)]
    record = with_words(make_record(rows), *(says(second, False) for second in range(7)))
    found = sli.measure(record, "readiness_mistaken", "all")
    assert (found.value, found.samples, found.note) == (3.0, 6, "longest at gateway-1")


def test_a_word_that_changes_within_a_second_says_nothing_of_it(make_record: Make) -> None:
    rows = [row for second in range(5) for row in asked(second)]
    changed = Telemetry(102.9, "gateway-1", {"ready": True})
    record = with_words(make_record(rows), *(says(second, False) for second in range(5)), changed)
    assert sli.measure(record, "readiness_mistaken", "all").value == 2.0


def test_the_worst_replica_counts(make_record: Make) -> None:
    rows = [row for second in range(5) for name in ("gateway-1", "gateway-2") for row in asked(second, replica=name)]
    words = [says(second, name == "gateway-1", name) for second in range(5) for name in ("gateway-1", "gateway-2")]
    found = sli.measure(with_words(make_record(rows), *words), "readiness_mistaken", "all")
    assert (found.value, found.note) == (5.0, "longest at gateway-2")
