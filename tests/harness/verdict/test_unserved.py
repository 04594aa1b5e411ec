"""A user who is never served, or always late, is seen among many who are served well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict.invariants import InvariantJudgement
from idchaos.verdict.traffic import Traffic
from idchaos.verdict.unserved import judge_unserved

Make = Callable[..., RunRecord]
VAIN = {"decision": "undecided", "outcome": "unavailable", "status": 503, "error_code": "http_503"}
LATE = {"service_time_s": 1.6}


def judged(record: RunRecord) -> InvariantJudgement | None:
    return judge_unserved(record, Traffic(record))


def asked(session: str, *moments: float, **other: Any) -> list[dict[str, Any]]:
    same = {"flow": "api", "endpoint": "/orders", "replica": "gateway-1", "session": session, "service_time_s": 0.01}
    return [{"due_at": at, **same, **other} for at in moments]


OTHERS = [row for number in range(10) for row in asked(f"s{number}.1", 101.0, 102.0, 104.0, 105.0)]


@pytest.mark.parametrize(
    ("rows", "breaches"),
    [
        ([], 0),
        (asked("x", 101.0, 102.0, 104.0, 105.0, **VAIN), 1),
        (asked("x", 101.0, 102.0, 104.0, 105.0, **LATE), 1),
        ([*asked("x", 101.0, 102.0, 104.0, **VAIN), *asked("x", 105.0)], 0),  # served in the end
        (asked("x", 101.0, 102.0, 104.0, **VAIN), 0),  # too few to say so
        (asked("x", 101.0, 101.2, 101.4, 101.6, **VAIN), 0),  # one bad moment
        (asked("x", 111.0, 112.0, 114.0, 115.0, **VAIN), 0),  # while something is broken
    ],
)
def test_one_session_among_many(make_record: Make, rows: list[dict[str, Any]], breaches: int) -> None:
    found = judged(make_record([*OTHERS, *rows]))
    assert found is not None
    assert found.breaches == breaches
    assert found.judgement.verdict is (Verdict.FAIL if breaches else Verdict.PASS)


def test_where_many_are_in_vain_it_is_not_one_who_is_left_out(make_record: Make) -> None:
    rows = [row for number in range(4) for row in asked(f"x{number}", 101.0, 102.0, 104.0, 105.0, **VAIN)]
    found = judged(make_record([*OTHERS, *rows]))
    assert found is not None
    assert found.breaches == 0


def test_the_reason_says_who_and_where(make_record: Make) -> None:
    found = judged(make_record([*OTHERS, *asked("x", 101.0, 102.0, 104.0, 105.0, **VAIN)]))
    assert found is not None
    assert found.judgement.reason == (
        "nobody_is_left_out: 1 of 11, first x at gateway-1: all of 4 requests were in vain (http_503)"
    )


def test_of_few_requests_nothing_is_said(make_record: Make) -> None:
    assert judged(make_record(asked("x", 101.0, 104.0))) is None
