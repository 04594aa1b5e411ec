"""Whole runs: what they amount to, and that the document says the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from idchaos.experiment import SHOWN, Bound, Canary, CanaryPlan, Invariant, Objective, PhaseName, Plan, Verdict
from idchaos.record.record import RunRecord
from idchaos.values import number
from idchaos.verdict.verdict import RunVerdict, judge_run

Make = Callable[..., RunRecord]
MakePlan = Callable[..., Plan]
Traffic = Callable[..., list[dict[str, Any]]]
Build = Callable[..., RunRecord]
DENIED = {"decision": "deny", "status": 401, "error_code": "kid_unknown"}
LOST = {"decision": "undecided", "status": 0, "error_code": "read_timeout"}


def success(phase: PhaseName = PhaseName.FAULT, limit: float = 0.98) -> Objective:
    return Objective(
        name=f"requests succeed in {phase}",
        sli="success_rate{flow=api}",
        phase=phase,
        bound=Bound(op=">=", limit=limit),
    )


def proof(moment: str, source: str, at: float, ok: bool = True) -> dict[str, Any]:
    return {
        "at": at,
        "event": "fault_effect",
        "fault": "down",
        "moment": moment,
        "source": source,
        "ok": ok,
        "evidence": "seen",
    }


EVENTS = [
    {"at": 99.0, "event": "run_started"},
    proof("before", "probe", 109.0),
    {"at": 110.0, "event": "fault_applied", "fault": "down"},
    proof("during", "control", 110.5),
    proof("during", "probe", 110.6),
    proof("during", "target", 119.9),
    {"at": 119.95, "event": "fault_healed", "fault": "down"},
    proof("after", "probe", 120.1),
    {
        "at": 131.0,
        "event": "logs_searched",
        "complete": True,
        "secrets": {"access_token": 60},
        "lines": {"gateway-1.log": 12, "gateway-2.log": 12, "idp.log": 1, "orders.log": 2, "accounts.log": 2},
        "unread": [],
        "leaked": 0,
        "hits": 0,
        "found": [],
    },
]


@pytest.fixture
def build(make_record: Make, make_plan: MakePlan, traffic: Traffic) -> Build:
    """A sound run of 30 s with a fault that proved itself; tests spoil a part of it."""

    def make(
        spoil: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda rows: rows,
        objectives: tuple[Objective, ...] = (success(), success(PhaseName.RECOVERY)),
        **parts: Any,
    ) -> RunRecord:
        canaries = [
            {
                "due_at": start + n + 0.5,
                "flow": "canary",
                "canary": "expired",
                "expected": "deny",
                "decision": "deny",
                "status": 401,
                "error_code": "token_expired",
                "endpoint": "/orders",
                "replica": ("gateway-1", "gateway-2")[n % 2],
                "way": SHOWN,
            }
            for start in (100, 110, 120)
            for n in range(4)
        ]
        rows = spoil([*traffic(100, 130), *canaries])
        invariant = Invariant(name="no bad token", canaries=(Canary.EXPIRED,), min_attempts=10)
        plan = make_plan(objectives, (invariant,), canaries=CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=10.0))
        asked = {name: sum(row["replica"] == name for row in rows) for name in ("gateway-1", "gateway-2")}
        counted = {
            "before": {name: {"requests": {"total": 0, "upstream": {}}} for name in asked},
            "after": {name: {"requests": {"total": total, "upstream": {}}} for name, total in asked.items()},
        }
        return make_record(rows, **({"plan": plan, "events": EVENTS, "counts": counted} | parts))

    return make


def test_a_sound_run_passes(build: Build) -> None:
    verdict = judge_run(build())
    assert (verdict.verdict, verdict.reasons) == (Verdict.PASS, ())
    assert [each.verdict for each in verdict.objectives] == [Verdict.PASS, Verdict.PASS]
    assert verdict.faults[0].effect_proved
    assert verdict.invariants[0].attempts == 12


def test_a_pass_without_a_failure_says_what_it_could_have_missed(build: Build) -> None:
    """10 s of each phase: incidents in up to 26 % of the seconds would have left no trace in 1 run of 20."""
    missed = judge_run(build()).objectives[0].could_have_missed
    assert missed is not None
    assert (missed.clusters, missed.share) == (10, 0.2589)
    assert judge_run(build(refuse)).objectives[0].could_have_missed is None


def refuse(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every other good request of the fault phase is refused."""
    return [
        row | (DENIED if row["endpoint"] and not row.get("canary") and 110 <= row["due_at"] < 120 and n % 2 else {})
        for n, row in enumerate(rows)
    ]


