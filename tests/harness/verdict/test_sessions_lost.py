"""Sessions that an IdP has forgotten although nobody had ended them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.record.record import RunRecord
from idchaos.verdict import sli

Make = Callable[..., RunRecord]
EVENTS = (
    {"at": 110.0, "event": "fault_applied", "phase": "fault", "fault": "link-1", "applied": {}},
    {"at": 120.0, "event": "fault_healed", "phase": "fault", "fault": "link-1"},
)


def refresh(at: float, session: str, decision: str = "accept", expected: str = "accept") -> dict[str, Any]:
    code = {"deny": "invalid_grant", "undecided": "http_503"}.get(decision, "")
    return {
        "due_at": at, "sent_at": at, "endpoint": "token", "flow": "refresh", "session": session, "replica": "",
        "service": "", "decision": decision, "expected": expected, "error_code": code,
    }  # fmt: skip


def lost(make_record: Make, *rows: dict[str, Any]) -> Any:
    return sli.measure(make_record(list(rows), events=EVENTS), "sessions_lost", "all")


def test_each_session_whose_refresh_was_refused_counts_once(make_record: Make) -> None:
    rows = [refresh(at, "a") for at in (105.0, 121.0)] + [refresh(at, "b", "deny") for at in (121.0, 122.0)]
    measured = lost(make_record, *rows, refresh(121.0, "c", "undecided"))
    assert (measured.value, measured.samples) == (1, 4)
    assert measured.note == "of 2 that were refreshed"


def test_one_that_is_older_than_it_may_become_is_not_lost(make_record: Make) -> None:
    rows = [refresh(105.0, "a"), refresh(121.0, "a"), refresh(121.0, "b", "deny", expected="deny")]
    assert lost(make_record, *rows).value == 0


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [refresh(105.0, "a")],
        [refresh(105.0, "a"), refresh(121.0, "a", "undecided")],
        # Who has begun anew says nothing of what was before.
        [refresh(105.0, "a"), refresh(121.0, "a", "undecided"), refresh(125.0, "b")],
    ],
    ids=len,
)
def test_nothing_is_claimed_before_one_was_refreshed_after_the_fault(
    make_record: Make, rows: list[dict[str, Any]]
) -> None:
    assert math.isnan(lost(make_record, *rows).value)
