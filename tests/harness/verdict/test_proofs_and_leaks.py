"""Faults must prove themselves, and no secret may stand in a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from idchaos.experiment import Bound, Objective, PhaseName, Verdict
from idchaos.record.record import Effect, FaultRecord, RunRecord
from idchaos.verdict import invariants, leaks, objectives, proofs, sli
from idchaos.verdict.evidence import Evidence

Make = Callable[..., RunRecord]


def objective(sli_name: str = "success_rate", op: Any = ">=", limit: float = 0.999, unit: Any = "share") -> Objective:
    return Objective(name="good", sli=sli_name, phase=PhaseName.FAULT, bound=Bound(op=op, limit=limit, unit=unit))


def judged(record: RunRecord, wanted: Objective) -> objectives.Judgement:
    window = record.window(wanted.phase)
    measured = sli.measure(record, wanted.sli, wanted.phase)
    within = sli.within(record, wanted.sli, wanted.phase, wanted.bound.limit)
    return objectives.judge(wanted, measured, window[1] - window[0] if window else None, within)


# --- faults

PROOF = [
    ("before", "probe", True),
    ("during", "control", True),
    ("during", "probe", True),
    ("during", "target", True),
    ("after", "control", True),
]
WHO_SEES = ("the control plane", "the probe through the path", "the target itself")
SEEN_AT = {"before": 105.0, "during": 115.0, "after": 121.0}


def fault(proof: list[Any], **times: Any) -> FaultRecord:
    effects = tuple(
        Effect(moment=moment, source=source, ok=ok, evidence="seen", at=SEEN_AT[moment]) for moment, source, ok in proof
    )
    return FaultRecord(name="down", **({"applied_at": 110.0, "healed_at": 120.0} | times), effects=effects)


def test_a_fault_that_proved_itself() -> None:
    assert proofs.fault_reasons(fault(PROOF)) == ()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (0, "nobody looked before it"),
        (1, "the control plane was not asked while it was in force"),
        (2, "the probe through the path was not asked while it was in force"),
        (3, "the target itself was not asked while it was in force"),
        (4, "nobody looked after it was healed"),
    ],
)
def test_each_missing_proof_is_named(missing: int, said: str) -> None:
    kept = [item for index, item in enumerate(PROOF) if index != missing]
    assert proofs.fault_reasons(fault(kept)) == (f"fault down: not proved: {said}",)


@pytest.mark.parametrize("failed", range(5))
def test_each_failed_proof_is_named(failed: int) -> None:
    moment, source, _ = PROOF[failed]
    spoilt = [*PROOF[:failed], (moment, source, False), *PROOF[failed + 1 :]]
    (said,) = proofs.fault_reasons(fault(spoilt))
    assert said.startswith(f"fault down: not proved: {proofs.WHO[source]} did not show ")
    assert said.endswith(f"{proofs.WHEN[moment]}: seen")


def test_a_fault_that_was_not_applied_or_not_healed() -> None:
    assert proofs.fault_reasons(fault(PROOF, applied_at=None)) == ("fault down: it was never applied",)
    assert proofs.fault_reasons(fault(PROOF, healed_at=None)) == ("fault down: it was not healed",)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"healed_at": 110.0}, ["it was healed before it was applied"]),
        ({"healed_at": 90.0}, ["it was healed before it was applied"]),
        ({"applied_at": 119.9}, [f"{who} was asked at another time than while it was in force" for who in WHO_SEES]),
        ({"applied_at": 90.0}, ["the probe through the path was asked at another time than before it"]),
        ({"healed_at": 130.0}, ["the control plane was asked at another time than after it was healed"]),
    ],
)
def test_what_was_seen_at_another_time_is_no_proof(times: dict[str, float], said: list[str]) -> None:
    assert proofs.fault_reasons(fault(PROOF, **times)) == tuple(f"fault down: not proved: {each}" for each in said)


# --- logs

SEARCHED = {
    "at": 131.0, "event": "logs_searched", "complete": True, "secrets": {"access_token": 60, "code": 4},
    "lines": {f"{part}.log": 12 for part in ("gateway-1", "gateway-2", "idp", "orders", "accounts")} | {"load.log": 0},
    "unread": [], "leaked": 0, "hits": 0, "found": [],
}  # fmt: skip
LEAK = {"file": "idp.log", "line": 7, "kind": "refresh_token", "length": 43, "hash": "0123456789ab"}


def test_logs_without_secrets_hold(make_record: Make) -> None:
    found = leaks.judge_logs(make_record(events=[SEARCHED]))
    assert (found.attempts, found.breaches, found.judgement.verdict) == (64, 0, Verdict.PASS)


def named(*ways: str) -> Evidence:
    """Bad tokens of these ways, all refused."""
    asked = pd.DataFrame({"canary": "unknown_kid", "way": list(ways), "decision": "deny"})
    return Evidence(asked=asked, deciders=frozenset({"gateway-1"}))


@pytest.mark.parametrize(
    ("forged", "verdict", "breaches"),
    [({}, Verdict.PASS, 0), ({"gateway-1.log": 3}, Verdict.FAIL, 1), ({"load.log": 3}, Verdict.PASS, 0)],
)
def test_no_line_of_a_log_is_a_client_s(make_record: Make, forged: dict[str, int], verdict: str, breaches: int) -> None:
    found = leaks.judge_lines(
        make_record(events=[SEARCHED | {"forged": forged}]), named("line_break", "post_line_break")
    )
    assert found is not None
    assert (found.attempts, found.breaches, found.judgement.verdict) == (2, breaches, verdict)
    assert ("gateway-1.log" in found.judgement.reason) is bool(breaches)


def test_runs_whose_logs_were_searched_for_secrets_alone_say_nothing_of_lines(make_record: Make) -> None:
    assert leaks.judge_lines(make_record(events=[SEARCHED]), named("line_break")) is None
    assert leaks.judge_lines(make_record(events=[]), named("line_break")) is None


def test_where_no_such_name_was_sent_no_log_says_anything(make_record: Make) -> None:
    assert leaks.judge_lines(make_record(events=[SEARCHED | {"forged": {}}]), named("as_good")) is None


@pytest.mark.parametrize(
    ("sizes", "breaches"),
    [
        ({"gateway-1.log": 900_000, "idp.log": 40_000}, 0),
        ({"gateway-1.log": 9_000_000, "idp.log": 40_000}, 1),
        ({"gateway-1.log": 900_000, "load.log": 9_000_000}, 0),  # the harness's own
    ],
)
def test_logs_grow_by_some_kilobytes_a_request_at_most(make_record: Make, sizes: dict[str, int], breaches: int) -> None:
    found = leaks.judge_growth(make_record(events=[SEARCHED | {"bytes": sizes}], generator={"sent": 1_000}))
    assert found is not None
    assert found.breaches == breaches
    assert found.judgement.reason == ("logs_bounded: gateway-1.log grew by 9,000 bytes a request" if breaches else "")


def test_of_few_requests_and_of_runs_of_before_no_growth_is_known(make_record: Make) -> None:
    sizes = {"gateway-1.log": 9_000_000}
    assert leaks.judge_growth(make_record(events=[SEARCHED | {"bytes": sizes}], generator={"sent": 100})) is None
    assert leaks.judge_growth(make_record(events=[SEARCHED], generator={"sent": 1_000})) is None


def test_a_secret_in_a_log_fails_and_the_place_is_named(make_record: Make) -> None:
    found = leaks.judge_logs(
        make_record(events=[SEARCHED | {"leaked": 2, "hits": 3, "found": [LEAK], "complete": False}])
    )
    assert found.judgement.verdict is Verdict.FAIL
    assert (found.attempts, found.breaches) == (64, 2)
    assert "2 secrets of this run are in its logs, 3 times, first in idp.log line 7: refresh" in found.judgement.reason
    assert found.evidence[0]["log"] == "idp.log"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (None, "the logs were not searched"),
        ({"complete": False}, "not all secrets of the run were known"),
        ({"secrets": {}}, "not all secrets of the run were known"),
        ({"secrets": "many"}, "not all secrets of the run were known"),
        ({"lines": {"load.log": 3}}, "no log of the target"),
        ({"lines": None}, "no log of the target"),
        ({"unread": ["idp.log"]}, "could not be read: idp.log"),
        ({"leaked": "3"}, "it is not told whether a secret was found"),
        ({"hits": None}, "it is not told whether a secret was found"),
    ],
)
def test_what_was_not_searched_is_no_pass(make_record: Make, changed: dict[str, Any] | None, says: str) -> None:
    found = leaks.judge_logs(make_record(events=[] if changed is None else [SEARCHED | changed]))
    assert found.judgement.verdict is Verdict.INCONCLUSIVE
    assert says in found.judgement.reason


def test_a_part_whose_log_is_missing_was_not_searched(make_record: Make) -> None:
    found = SEARCHED | {"lines": {"gateway-1.log": 12, "compose.log": 3}}
    judged = leaks.judge_logs(make_record(events=[found], counts={"before": {"gateway-1": {}, "gateway-2": {}}}))
    assert judged.judgement.verdict is Verdict.INCONCLUSIVE
    assert "there is no log of gateway-2 to search" in judged.judgement.reason


def test_refusals_that_quote_what_was_sent_are_a_breach(make_record: Make) -> None:
    told = {"refusals_searched": {"gateway-1": 40, "idp": 10}, "refusals_quoting": {"gateway-1": 0, "idp": 2}}
    ((name, found),) = leaks.judge_quotes(make_record([], generator=told))
    assert name == "refusals_repeat_no_token"
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.FAIL, 50, 2)
    assert found.judgement.reason == "refusals_repeat_no_token: 2 of 50 refusals quote a secret: 2 by idp"
    ((_, held),) = leaks.judge_quotes(make_record([], generator=told | {"refusals_quoting": {}}))
    assert held.judgement.verdict is Verdict.PASS
    assert not list(leaks.judge_quotes(make_record([])))


def test_good_answers_that_give_a_token_away_are_a_breach_of_their_own(make_record: Make) -> None:
    told = {
        "refusals_searched": {"gateway-1": 40},
        "answers_searched": {"gateway-1": 400, "gateway-2": 390},
        "answers_quoting": {"gateway-2": 390},
        "quoted_first": {"gateway-2": "the header Set-Cookie of an answer with status 200"},
    }
    judged = dict(leaks.judge_quotes(make_record([], generator=told)))
    assert judged["refusals_repeat_no_token"].judgement.verdict is Verdict.PASS
    found = judged["answers_repeat_no_token"]
    assert (found.judgement.verdict, found.attempts, found.breaches) == (Verdict.FAIL, 790, 390)
    assert found.evidence[0]["first"] == "the header Set-Cookie of an answer with status 200"


@pytest.mark.parametrize(("decision", "verdict"), [("deny", Verdict.PASS), ("accept", Verdict.FAIL)])
def test_a_login_with_a_wrong_password_must_be_refused(make_record: Make, decision: str, verdict: Verdict) -> None:
    mistyped = {"due_at": 105.0, "flow": "login", "endpoint": "login", "expected": "deny", "decision": decision}
    ((name, found),) = invariants.implied_invariants(make_record([mistyped]))
    assert (name, found.judgement.verdict, found.attempts) == ("wrong_passwords_refused", verdict, 1)


def held(what: str = "open_files", **counts: int | None) -> dict[str, Any]:
    return {
        name.replace("_", "-"): {"requests": {"total": 5}, "process": {what: count}} for name, count in counts.items()
    }


@pytest.mark.parametrize(
    ("after", "verdict", "samples"),
    [
        (held(gateway_1=9, gateway_2=14), Verdict.PASS, 2),
        (held(gateway_1=40, gateway_2=12), Verdict.FAIL, 2),
        (held(gateway_1=5, gateway_2=11), Verdict.PASS, 2),  # it let go of some
        (held(gateway_1=None, gateway_2=None), Verdict.INCONCLUSIVE, 0),
        ({}, Verdict.INCONCLUSIVE, 0),
    ],
)
def test_files_that_a_component_still_holds_open_after_the_load(
    make_record: Make, after: dict[str, Any], verdict: Verdict, samples: int
) -> None:
    record = make_record([], counts={"before": held(gateway_1=8, gateway_2=12), "after": after})
    found = judged(record, objective("files_left_open", "<=", 10, "count").model_copy(update={"phase": "all"}))
    assert found.verdict is verdict
    assert sli.measure(record, "files_left_open", "all").samples == samples


@pytest.mark.parametrize(
    ("links", "verdict", "note"),
    [
        ({"gateway-1-to-idp": {"open": 8, "most_busy": 9}}, Verdict.PASS, ""),
        (
            {"gateway-1-to-idp": {"open": 30, "most_busy": 2}, "gateway-2-to-idp": {"open": 1}},
            Verdict.FAIL,
            "most over gateway-1-to-idp: connections that were never all used at once",
        ),
        ({"client-to-idp": {"open": 40, "most_busy": 2}}, Verdict.PASS, ""),
        ({"gateway-1-to-idp": {"open": 40, "unreadable": 40}}, Verdict.PASS, ""),
    ],
)
def test_connections_that_are_never_closed_are_held_open_too(
    make_record: Make, links: dict[str, Any], verdict: Verdict, note: str
) -> None:
    observed = {"before": [{}, {}], "after": [{"idp": {}}, {"idp": links}]}
    sides = {"before": held(gateway_1=8), "after": held(gateway_1=8)}
    record = make_record([], counts=sides | {"observed": observed})
    found = judged(record, objective("files_left_open", "<=", 10, "count").model_copy(update={"phase": "all"}))
    assert found.verdict is verdict
    assert sli.measure(record, "files_left_open", "all").note == note


@pytest.mark.parametrize(("kind", "held_open"), [("link", 0), ("process", 0), ("endpoint", 38), ("transform", 38)])
def test_what_an_answer_that_came_late_made_necessary_is_not_held_open(
    make_record: Make, kind: str, held_open: int
) -> None:
    links = {"gateway-1-to-idp": {"open": 40, "most_busy": 2}}
    sides = {"before": held(gateway_1=8), "after": held(gateway_1=8)}
    events = [{"at": 110.0, "event": "fault_applied", "fault": "slow", "detail": {"kind": kind}}]
    observed = {"before": [{}, {}], "after": [{"idp": {}}, {"idp": links, "orders": links}]}
    record = make_record([], counts=sides | {"observed": observed}, events=events)
    assert sli.measure(record, "files_left_open", "all").value == held_open


@pytest.mark.parametrize(
    ("grown_mib", "verdict"),
    [({"gateway_1": 3, "gateway_2": 15.9}, Verdict.PASS), ({"gateway_1": 17, "gateway_2": 0}, Verdict.FAIL)],
)
def test_memory_that_a_validator_has_taken_since_before_the_load(
    make_record: Make, grown_mib: dict[str, float], verdict: Verdict
) -> None:
    before = held("memory_bytes", **dict.fromkeys([*grown_mib, "idp"], 50 << 20))
    after = held("memory_bytes", **{name: int((50 + mib) * (1 << 20)) for name, mib in grown_mib.items()}, idp=1 << 30)
    for state in (before, after):  # an IdP must remember what it has issued
        state["idp"]["issued"] = {"access_tokens": 5}
    record = make_record([], counts={"before": before, "after": after})
    found = judged(record, objective("memory_growth", "<=", 16, "MiB").model_copy(update={"phase": "all"}))
    assert found.verdict is verdict
    assert sli.measure(record, "memory_growth", "all").value == pytest.approx(max(grown_mib.values()))
