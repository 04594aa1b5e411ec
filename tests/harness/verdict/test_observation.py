"""What a run could not look at is part of its verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import TAIL, Canary, CanaryPlan, Invariant, PhaseName, Verdict
from idchaos.record.record import Manifest, RunRecord
from idchaos.report.summary import headline, unspoken
from idchaos.verdict.verdict import judge_run

NEVER = Invariant(name="revoked_refused", canaries=(Canary.REVOKED,))
TOLD = {"name": "revoked_refused", "why": "the IdP has no revocation endpoint"}


def record(make_record: Callable[..., RunRecord], plan: Any, rows: list[dict[str, Any]], **manifest: Any) -> RunRecord:
    made = make_record(rows, plan=plan)
    told = {**made.manifest.model_dump(by_alias=True), **manifest}
    return dataclasses.replace(made, manifest=Manifest.model_validate(told))


@pytest.fixture
def plan(make_plan: Callable[..., Any]) -> Any:
    return make_plan((), (NEVER,), canaries=CanaryPlan(kinds=(Canary.REVOKED,), clock_margin_s=10.0))


def test_an_invariant_that_can_not_be_tried_is_named_and_not_judged(
    make_record: Callable[..., RunRecord], plan: Any
) -> None:
    asked = judge_run(record(make_record, plan, []))
    assert "revoked_refused" in {each.name for each in asked.invariants}
    declared = judge_run(record(make_record, plan, [], not_observed=[TOLD]))
    assert "revoked_refused" not in {each.name for each in declared.invariants}
    assert declared.document()["not_observed"] == [TOLD]
    assert unspoken(declared) == ["Not observed: revoked refused: the IdP has no revocation endpoint."]


def test_a_breach_is_one_whatever_was_declared(make_record: Callable[..., RunRecord], plan: Any) -> None:
    taken = {
        "due_at": 112.0, "flow": "canary", "canary": "revoked", "expected": "deny", "decision": "accept",
        "endpoint": "/orders", "replica": "gateway-1",
    }  # fmt: skip
    found = judge_run(record(make_record, plan, [taken], not_observed=[TOLD]))
    assert {each.name: each.verdict for each in found.invariants}["revoked_refused"] is Verdict.FAIL


def test_asked_to_be_strict_a_run_that_did_not_see_all_is_undecided(
    make_record: Callable[..., RunRecord], plan: Any
) -> None:
    strict = {"slo": {"strict_observation": True}}
    found = judge_run(record(make_record, plan, [], not_observed=[TOLD], settings=strict))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "not observed: revoked_refused: the IdP has no revocation endpoint" in found.reasons


def test_a_pass_says_how_much_it_does_not_speak_of(make_record: Callable[..., RunRecord], plan: Any) -> None:
    found = judge_run(record(make_record, plan, [], not_observed=[TOLD]))
    passed = found.model_copy(update={"verdict": Verdict.PASS})
    assert headline(passed) == "PASS (1 invariant was not tried)"
    assert headline(found.model_copy(update={"verdict": Verdict.FAIL})) == "FAIL"
    assert headline(passed.model_copy(update={"not_observed": ()})) == "PASS"


def test_an_objective_that_was_left_out_is_named(make_record: Callable[..., RunRecord], plan: Any) -> None:
    told = {"name": "key_fetches_bounded", "why": "gateway.cooldown_s is 0"}
    found = judge_run(record(make_record, plan, [], left_out=[told]))
    assert found.document()["left_out"] == [told]
    assert unspoken(found) == ["Left out: key fetches bounded: gateway.cooldown_s is 0."]


def test_what_a_run_was_too_short_to_try_is_named(make_record: Callable[..., RunRecord], make_plan: Any) -> None:
    """30 s are enough for a token of 3 s to expire beyond a leeway of 17 s, and not of 18 s."""
    never = Invariant(name="never", canaries=(Canary.EXPIRED,))
    for over_s, names in ((17.0, []), (18.0, ["never"])):
        planned = CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=30.0, expired_after_s=over_s)
        found = judge_run(make_record([], plan=make_plan((), (never,), canaries=planned)))
        assert [each.name for each in found.left_out] == names


def taken(canary: str, at: float, decision: str, way: str = "") -> dict[str, Any]:
    return {
        "due_at": at, "flow": "canary", "canary": canary, "expected": "deny", "decision": decision, "way": way,
        "endpoint": "/orders", "replica": "gateway-1", "status": 200 if decision == "accept" else 401,
    }  # fmt: skip


def test_what_is_not_promised_is_told_and_not_judged(
    make_record: Callable[..., RunRecord], make_plan: Callable[..., Any]
) -> None:
    canaries = CanaryPlan(
        kinds=("revoked", "odd_times"),
        clock_margin_s=10.0,
        unpromised={"revoked": "it asks nobody", "odd_times:iat_ahead": "it does not look at iat"},
    )
    plan = make_plan((), (Invariant(name="times_are_checked", canaries=("odd_times",)),), canaries=canaries)
    rows = [
        taken("revoked", 112.0, "accept"),
        taken("revoked", 113.0, "deny"),
        taken("odd_times", 114.0, "accept", "iat_ahead"),
    ]
    found = judge_run(record(make_record, plan, rows))
    assert not any(each.breaches for each in found.invariants)
    assert unspoken(found) == [
        "Not promised: to refuse revoked: it asks nobody; 1 of 2 were accepted.",
        "Not promised: to refuse odd times, iat ahead: it does not look at iat; 1 of 1 were accepted.",
    ]
    passed = found.model_copy(update={"verdict": Verdict.PASS})
    assert headline(passed) == "PASS (2 kinds of bad tokens are not promised to be refused)"


def test_another_way_of_the_same_kind_is_a_breach(
    make_record: Callable[..., RunRecord], make_plan: Callable[..., Any]
) -> None:
    canaries = CanaryPlan(kinds=("odd_times",), clock_margin_s=10.0, unpromised={"odd_times:iat_ahead": "no"})
    plan = make_plan((), (Invariant(name="times_are_checked", canaries=("odd_times",)),), canaries=canaries)
    found = judge_run(record(make_record, plan, [taken("odd_times", 114.0, "accept", "no_exp")]))
    assert {each.name: each.breaches for each in found.invariants}["times_are_checked"] == 1


@pytest.mark.parametrize("tails", [(), (PhaseName.BASELINE,), (PhaseName.BASELINE, PhaseName.RECOVERY)])
def test_a_tail_that_was_wanted_and_is_not_judged_is_told(
    make_record: Callable[..., RunRecord], plan: Any, tails: tuple[PhaseName, ...]
) -> None:
    found = record(make_record, plan.model_copy(update={"tails": tails}), [], settings={"slo": {"latency_p99_s": 0.8}})
    told = [each["name"] for each in judge_run(found).document()["left_out"] if each["name"].startswith(TAIL)]
    assert told == [f"{TAIL}{phase}" for phase in tails]
