"""A key that was withdrawn signs nothing more: from when on that counts, and what it is held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict.dead_on_arrival import judge_dead_on_arrival
from idchaos.verdict.invariants import InvariantJudgement
from idchaos.verdict.traffic import Traffic

Make = Callable[..., RunRecord]
SIGNS = {"at": 110.0, "event": "key_signing", "kid": "new"}
GONE = {"at": 120.0, "event": "key_withdrawn", "kid": "old", "allowed_lag_s": 5.0}


def used(obtained: float, kid: str = "new", **other: Any) -> dict[str, Any]:
    token = {"token_obtained_at": obtained, "jti": f"{kid}{obtained}", "kid": kid, "format": "jwt", "session": "s1.1"}
    return {"due_at": obtained + 0.5, "flow": "api", "endpoint": "/orders", "replica": "gateway-1", **token, **other}


def judged(make: Make, rows: list[dict[str, Any]], *events: dict[str, Any]) -> InvariantJudgement | None:
    record = make(rows, events=events)
    return judge_dead_on_arrival(record, Traffic(record))


def test_tokens_of_the_key_that_signs_hold(make_record: Make) -> None:
    found = judged(make_record, [used(119.0, "old"), used(121.0, "old"), used(125.0), used(126.0)], SIGNS, GONE)
    assert found is not None
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.PASS, 2, 0)


@pytest.mark.parametrize("decided", [{}, {"decision": "deny", "status": 401, "error_code": "kid_unknown"}])
def test_one_token_by_a_key_that_was_gone_is_enough_whoever_takes_it(make_record: Make, decided: Any) -> None:
    dead = used(123.0, "old", **decided)
    found = judged(make_record, [used(125.0), dead, dead | {"due_at": 124.0}], SIGNS, GONE)
    assert found is not None
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.FAIL, 2, 1)
    assert "1 of 2 tokens were asked for after their key, old, was gone" in found.judgement.reason
    assert found.evidence[0]["late_s"] == 3.0


@pytest.mark.parametrize(
    "events",
    [
        [],
        [SIGNS],
        [GONE],  # no other key was told to sign: it is the fault that the live one is gone
        [SIGNS | {"at": 121.0}, GONE],
    ],
)
def test_without_a_key_that_was_replaced_and_withdrawn_nothing_is_said(make_record: Make, events: Any) -> None:
    assert judged(make_record, [used(123.0, "old")], *events) is None


def test_without_a_token_afterwards_nothing_is_said(make_record: Make) -> None:
    made = [used(123.0, "old", flow="canary"), used(123.0, "old", flow="canary", canary="retired_key")]
    rows = [used(119.0, "old"), used(123.0, "", format="opaque", jti=""), *made]
    assert judged(make_record, rows, SIGNS, GONE) is None


def test_a_key_that_came_back_may_sign(make_record: Make) -> None:
    back = {"at": 130.0, "event": "key_published", "kid": "old"}
    found = judged(make_record, [used(131.0, "old")], SIGNS, GONE, back)
    assert found is not None
    assert found.judgement.verdict is Verdict.PASS
