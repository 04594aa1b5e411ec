"""What must never happen: bad tokens that are accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import SHOWN, Canary, CanaryPlan, Invariant, Objective, Plan, Verdict
from idchaos.record.record import RunRecord
from idchaos.record.samples import by_method
from idchaos.verdict import invariants, objectives, sli

Make = Callable[..., RunRecord]
MakePlan = Callable[..., Plan]
Traffic = Callable[..., list[dict[str, Any]]]


def judged(record: RunRecord, wanted: Objective) -> objectives.Judgement:
    window = record.window(wanted.phase)
    measured = sli.measure(record, wanted.sli, wanted.phase)
    within = sli.within(record, wanted.sli, wanted.phase, wanted.bound.limit)
    return objectives.judge(wanted, measured, window[1] - window[0] if window else None, within)


# --- invariants

BOTH = (Canary.EXPIRED, Canary.ALG_NONE)
NEVER = Invariant(name="no bad token is accepted", canaries=BOTH, min_attempts=10)
CANARIES = CanaryPlan(kinds=BOTH, clock_margin_s=10.0)


def canaries(kinds: tuple[Canary, ...] = BOTH, spans: tuple[float, ...] = (100, 110, 120)) -> list[dict[str, Any]]:
    """Three refused canaries of each kind in each phase."""
    return [
        {
            "due_at": start + n,
            "flow": "canary",
            "canary": str(kind),
            "expected": "deny",
            "decision": "deny",
            "status": 401,
            "error_code": "signature_invalid",
            "endpoint": "/orders",
            "service": "orders",
            "replica": "gateway-2",
            "kid": "k1",
            "jti": f"{kind}-{start + n}",
        }
        for start in spans
        for kind in kinds
        for n in range(3)
    ]


def test_all_refused_holds(make_record: Make, make_plan: MakePlan) -> None:
    found = invariants.judge_invariant(NEVER, make_record(canaries(), plan=make_plan(canaries=CANARIES)))
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.PASS, 18, 0)
    assert ("expired", "fault", 3) in found.by_canary


def test_what_is_refused_around_the_gateways_is_no_attempt_but_what_is_accepted_there_is_a_breach(
    make_record: Make, make_plan: MakePlan
) -> None:
    around = [row | {"endpoint": "around:/orders", "replica": "orders"} for row in canaries()]
    plan = make_plan(canaries=CANARIES)
    found = invariants.judge_invariant(NEVER, make_record(around, plan=plan))
    assert (found.judgement.verdict, found.attempts) == (Verdict.INCONCLUSIVE, 0)
    found = invariants.judge_invariant(NEVER, make_record([*canaries(), *around], plan=plan))
    assert (found.judgement.verdict, found.attempts) == (Verdict.PASS, 18)
    around[4] |= {"decision": "accept", "status": 200, "error_code": ""}
    found = invariants.judge_invariant(NEVER, make_record([*canaries(), *around], plan=plan))
    assert (found.judgement.verdict, found.breaches) == (Verdict.FAIL, 1)


@pytest.mark.parametrize("kind", [Canary.EXPIRED_OPAQUE, Canary.REVOKED_OPAQUE, Canary.TAMPERED])
def test_who_decides_everyday_requests_must_have_decided_each_kind(
    make_record: Make, make_plan: MakePlan, traffic: Traffic, kind: Canary
) -> None:
    """One replica of two may be wrong alone."""
    plan = make_plan(canaries=CanaryPlan(kinds=(kind,), once=(kind,), clock_margin_s=100.0))
    never = Invariant(name="never", canaries=(kind,))
    at_second = canaries((kind,))
    found = invariants.judge_invariant(never, make_record([*traffic(100, 130), *at_second], plan=plan)).judgement
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == f"never: nobody said yes or no to a bad token of the kind {kind} at gateway-1"
    at_both = [*at_second, at_second[0] | {"replica": "gateway-1"}]
    found = invariants.judge_invariant(never, make_record([*traffic(100, 130), *at_both], plan=plan)).judgement
    assert found.verdict is Verdict.PASS


def test_in_a_run_that_is_long_enough_an_expired_token_must_have_been_shown_while_good(
    make_record: Make, make_plan: MakePlan
) -> None:
    """Who never knew a token has nothing to forget about it."""
    short, long_enough = 18.0, 8.0
    both = [row | {"replica": name} for name in ("gateway-1", "gateway-2") for row in canaries((Canary.EXPIRED,))]
    good = {"due_at": 105.0, "endpoint": "/orders", "replica": "gateway-2"}

    def judged(over_s: float, *rows: dict[str, Any]) -> objectives.Judgement:
        plan = make_plan(
            canaries=CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=over_s + 5, expired_after_s=over_s)
        )
        never = Invariant(name="never", canaries=(Canary.EXPIRED,))
        return invariants.judge_invariant(never, make_record([*rows, good], plan=plan)).judgement

    assert judged(short, *both).verdict is Verdict.PASS
    untried = judged(long_enough, *both)
    assert (
        untried.reason
        == "never: nobody said yes or no to a bad token of the kind expired that was shown while good at gateway-2"
    )
    assert judged(long_enough, *both, both[-1] | {"way": SHOWN}).verdict is Verdict.PASS


def test_where_everyday_requests_are_posted_bad_ones_must_be_as_well(make_record: Make, make_plan: MakePlan) -> None:
    """By GET alone nobody knows what a POST would have met."""
    bad = [row | {"service": "orders", "replica": "gateway-1"} for row in canaries((Canary.TAMPERED,))]
    good = {"due_at": 105.0, "endpoint": "/orders", "service": "orders", "replica": "gateway-1"}
    posted = good | {"way": by_method("POST", "")}

    def judged(*rows: dict[str, Any], once: tuple[str, ...] = ()) -> objectives.Judgement:
        kinds = (Canary.TAMPERED,)
        plan = make_plan(canaries=CanaryPlan(kinds=kinds, once=once, everywhere=kinds, clock_margin_s=10))
        never = Invariant(name="never", canaries=kinds)
        return invariants.judge_invariant(never, make_record([*rows], plan=plan)).judgement

    assert judged(*bad, good).verdict is Verdict.PASS
    untried = judged(*bad, good, posted)
    assert untried.reason == "never: nobody said yes or no to a bad token of the kind tampered by POST"
    assert judged(*bad, bad[-1] | {"way": by_method("POST", "claims")}, good, posted).verdict is Verdict.PASS
    assert judged(*bad, good, posted, once=("tampered",)).verdict is Verdict.PASS, "told beside the verdict"


def test_one_accepted_canary_fails_with_what_is_needed_to_find_it(make_record: Make, make_plan: MakePlan) -> None:
    rows = canaries()
    rows[10] |= {"decision": "accept", "status": 200, "error_code": ""}
    found = invariants.judge_invariant(NEVER, make_record(rows, plan=make_plan(canaries=CANARIES)))
    assert found.judgement.verdict is Verdict.FAIL
    assert found.judgement.reason == (
        "no bad token is accepted: 1 of 18 bad tokens were accepted, first alg_none in fault by gateway-2"
    )
    (breach,) = found.evidence
    assert breach == {
        "at": 111.0,
        "status": 200,
        "canary": "alg_none",
        "phase": "fault",
        "replica": "gateway-2",
        "service": "orders",
        "endpoint": "/orders",
        "error_code": "",
        "kid": "k1",
        "jti": "alg_none-111",
        "session": "",
        "way": "",
        "page": "docs/canaries.md#alg_none",
    }


def test_a_breach_during_warm_up_or_between_phases_counts(make_record: Make, make_plan: MakePlan) -> None:
    rows = canaries()
    rows.append(rows[0] | {"due_at": 50.0, "sent_at": 50.0, "decision": "accept"})
    found = invariants.judge_invariant(NEVER, make_record(rows, plan=make_plan(canaries=CANARIES)))
    assert found.judgement.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "nobody said yes or no to a bad token of the kind expired"),
        (canaries(spans=(100,)), "6 bad tokens were answered with a yes or no, where it takes 10"),
        (canaries(spans=(100, 120)), "nobody said yes or no to a bad token of the kind expired in fault"),
        (canaries((Canary.EXPIRED,)) * 2, "nobody said yes or no to a bad token of the kind alg_none"),
        (
            [row | {"decision": "undecided", "status": 503} for row in canaries()],
            "nobody said yes or no to a bad token of the kind expired",
        ),
    ],
)
def test_what_was_not_tried_is_not_shown(
    make_record: Make, make_plan: MakePlan, rows: list[dict[str, Any]], said: str
) -> None:
    found = invariants.judge_invariant(NEVER, make_record(rows, plan=make_plan(canaries=CANARIES)))
    assert found.judgement == objectives.Judgement(Verdict.INCONCLUSIVE, f"no bad token is accepted: {said}")


def test_a_validator_without_keys_lets_nobody_in(make_record: Make, make_plan: MakePlan) -> None:
    """While keys can't be had the gateway answers 503: not a refusal, but the canary did not get in
    either.
    """
    away = {"decision": "undecided", "status": 503, "error_code": "jwks_unavailable"}
    rows = [row | (away if 110 <= row["due_at"] < 120 else {}) for row in canaries()]
    found = invariants.judge_invariant(NEVER, make_record(rows, plan=make_plan(canaries=CANARIES)))
    assert (found.judgement.verdict, found.attempts) == (Verdict.PASS, 12)
    lost = [row | ({"status": 0, "error_code": "read_timeout"} if row["status"] == 503 else {}) for row in rows]
    found = invariants.judge_invariant(NEVER, make_record(lost, plan=make_plan(canaries=CANARIES)))
    assert found.judgement.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("tried", "recovered_until", "holds"), [(False, 130, True), (False, 140, False), (True, 140, True)]
)
def test_revocations_must_be_heard_again_after_healing(
    make_record: Make, make_plan: MakePlan, tried: bool, recovered_until: float, holds: bool
) -> None:
    """Of caches that may lag by 3 s, in a recovery long enough to revoke a token anew."""
    plan = make_plan(canaries=CanaryPlan(kinds=(Canary.REVOKED,), clock_margin_s=10.0, revoked_after_s=3.0))
    events = [
        {"at": 110.0, "event": "fault_applied", "fault": "f"},
        {"at": 120.0, "event": "fault_healed", "fault": "f"},
    ]
    spans = {"baseline": (100.0, 110.0), "fault": (110.0, 120.0), "recovery": (120.0, float(recovered_until))}
    rows = canaries((Canary.REVOKED,), spans=(100, 125) if tried else (100,))
    record = make_record(rows, plan=plan, windows=spans, events=events)
    found = invariants.judge_invariant(Invariant(name="revoked", canaries=(Canary.REVOKED,)), record)
    assert found.judgement.verdict is (Verdict.PASS if holds else Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("recovered_until", "hides", "told"), [(125, True, True), (140, True, False), (125, False, False)]
)
def test_a_recovery_too_short_to_hear_of_revocations_is_told(
    make_record: Make, make_plan: MakePlan, recovered_until: float, hides: bool, told: bool
) -> None:
    plan = make_plan(canaries=CanaryPlan(kinds=(Canary.REVOKED,), clock_margin_s=10.0, revoked_after_s=3.0))
    events = [
        {"at": 110.0, "event": "fault_applied", "fault": "f", "hides_revocations": hides},
        {"at": 120.0, "event": "fault_healed", "fault": "f"},
    ]
    spans = {"baseline": (100.0, 110.0), "fault": (110.0, 120.0), "recovery": (120.0, recovered_until)}
    found = invariants.too_short_to_hear(make_record(canaries(), plan=plan, windows=spans, events=events))
    assert ("too short" in found) is told


def test_canaries_that_could_not_be_made_are_told(make_record: Make, make_plan: MakePlan) -> None:
    record = make_record(
        canaries((Canary.EXPIRED,)), plan=make_plan(canaries=CANARIES), generator={"skipped": {"alg_none": 9}}
    )
    found = invariants.judge_invariant(NEVER, record)
    assert (
        "nobody said yes or no to a bad token of the kind alg_none (9 were due and could not be made)"
        in found.judgement.reason
    )


def test_a_canary_that_was_not_planned_is_not_shown(make_record: Make, make_plan: MakePlan) -> None:
    plan = make_plan(canaries=CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=10.0))
    found = invariants.judge_invariant(NEVER, make_record(canaries(), plan=plan))
    assert found.judgement.reason == "no bad token is accepted: no bad token of the kind alg_none was planned"
