"""What was tried, and what so many attempts could have missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.record.record import RunRecord
from idchaos.record.samples import method_of
from idchaos.verdict.coverage import coverage, seen_from
from idchaos.verdict.evidence import evidence_of

Make = Callable[..., RunRecord]


@pytest.mark.parametrize(("attempts", "share"), [(0, 1.0), (1, 0.95), (10, 0.2589), (59, 0.0495), (299, 0.00997)])
def test_so_many_attempts_show_such_a_share(attempts: int, share: float) -> None:
    """One acceptance in twenty takes 59 attempts, one in a hundred 299."""
    assert seen_from(attempts) == pytest.approx(share, abs=5e-5)


@pytest.mark.parametrize(
    ("way", "endpoint", "method"),
    [
        ("", "/orders/1", "GET"),
        ("post_none", "/orders/1", "POST"),
        ("propfind", "/orders/1", "PROPFIND"),
        ("for_orders", "around:/orders/1", "GET"),
        ("used_code", "token", "POST"),
    ],
)
def test_the_method_is_what_a_way_begins_with(way: str, endpoint: str, method: str) -> None:
    assert method_of(way, endpoint) == method


def test_attempts_are_counted_where_and_when_they_were_made(make_record: Make) -> None:
    sent: dict[str, Any] = {
        "flow": "canary", "canary": "expired", "expected": "deny", "decision": "deny", "endpoint": "/orders",
        "replica": "gateway-1", "status": 401,
    }  # fmt: skip
    undecided = sent | {"due_at": 104.0, "decision": "undecided", "status": 503}
    good = {"due_at": 105.0, "endpoint": "/orders"}
    rows = [sent | {"due_at": at} for at in (101.0, 102.0, 115.0)]
    record = make_record([*rows, sent | {"due_at": 103.0, "way": "post_none"}, undecided, good])
    found = coverage(record, evidence_of(record))
    assert [(each.phase, each.method, each.attempts, each.seen_from) for each in found] == [
        ("baseline", "GET", 2, 0.7764),
        ("baseline", "POST", 1, 0.95),
        ("fault", "GET", 1, 0.95),
    ]
