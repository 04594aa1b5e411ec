"""A breach names the command that replays it, and that command sends the same canary to the same system."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idchaos.commands import canary
from idchaos.commands.cli import main
from idchaos.errors import UsageError
from idchaos.experiment import Canary, CanaryPlan, Invariant, PhaseName
from idchaos.load.canaries.catalogue import kind_named
from idchaos.record.record import Manifest, RunRecord
from idchaos.report.again import with_replays
from idchaos.run.launch import Request, prepare, repeat_command
from idchaos.undo.ledger import STATE_VARIABLE
from idchaos.verdict import invariants
from idchaos.verdict.verdict import judge_run

Make = Callable[..., RunRecord]
HELD = Invariant(name="expired_tokens_refused", canaries=(Canary.EXPIRED,))


def breach(make_record: Make, make_plan: Callable[..., Any], at: float, repeat: object) -> dict[str, Any]:
    accepted = {
        "due_at": at, "flow": "canary", "canary": "expired", "expected": "deny", "decision": "accept",
        "endpoint": "/orders/1", "replica": "gateway-2", "kid": "rs256-1", "jti": "one",
    }  # fmt: skip
    plan = make_plan(invariants=[HELD], canaries=CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=1))
    record = make_record([accepted], plan=plan)
    told = {**record.manifest.model_dump(by_alias=True), "repeat": repeat}
    object.__setattr__(record, "manifest", Manifest.model_validate(told))
    return dict(with_replays(record.manifest, judge_run(record)).invariants[0].evidence[0])


def test_a_breach_says_how_to_replay_it(make_record: Make, make_plan: Callable[..., Any]) -> None:
    overrides = {"gateway.leeway_s": 60, "fault.mode": "timeout"}
    repeat = repeat_command(prepare(Request(scenario="jwks_outage", profile="ci", overrides=overrides, seed=3)))
    assert breach(make_record, make_plan, 112.0, repeat)["replay"] == (
        "idchaos canary expired --scenario jwks_outage --target local --profile ci"
        " --set gateway.leeway_s=60 --set fault.mode=timeout --in-fault --replica gateway-2 --route /orders/1"
    )
    assert "--in-fault" not in breach(make_record, make_plan, 105.0, repeat)["replay"]


@pytest.mark.parametrize("repeat", [None, 3, "", "idchaos study ttl", "rm -rf ."])
def test_without_a_command_there_is_none_to_replay(
    make_record: Make, make_plan: Callable[..., Any], repeat: object
) -> None:
    assert "replay" not in breach(make_record, make_plan, 112.0, repeat)


def test_a_replay_is_the_same_system_with_nothing_but_that_canary() -> None:
    whole = prepare(Request(scenario="jwks_outage", overrides={"gateway.leeway_s": 60}))
    narrowed = canary.only(whole, Canary.EXPIRED, in_fault=True)
    (phase,) = narrowed.experiment.plan.phases
    assert (narrowed.settings, narrowed.experiment.faults) == (whole.settings, whole.experiment.faults)
    assert (phase.name, phase.duration_s) == (PhaseName.FAULT, 12)
    assert narrowed.experiment.plan.load.canaries is not None
    assert narrowed.experiment.plan.load.canaries.kinds == (Canary.EXPIRED,)
    assert not canary.only(whole, Canary.EXPIRED, in_fault=False).experiment.faults


def test_a_flood_goes_on_while_a_breach_of_it_is_replayed() -> None:
    whole = prepare(Request(scenario="junk_kid_flood"))
    flows = [stream.flow for stream in canary.only(whole, Canary.EXPIRED, in_fault=True).experiment.plan.load.streams]
    assert flows == ["canary", "junk"]
    flows = [stream.flow for stream in canary.only(whole, Canary.EXPIRED, in_fault=False).experiment.plan.load.streams]
    assert flows == ["canary"]


def test_a_flood_of_bad_tokens_is_no_attempt_of_the_canary_that_was_asked_about(make_record: Make) -> None:
    junk = {"due_at": 112.0, "flow": "junk", "canary": "unknown_kid", "expected": "deny", "decision": "deny"}
    sent = junk | {"flow": "canary", "canary": "expired"}
    samples = make_record([junk, sent, sent | {"sent_at": math.nan}]).samples
    assert list(canary.asked_about(samples, [Canary.EXPIRED])["canary"]) == ["expired"]
    assert canary.asked_about(samples, [Canary.UNKNOWN_KID]).empty


def test_a_breach_of_everyday_traffic_comes_again_with_the_run(make_record: Make) -> None:
    accepted = {"due_at": 112.0, "expected": "deny", "decision": "accept", "kid": "old", "replica": "gateway-2"}
    record = make_record([accepted])
    repeat = repeat_command(prepare(Request(scenario="key_rotation", topology="library", seed=3)))
    told = Manifest.model_validate({**record.manifest.model_dump(by_alias=True), "repeat": repeat})
    record = dataclasses.replace(record, manifest=told)
    found = with_replays(record.manifest, judge_run(record)).invariants[-1]
    assert (found.name, found.evidence[0]["replay"]) == (invariants.BAD_TOKENS, repeat)
    assert "--seed 3" in repeat


def test_an_unknown_canary_is_refused_with_the_nearest_that_there_is() -> None:
    with pytest.raises(UsageError, match="'expird' is unknown; did you mean expired"):
        kind_named("expird")


def test_decisions_are_counted_with_the_accepted_ones_first() -> None:
    refused = {
        "replica": "gateway-1",
        "endpoint": "/orders/1",
        "decision": "deny",
        "status": 401,
        "error_code": "kid_unknown",
    }
    accepted = refused | {"replica": "gateway-2", "decision": "accept", "status": 200, "error_code": ""}
    assert canary.table([refused, accepted, refused]) == [
        "times  replica    route      decision  status  reason",
        "1      gateway-2  /orders/1  accept    200     -",
        "2      gateway-1  /orders/1  deny      401     kid_unknown",
    ]


@pytest.mark.e2e
def test_a_canary_is_sent_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(shlex.split("canary alg_none --replica gateway-2 --route /orders/1 --json"))
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["accepted"]) == (0, 0)
    assert told["decided"] > 0
    assert {(row["replica"], row["route"], row["reason"]) for row in told["attempts"]} == {
        ("gateway-2", "/orders/1", "alg_not_allowed")
    }