def test_a_missed_objective_fails(build: Build) -> None:
    verdict = judge_run(build(refuse))
    assert verdict.verdict is Verdict.FAIL
    assert len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith("requests succeed in fault in fault: 50 % [")


def test_a_breach_fails_whatever_else_is_wrong(build: Build) -> None:
    """A wrongly accepted canary counts even in a run that was interrupted, late and unproven."""

    def accept(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        late = [row | {"sent_at": row["due_at"] + 1.0} for row in rows]
        late[-1] |= {"decision": "accept", "status": 200}
        return late

    verdict = judge_run(build(accept, status="interrupted", events=EVENTS[:1]))
    assert verdict.verdict is Verdict.FAIL
    assert verdict.reasons[0].startswith("no bad token: 1 of 12 bad tokens were accepted")
    assert "the run was not completed: interrupted" in verdict.reasons


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"status": "interrupted"}, "the run was not completed: interrupted"),
        ({"status": "unfinished"}, "the run was not completed: unfinished"),
        ({"damage": ("journal.jsonl line 3 is damaged",)}, "journal.jsonl line 3 is damaged"),
        ({"counts": {}}, "counts do not reconcile: no counts were recorded"),
        (
            {"events": [*EVENTS[:3], *EVENTS[4:]]},
            "fault down: not proved: the control plane was not asked while it was in force",
        ),
        (
            {"events": [*EVENTS[:5], proof("during", "target", 119.9, ok=False), *EVENTS[6:]]},
            "fault down: not proved: the target itself did not show it",
        ),
        ({"windows": {"baseline": (100, 110), "fault": (110, 120)}}, "phases that never began: recovery"),
    ],
)
def test_what_withholds_pass(build: Build, parts: dict[str, Any], said: str) -> None:
    verdict = judge_run(build(**parts))
    assert verdict.verdict is Verdict.INCONCLUSIVE
    assert any(reason.startswith(said) for reason in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    ("status", "message", "told"),
    [("failed", "gateway-1 died", "failed: gateway-1 died"), ("interrupted", "interrupted", "interrupted")],
)
def test_the_error_that_ended_a_run_is_told_and_nothing_twice(
    build: Build, status: str, message: str, told: str
) -> None:
    events = [*EVENTS, {"at": 121.0, "event": "error", "code": "target_failed", "message": message}]
    assert judge_run(build(status=status, events=events)).reasons[0] == f"the run was not completed: {told}"


