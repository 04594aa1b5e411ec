"""Answers that say one thing and mean another. Phases: baseline 100-110 s, fault 110-120 s, recovery 120-130 s."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.record.record import RunRecord
from idchaos.verdict import sli

Make = Callable[..., RunRecord]
Traffic = Callable[..., list[dict[str, Any]]]
NO_ANSWER = {"decision": "undecided", "status": 0, "error_code": "read_timeout", "latency_s": 5.0}
BAD = {"expected": "deny", "canary": "expired", "flow": "canary", "endpoint": "/orders", "replica": "gateway-1"}
REFUSAL = BAD | {"decision": "deny", "status": 401, "error_code": "token_expired"}
REFUSAL_AS_500 = BAD | {"decision": "undecided", "status": 500, "error_code": "token_expired"}
OUTAGE = BAD | {"decision": "undecided", "status": 503, "error_code": "jwks_unavailable"}
OUTAGE_AS_401 = BAD | {"decision": "undecided", "status": 401, "error_code": "jwks_unavailable"}
NO_REASON = BAD | {"decision": "undecided", "status": 500, "error_code": "http_500"}


@pytest.mark.parametrize(
    ("answers", "refusals", "outages", "looked_at"),
    [
        ((REFUSAL, OUTAGE), 0, 0, 2),
        ((REFUSAL, REFUSAL_AS_500, OUTAGE), 1, 0, 3),
        ((REFUSAL, OUTAGE_AS_401, OUTAGE_AS_401), 0, 2, 3),
        ((REFUSAL, OUTAGE | {"status": 500}, OUTAGE | {"status": 502}, OUTAGE | {"status": 504}), 0, 1, 4),
        # Who does not say why can't contradict himself; nor can who did not answer.
        ((REFUSAL, NO_REASON, BAD | NO_ANSWER), 0, 0, 1),
    ],
)
def test_answers_whose_status_contradicts_their_reason_are_counted(
    make_record: Make, answers: tuple[dict[str, Any], ...], refusals: int, outages: int, looked_at: int
) -> None:
    record = make_record([answer | {"due_at": 112.0 + n} for n, answer in enumerate(answers)])
    found = {
        name: sli.measure(record, name, "fault") for name in ("refusals_told_as_errors", "outages_told_as_refusals")
    }
    assert [one.value for one in found.values()] == [refusals, outages]
    assert {one.samples for one in found.values()} == {looked_at}
    assert all(one.low == one.value == one.high for one in found.values())


@pytest.mark.parametrize(
    ("status", "error_code", "misleads"),
    [
        (401, "token_expired", False),
        (403, "token_expired", True),
        (403, "token_revoked", True),
        (403, "token_missing", True),
        (403, "invalid_token", True),
        (403, "audience_mismatch", False),  # no token that this client is given will do
        (403, "scope_insufficient", False),
        (401, "scope_insufficient", True),
        (401, "insufficient_scope", True),
    ],
)
def test_a_refusal_that_sends_clients_the_wrong_way_is_counted(
    make_record: Make, status: int, error_code: str, *, misleads: bool
) -> None:
    record = make_record([REFUSAL | {"status": status, "error_code": error_code, "due_at": 112.0}])
    assert sli.measure(record, "refusals_that_mislead", "fault").value == misleads


def test_the_first_contradiction_is_named(make_record: Make) -> None:
    record = make_record([REFUSAL_AS_500 | {"due_at": 113.0}])
    assert sli.measure(record, "refusals_told_as_errors", "fault").note == "first: 500 for token_expired by gateway-1"


def test_where_nobody_said_why_nothing_is_known(make_record: Make, traffic: Traffic) -> None:
    assert math.isnan(sli.measure(make_record(traffic(110, 120)), "refusals_told_as_errors", "fault").value)
