"""One answer of somebody else's is a FAIL; what no service tells is not judged; what some answers hide is undecided."""

import pytest

from idchaos.experiment import Verdict
from idchaos.verdict import invariants
from idchaos.verdict.isolation import judge_isolation

FOREIGN = {
    "due_at": 112.0,
    "sent_at": 112.0,
    "error_code": "foreign_answer",
    "outcome": "wrongly_accepted",
    "expected": "deny",
    "decision": "accept",
    "replica": "gateway-1",
    "service": "orders",
}
GOOD = {"due_at": 111.0, "sent_at": 111.0}


def judged(make_record, rows=(), **told):
    return judge_isolation(make_record([GOOD, *rows], generator=told))


def test_answers_of_one_s_own_pass_with_as_many_attempts_as_said_so(make_record):
    found = judged(make_record, echoed={"orders": 40, "accounts": 2})
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.PASS, 42, 0)


@pytest.mark.parametrize("told", [{"echoed": {"orders": 1_000}}, {}])
def test_one_of_somebody_else_fails(make_record, told):
    found = judged(make_record, [FOREIGN], **told)
    assert (found.judgement.verdict, found.breaches) == (Verdict.FAIL, 1)
    assert "answers were somebody else's, first in fault by gateway-1 for orders" in found.judgement.reason
    assert found.evidence[0]["service"] == "orders"


@pytest.mark.parametrize("told", [{}, {"echoed": {}, "unechoed": {"orders": 50}}])
def test_where_nobody_says_whose_an_answer_is_nothing_is_judged(make_record, told):
    assert judged(make_record, **told) is None


def test_a_service_that_says_so_of_some_answers_alone_is_undecided(make_record):
    found = judged(make_record, echoed={"orders": 40}, unechoed={"orders": 3, "accounts": 9})
    assert found.judgement.verdict is Verdict.INCONCLUSIVE
    assert "3 of orders" in found.judgement.reason
    assert "accounts" not in found.judgement.reason


def test_it_is_no_breach_of_another_invariant_beside(make_record):
    assert invariants.implied_invariants(make_record([GOOD, FOREIGN])) == ()
