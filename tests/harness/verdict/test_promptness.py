"""What is no token is refused at once, and by no error of the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict.promptness import judge_promptness

Make = Callable[..., RunRecord]


def junk(at: float, **other: Any) -> dict[str, Any]:
    return {
        "due_at": at, "flow": "canary", "canary": "malformed", "way": "dots", "expected": "deny", "decision": "deny",
        "status": 401, "error_code": "token_malformed", "endpoint": "/orders", "replica": "gateway-1",
        "service_time_s": 0.01, **other,
    }  # fmt: skip


def test_refusals_within_milliseconds_hold(make_record: Make) -> None:
    found = judge_promptness(make_record([junk(101.0), junk(125.0)]))
    assert found is not None
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.PASS, 2, 0)


def test_without_such_canaries_nothing_is_said(make_record: Make) -> None:
    assert judge_promptness(make_record([junk(101.0, canary="expired")])) is None


@pytest.mark.parametrize(
    ("status", "code", "holds"),
    [
        (500, "token_malformed", False),
        (500, "http_500", False),
        (503, "http_503", True),
        (503, "introspection_unavailable", True),
        (500, "introspection_unavailable", True),  # told wrongly, which is another objective's matter
    ],
)
def test_an_error_of_the_server_is_a_breach_unless_nobody_could_serve(
    make_record: Make, status: int, code: str, holds: bool
) -> None:
    found = judge_promptness(make_record([junk(101.0, status=status, error_code=code, decision="undecided")]))
    assert found is not None
    assert found.judgement.verdict is (Verdict.PASS if holds else Verdict.FAIL)


SLOW = {"service_time_s": 5.0, "status": 0, "error_code": "read_timeout", "decision": "undecided"}


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ([junk(101.0, **SLOW), junk(104.0, **SLOW)], False),  # again and again
        ([junk(101.0, **SLOW), junk(101.5, **SLOW)], True),  # one bad moment of a machine
        ([junk(101.0, **SLOW), junk(104.0, **SLOW), junk(105.0)], True),  # it can be quick
        ([junk(111.0, **SLOW), junk(114.0, **SLOW)], True),  # a fault keeps answers back
        ([junk(101.0, **SLOW), junk(104.0, **SLOW), junk(105.0, way="nul")], False),  # one way is enough
        ([junk(101.0, **SLOW), junk(104.0, way="post_dots", **SLOW), junk(105.0, way="nul")], False),  # by any method
    ],
)
def test_what_is_never_quick_is_a_breach(make_record: Make, rows: list[dict[str, Any]], holds: bool) -> None:
    found = judge_promptness(make_record(rows))
    assert found is not None
    assert found.judgement.verdict is (Verdict.PASS if holds else Verdict.FAIL)
    assert bool(found.evidence) is not holds
