"""Good tokens are never called bad: what counts, what faults explain, and after how long they were good again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from idchaos.experiment import AT_HOME_AGAIN, Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict.invariants import InvariantJudgement
from idchaos.verdict.told_bad import judge_told_bad
from idchaos.verdict.traffic import Traffic

Make = Callable[..., RunRecord]


def judged(record: RunRecord) -> InvariantJudgement | None:
    return judge_told_bad(record, Traffic(record))


def called(at: float, code: str = "", **other: Any) -> dict[str, Any]:
    decided = {"decision": "deny", "status": 401, "error_code": code} if code else {}
    token = {"session": "s1.1", "jti": "a", "kid": "k", "format": "jwt", "token_exp": 900.0}
    return {"due_at": at, "flow": "api", "endpoint": "/orders", "replica": "gateway-1", **token, **decided, **other}


def refreshed(at: float) -> dict[str, Any]:
    return {"due_at": at, "flow": "refresh", "endpoint": "token", "session": "s1.1"}


def fault(reasons: Sequence[str] | None) -> list[dict[str, Any]]:
    said = {} if reasons is None else {"may_refuse_for": list(reasons)}
    return [{"at": 110.0, "event": "fault_applied", "fault": "f", **said}]


def test_good_tokens_that_are_taken_hold(make_record: Make) -> None:
    found = judged(make_record([called(101.0), called(125.0)]))
    assert found is not None
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.PASS, 2, 0)


def test_without_a_decision_nothing_is_said(make_record: Make) -> None:
    assert judged(make_record([called(101.0, decision="undecided", status=503)])) is None


@pytest.mark.parametrize(("way", "breaches"), [(AT_HOME_AGAIN, 1), ("shown", 0)])
def test_what_was_refused_elsewhere_is_good_at_home(make_record: Make, way: str, breaches: int) -> None:
    rows = [called(101.0), called(102.0, "audience_mismatch", flow="canary", way=way)]
    found = judged(make_record(rows))
    assert found is not None
    assert (found.breaches, found.attempts) == (breaches, 1 + breaches)


@pytest.mark.parametrize("code", ["signature_invalid", "token_malformed", "audience_mismatch", "token_missing"])
def test_one_refusal_is_enough(make_record: Make, code: str) -> None:
    found = judged(make_record([called(101.0), called(102.0, code), called(103.5)]))
    assert found is not None
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.FAIL, 3, 1)
    assert f"1 by gateway-1 ({code}); good again there after up to 1.5 s" in found.judgement.reason
    assert found.evidence[0]["good_again_s"] == 1.5


@pytest.mark.parametrize(
    "row",
    [
        called(102.0, "kid_unknown"),
        called(102.0, "token_expired"),
        called(102.0, "login_required"),
        called(102.0, "invalid_token"),  # of somebody whose words we don't know
        called(102.0, "signature_invalid", expected="either"),
        called(102.0, "signature_invalid", expected="deny"),
        called(102.0, "signature_invalid", canary="tampered", expected="deny"),
        called(102.0, "token_inactive", token_exp=102.5),
        called(102.0, "introspection_unavailable", decision="undecided"),
    ],
)
def test_what_is_no_such_refusal(make_record: Make, row: dict[str, Any]) -> None:
    found = judged(make_record([called(101.0), row, refreshed(103.0), called(104.0)]))
    assert found is not None
    assert (found.judgement.verdict, found.breaches) == (Verdict.PASS, 0)


@pytest.mark.parametrize(
    ("later", "holds"),
    [
        ([], True),  # its session may have ended on its own
        ([called(104.0, replica="gateway-2")], True),  # who need not have heard of it yet
        ([called(104.0)], False),
        ([refreshed(102.5), called(104.0, jti="b")], False),
        ([refreshed(101.5), called(104.0, jti="b")], True),  # an IdP may end a token when it gives the next
    ],
)
@pytest.mark.parametrize("code", ["token_inactive", "token_revoked"])
def test_a_revocation_that_may_be_one(make_record: Make, code: str, later: list[dict[str, Any]], holds: bool) -> None:
    found = judged(make_record([called(101.0), called(102.0, code), *later]))
    assert found is not None
    assert found.judgement.verdict is (Verdict.PASS if holds else Verdict.FAIL)


@pytest.mark.parametrize(("at", "holds"), [(105.0, False), (115.0, True)])
def test_what_a_fault_explains_from_then_on(make_record: Make, at: float, holds: bool) -> None:
    rows = [called(101.0), called(at, "signature_invalid")]
    found = judged(make_record(rows, events=fault(["kid_unknown", "signature_invalid"])))
    assert found is not None
    assert found.judgement.verdict is (Verdict.PASS if holds else Verdict.FAIL)
    other = judged(make_record(rows, events=fault(["token_inactive"])))
    assert other is not None
    assert other.judgement.verdict is Verdict.FAIL


def test_runs_that_do_not_say_what_their_faults_explain_are_not_judged(make_record: Make) -> None:
    assert judged(make_record([called(101.0), called(115.0, "signature_invalid")], events=fault(None))) is None


def test_every_refusal_of_a_busy_run_is_judged_in_no_time(make_record: Make) -> None:
    rows = [called(100.0 + i / 1000, "token_inactive", jti=f"t{i % 50}") for i in range(20_000)]
    found = judged(make_record([*rows, *(called(125.0, jti=f"t{i}") for i in range(50))]))
    assert found is not None
    assert (found.breaches, len(found.evidence)) == (20_000, 20)
