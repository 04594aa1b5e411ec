"""What matters most, in words: what was let in, what users felt, and what to do about it."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from idchaos.experiment import Verdict
from idchaos.load.canaries.catalogue import invariants
from idchaos.record.record import RunRecord
from idchaos.report import advice, story
from idchaos.report.breaches import groups
from idchaos.report.steps import next_step, steps
from idchaos.report.strip import strip
from idchaos.report.summary import command_line, tried
from idchaos.verdict.felt import Felt, felt
from idchaos.verdict.invariants import IN_EVERY_RUN
from idchaos.verdict.series.series import series_of
from idchaos.verdict.sli import names
from idchaos.verdict.verdict import RunVerdict

DENIED = {"outcome": "wrongly_denied", "decision": "deny", "error_code": "kid_unknown", "status": 401}
OWN = (
    "idchaos run './my outage.py' --target local --profile ci --gateway standin --topology library --seed 7 "
    "--defect no_aud_check --fault slow:link=gateway-to-idp --set slo.strict_observation=true --set fault.mode=slow"
)
"""How a run was made, with all that the command for another one must have, too."""
Make = Callable[..., RunRecord]
Traffic = Callable[..., list[dict[str, Any]]]


def of(document: dict[str, Any], **changes: Any) -> RunVerdict:
    return RunVerdict.model_validate_json(json.dumps({**document, **changes}))


def test_what_users_felt_is_counted_by_when_where_and_why(make_record: Make, traffic: Traffic) -> None:
    rows = traffic(100, 130)
    bad = [row | DENIED for row in rows if 112 <= row["due_at"] < 114 and row["replica"] == "gateway-2"]
    kept = [row for row in rows if not (112 <= row["due_at"] < 114 and row["replica"] == "gateway-2")]
    found = felt(make_record([*kept, *bad]))
    assert (found.requests, found.failed, found.phase) == (600, 20, "fault")
    assert found.replicas == {"gateway-2": 20}
    assert (found.error, found.error_count, found.status) == ("kid_unknown", 20, 401)


def test_the_sentence_says_how_many_since_when_where_and_by_which_error(verdict_document: dict[str, Any]) -> None:
    told = Felt(
        requests=1000, failed=250, phase="fault", first_s=12.0, last_s=20.5, after_fault_s=1.5,
        replicas={"gateway-2": 200, "gateway-1": 50}, error="jwks_unavailable", error_count=250, status=503,
    )  # fmt: skip
    said = story.story(of(verdict_document, felt=told.model_dump()))
    assert said == (
        "250 of 1,000 good requests (25 %) went wrong: from 12.0 s to 20.5 s (in fault, 1.50 s after it began), "
        "80 % of them at gateway-2, all by jwks_unavailable (HTTP 503): validators had no usable key left and could "
        "not fetch any."
    )
    assert story.settings(told) == ("gateway.jwks_stale_s", "gateway.jwks_cache_s")


def test_where_nothing_failed_it_says_so_and_without_data_that_nobody_knows(verdict_document: dict[str, Any]) -> None:
    fine, none = (of(verdict_document, felt={"requests": count, "failed": 0}) for count in (10, 0))
    assert story.story(fine) == "Users felt nothing: all 10 good requests after the warm-up were served."
    assert "nobody knows" in story.story(none)


def test_of_a_run_that_ended_before_its_fault_it_does_not_say_that_users_felt_nothing(
    verdict_document: dict[str, Any],
) -> None:
    faults = [each | {"applied_at": None} for each in verdict_document["faults"]]
    said = story.story(of(verdict_document | {"faults": faults}, felt={"requests": 10, "failed": 0}))
    assert said == "No fault was made: the run ended before; all 10 good requests until then were served."


def breached(document: dict[str, Any]) -> RunVerdict:
    breach = {"at": 1.0, "status": 200, "canary": "expired", "phase": "fault", "replica": "gateway-1", "replay": "send"}
    row = document["invariants"][0] | {"verdict": "FAIL", "breaches": 3, "evidence": [breach]}
    return of(document, invariants=[row | {"name": "expired_tokens_refused"}])


def test_of_what_held_the_bad_tokens_are_told_and_the_rest_is_summed(verdict_document: dict[str, Any]) -> None:
    one = {**verdict_document["invariants"][0], "breaches": 0, "verdict": "PASS"}
    kinds = ["bad tokens accepted", "secrets found in logs", "answers of somebody else", "POSTs that were served twice"]
    rows = [{**one, "name": kind, "counted": kind, "attempts": 10} for kind in [*kinds, kinds[0], "wrong passwords"]]
    assert tried(of(verdict_document, invariants=rows)) == [
        "0 of 20 bad tokens accepted",
        "0 of 40 other things that must never be, of 4 kinds",
    ]
    rows[2]["breaches"] = 3
    assert tried(of(verdict_document, invariants=rows))[2] == "3 of 10 answers of somebody else"


def test_what_was_let_in_comes_first(verdict_document: dict[str, Any]) -> None:
    assert story.story(breached(verdict_document)).startswith(
        "3 bad tokens were accepted (expired), by gateway-1, first in fault."
    )


def test_after_a_breach_comes_how_it_is_mended_and_the_command_that_sends_it_again(
    record: RunRecord, verdict_document: dict[str, Any]
) -> None:
    found = steps(record, breached(verdict_document))
    assert found[0].text.startswith(advice.of_invariant("expired_tokens_refused"))
    assert (found[0].command, found[0].page) == ("send", "docs/canaries.md#expired")
    assert next_step(breached(verdict_document), OWN) == "send"


@pytest.mark.parametrize(
    ("verdict", "last"),
    [
        (Verdict.PASS, "idchaos run jwks_outage .*--repeat 5"),
        (Verdict.FAIL, "idchaos run jwks_outage .*--seed 42"),
        (Verdict.INCONCLUSIVE, "idchaos validate jwks_outage .*"),
    ],
)
def test_whatever_the_verdict_the_last_thing_to_do_is_a_command(
    record: RunRecord, verdict_document: dict[str, Any], verdict: Verdict, last: str
) -> None:
    found = steps(record, of(verdict_document, verdict=verdict.value))
    assert re.fullmatch(last, found[-1].command)
    assert all(each.text for each in found)


def test_of_a_fail_of_which_nothing_is_known_the_run_is_made_again(
    record: RunRecord, verdict_document: dict[str, Any]
) -> None:
    found = steps(record, of(verdict_document, verdict="FAIL", objectives=[], invariants=[]))
    assert [each.command for each in found] == [command_line(record)]


def test_a_setting_that_bears_on_the_error_is_named_with_its_value(
    record: RunRecord, verdict_document: dict[str, Any]
) -> None:
    told = {"requests": 10, "failed": 5, "phase": "fault", "error": "jwks_unavailable", "error_count": 5}
    found = steps(record, of(verdict_document, felt=told))
    assert "gateway.jwks_stale_s = 0 (changed)" in found[0].text


def test_breaches_are_put_together_by_kind_replica_and_route(
    make_record: Make, verdict_document: dict[str, Any]
) -> None:
    sent = {"flow": "canary", "canary": "expired", "expected": "deny", "replica": "gateway-1", "status": 200}
    accepted = {"decision": "accept", "outcome": "wrongly_accepted"}
    rows = [{**sent, **accepted, "due_at": 111.0 + number, "endpoint": f"/orders/{number}"} for number in range(3)]
    refused = {**sent, "decision": "deny", "outcome": "denied", "due_at": 112.5, "endpoint": "/orders/9"}
    record = make_record([*rows, refused])
    (group,) = groups(record, series_of(record), breached(verdict_document).invariants[0])
    assert (group.what, group.replica, group.route) == ("expired", "gateway-1", "/orders/…")
    assert (group.count, group.of, group.replay) == (3, 4, "send")


def test_the_strip_shows_phases_faults_and_failures(record: RunRecord) -> None:
    drawn = strip(series_of(record))
    assert drawn is not None
    assert [each.name for each in drawn.phases] == ["warmup", "baseline", "fault", "recovery"]
    assert sum(each.width for each in drawn.phases) == pytest.approx(100)
    assert drawn.bars
    assert all(0 < each.height <= 100 for each in drawn.bars)
    nothing = dataclasses.replace(record, samples=record.samples.iloc[:0])
    assert strip(series_of(nothing)) is None


def test_how_an_invariant_is_mended_is_said_of_those_that_there_are() -> None:
    assert set(advice.texts()["invariants"]) == {*invariants(), *IN_EVERY_RUN}
    assert advice.of_invariant("one_of_tomorrow") == ""


def test_what_is_said_by_sli_is_said_of_some() -> None:
    assert [start for start in advice.texts()["slis"] if not any(name.startswith(start) for name in names())] == []
    assert advice.of_sli("revocation_lag_p95{format=jwt}").startswith("Shorten the cache")


@pytest.fixture(name="made_by")
def _made_by(record: RunRecord) -> RunRecord:
    """A run that ``OWN`` made."""
    manifest = type(record.manifest).model_validate(record.manifest.model_dump() | {"repeat": OWN})
    return dataclasses.replace(record, manifest=manifest)


def printed(run: RunRecord, verdict: RunVerdict) -> list[str]:
    """Every command to go on with that a report and a terminal print of a run, but for replays and clean-ups."""
    found = [step.command for step in steps(run, verdict)] + [next_step(verdict, OWN)]
    return [command.removesuffix(" says what it takes to decide") for command in found if "idchaos" in command]


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        (["too few"], "completed"),
        (["PASS withheld: the load generator was late"], "completed"),
        (["the run was not completed"], "aborted"),
    ],
)
def test_every_command_that_is_printed_asks_for_what_the_run_asked_for(
    made_by: RunRecord, verdict_document: dict[str, Any], verdict: Verdict, reasons: list[str], status: str
) -> None:
    proved = [each | {"effect_proved": True} for each in verdict_document["faults"]]
    changed = {"verdict": verdict.value, "reasons": reasons, "status": status, "faults": proved}
    commands = printed(made_by, of(verdict_document, **changed))
    assert commands
    for command in commands:
        name, *words = shlex.split(command)[1:]
        asked = import_module(f"idchaos.commands.{name}").command.make_context(name, words).params
        assert asked["scenarios"] == ("./my outage.py",), command
        assert (asked["profile"], asked["topology"], asked["gateway"]) == ("ci", "library", "standin"), command
        assert asked["faults"] == ("slow:link=gateway-to-idp",), command
        assert {"slo.strict_observation=true", "fault.mode=slow"} <= set(asked["assignments"]), command


def test_more_runs_have_seeds_of_their_own_and_a_plan_has_none(
    made_by: RunRecord, verdict_document: dict[str, Any]
) -> None:
    (more,) = printed(made_by, of(verdict_document, verdict="PASS", reasons=[]))
    proved = [each | {"effect_proved": True} for each in verdict_document["faults"]]
    _, plan = printed(made_by, of(verdict_document, verdict="INCONCLUSIVE", reasons=["few"], faults=proved))
    assert more.endswith("--set fault.mode=slow --repeat 5")
    assert "--defect no_aud_check" in more
    assert plan.startswith("idchaos validate './my outage.py' --profile ci")
    assert "--seed" not in more + plan
    assert "--defect" not in plan  # what is planned does not hang on it, and validate has no such option


def test_a_machine_that_was_too_busy_is_said_to_be(record: RunRecord, verdict_document: dict[str, Any]) -> None:
    late = of(
        verdict_document,
        verdict="INCONCLUSIVE",
        reasons=["served in fault: PASS withheld: the load generator was late"],
    )
    assert "too busy" in steps(record, late)[0].text
    assert steps(record, late)[0].command.endswith("--set load.rate=125")


def test_a_run_that_a_busy_machine_ended_is_not_to_be_mended(
    record: RunRecord, verdict_document: dict[str, Any]
) -> None:
    reasons = ["the run was not completed: aborted: baseline: the load generator is 52 ms behind its schedule"]
    ended = of(verdict_document, verdict="INCONCLUSIVE", status="aborted", reasons=reasons)
    assert "too busy" in steps(record, ended)[0].text
    assert "too busy" in next_step(ended, OWN)