def late(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every request of the fault phase was sent 300 ms late."""
    return [row | {"sent_at": row["due_at"] + 0.3 * (110 <= row["due_at"] < 120)} for row in rows]


def test_a_late_generator_withholds_pass_and_fail_of_that_phase(build: Build) -> None:
    def lost(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | (LOST if row.get("error_code") == DENIED["error_code"] else {}) for row in refuse(rows)]

    passing, failing = judge_run(build(late)), judge_run(build(lambda rows: late(lost(rows))))
    for verdict, withheld in ((passing, "PASS"), (failing, "FAIL")):
        assert verdict.verdict is Verdict.INCONCLUSIVE
        in_fault, in_recovery = verdict.objectives
        assert in_fault.reason.startswith(
            f"requests succeed in fault in fault: {withheld} withheld: the load generator was late (p99 300.0 ms"
        )
        assert in_recovery.verdict is Verdict.PASS
        assert [each.healthy for each in verdict.generator] == [True, False, True]


def test_explicit_refusals_fail_however_late_they_were_asked_for(build: Build) -> None:
    in_fault, _ = judge_run(build(lambda rows: late(refuse(rows)))).objectives
    assert in_fault.verdict is Verdict.FAIL


def test_an_unsteady_baseline_withholds_pass(build: Build) -> None:
    verdict = judge_run(
        build(lambda rows: [row | (DENIED if row["due_at"] < 104 and n % 9 == 0 else {}) for n, row in enumerate(rows)])
    )
    assert verdict.verdict is Verdict.INCONCLUSIVE
    assert "the baseline is not steady" in verdict.reasons[0]


def test_what_follows_an_unsteady_baseline_is_not_the_faults_doing(build: Build) -> None:
    """Half of the good requests are refused in the fault, and some were before: who can say what it did?"""

    def worse(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | (DENIED if row["due_at"] < 110 and n % 6 == 0 else {}) for n, row in enumerate(refuse(rows))]

    in_baseline = success(PhaseName.BASELINE)
    verdict = judge_run(build(worse, objectives=(success(), in_baseline)))
    assert verdict.verdict is Verdict.FAIL  # of the baseline itself
    in_fault, before = verdict.objectives
    assert in_fault.verdict is Verdict.INCONCLUSIVE
    assert "FAIL withheld: the baseline is not steady: only" in in_fault.reason
    assert before.verdict is Verdict.FAIL


def test_a_plan_without_anything_to_judge_is_inconclusive(build: Build, make_plan: MakePlan) -> None:
    verdict = judge_run(build(plan=make_plan()))
    assert verdict.verdict is Verdict.INCONCLUSIVE
    assert verdict.reasons == ("nothing was judged: the plan has neither objectives nor invariants",)


def test_an_unknown_sli_is_no_crash_and_no_pass(build: Build) -> None:
    unknown = Objective(name="x", sli="happiness", phase=PhaseName.FAULT, bound=Bound(op=">=", limit=0.5))
    verdict = judge_run(build(objectives=(unknown,)))
    assert verdict.objectives[0].verdict is Verdict.INCONCLUSIVE
    assert "SLI 'happiness' is unknown" in verdict.reasons[0]


def test_a_run_without_any_record_is_inconclusive(make_record: Make, make_plan: MakePlan) -> None:
    verdict = judge_run(make_record(plan=make_plan((success(),)), windows={}, status="unfinished"))
    assert verdict.verdict is Verdict.INCONCLUSIVE
    assert json.loads(verdict.to_json())["started_at"] is None


# --- the document


def test_the_document_says_the_same_every_time(build: Build) -> None:
    record = build(refuse)
    assert judge_run(record).to_json() == judge_run(record).to_json()


def test_the_order_of_samples_changes_nothing(build: Build) -> None:
    record = build(refuse)
    before = judge_run(record).to_json()
    object.__setattr__(record, "samples", record.samples.sample(frac=1, random_state=3).reset_index(drop=True))
    assert isinstance(record.samples, pd.DataFrame)
    assert judge_run(record).to_json() == before


def test_the_document_is_plain_json_and_reads_back(build: Build) -> None:
    verdict = judge_run(build())
    text = verdict.to_json()
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(document)[:7] == ["schema", "scenario", "variant", "profile", "seed", "verdict", "reasons"]
    assert RunVerdict.model_validate_json(text) == verdict
    objective = document["objectives"][0]
    assert objective["bound"] == ">= 0.98"
    assert objective["interval"][0] < objective["value"] == 1.0
    assert document["run_dir"] == "reports/by_hand/run"


def test_what_is_not_finite_is_null_with_a_note(build: Build) -> None:
    wanted = Objective(
        name="lag", sli="refusal_window", phase=PhaseName.FAULT, bound=Bound(op="<=", limit=30, unit="s")
    )

    def never_again(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | (DENIED if row["due_at"] >= 111 and not row.get("canary") else {}) for row in rows]

    lag = json.loads(judge_run(build(never_again, objectives=(wanted,))).to_json())["objectives"][0]
    assert lag["value"] is None
    assert lag["interval"][1] is None
    assert lag["interval"][0] > 8
    assert "did not let good tokens in at the end" in lag["note"]
    assert lag["verdict"] == "INCONCLUSIVE"


def test_numbers_are_rounded_so_that_every_machine_writes_the_same() -> None:
    assert number(1 / 3) == 0.333333
    assert number(-1e-12) == 0.0
    assert str(number(-1e-12)) == "0.0"
    assert number(float("nan")) is number(float("inf")) is number(None) is None


# --- what no plan needs to ask for

WITHDRAWN = {"at": 112.0, "event": "key_withdrawn", "kid": "old", "allowed_lag_s": 2.0}


def sessions_of_a_withdrawn_key(refused_from: float) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """Every fifth request still carries the old key; what is right from 114 s on is to refuse it."""

    def spoil(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        mixed = [row if row.get("canary") or n % 5 == 0 else row | {"kid": "new"} for n, row in enumerate(rows)]
        old = [row.get("kid") == "old" and row["due_at"] >= 112.0 for row in mixed]
        return [
            row
            | ({"expected": "deny" if row["due_at"] > 114.0 else "either"} if was else {})
            | (DENIED if was and row["due_at"] >= refused_from else {})
            for row, was in zip(mixed, old, strict=True)
        ]

    return spoil


def test_a_session_let_in_with_a_withdrawn_key_is_a_breach(build: Build) -> None:
    """No canary is involved, and no objective speaks of it."""
    verdict = judge_run(build(sessions_of_a_withdrawn_key(116.0), events=[*EVENTS, WITHDRAWN]))
    assert verdict.verdict is Verdict.FAIL
    (held,) = [each for each in verdict.invariants if each.name == "withdrawn_keys_refused"]
    assert held.breaches == 7
    assert held.evidence[0]["kid"] == "old"
    assert "of old in fault by gateway" in held.reason


def test_a_withdrawn_key_that_is_refused_in_time_passes(build: Build) -> None:
    verdict = judge_run(build(sessions_of_a_withdrawn_key(113.0), events=[*EVENTS, WITHDRAWN]))
    assert verdict.verdict is Verdict.PASS, verdict.reasons
    assert verdict.invariants[-1].name == "withdrawn_keys_refused"


def test_a_withdrawn_key_that_nobody_presented_again_shows_nothing(build: Build) -> None:
    verdict = judge_run(build(events=[*EVENTS, WITHDRAWN | {"kid": "other"}]))
    assert verdict.verdict is Verdict.INCONCLUSIVE
    assert "nobody said yes or no to a token of other" in verdict.reasons[0]


def test_who_was_not_shown_a_withdrawn_key_is_named(build: Build) -> None:
    def at_one(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            row | {"replica": "gateway-2" if n % 3 and row.get("kid") != "old" else "gateway-1"}
            for n, row in enumerate(sessions_of_a_withdrawn_key(113.0)(rows))
        ]

    told = judge_run(build(at_one, events=[*EVENTS, WITHDRAWN])).left_out
    assert [each.why for each in told if each.name == "withdrawn_keys_refused"] == [
        "nobody was asked about old at gateway-2"
    ]


def test_what_no_invariant_watches_is_a_breach_all_the_same(build: Build) -> None:
    def accept(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [*rows, rows[-1] | {"canary": "tampered", "kid": "k", "decision": "accept", "status": 200}]

    verdict = judge_run(build(accept))
    assert verdict.verdict is Verdict.FAIL
    assert verdict.reasons[0].startswith("bad_tokens_refused: 1 of 1 requests were accepted, first tampered")


def test_the_fault_is_set_against_the_baseline(build: Build) -> None:
    def spoil(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Half of the requests of the fault are refused."""
        return [row | (DENIED if 110 <= row["due_at"] < 120 and n % 2 else {}) for n, row in enumerate(rows)]

    verdict = judge_run(build(spoil))
    changes = {(row.sli, row.phase): row for row in verdict.changes}
    fallen = changes["success_rate_change{flow=api}", "fault"]
    assert fallen.value == pytest.approx(-0.5, abs=0.01)
    assert fallen.interval[1] is not None
    assert fallen.interval[1] < 0
    unchanged = changes["success_rate_change{flow=api}", "recovery"]
    assert unchanged.interval[0] is not None
    assert unchanged.interval[0] < 0
