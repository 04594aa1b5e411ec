"""Faults from the command line: beside a scenario's own, in its fault phase, each to be proved by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from idchaos.commands.cli import cli
from idchaos.errors import UsageError
from idchaos.experiment import PhaseName
from idchaos.run.launch import Prepared, Request, manifest, prepare
from idchaos.run.scenarios import all_scenarios
from idchaos.topologies import TOPOLOGIES


def prepared(*faults: str, scenario: str = "idp_brownout", **more: Any) -> Prepared:
    return prepare(Request(scenario=scenario, faults=faults, seed=1, **more))


def test_faults_are_added_to_those_of_the_scenario() -> None:
    found = prepared("slow:latency_s=0.5", "clock:component=gateway-1,offset_s=2").experiment
    assert [fault.title for fault in found.faults[PhaseName.FAULT]] == [
        "503 for 30% from the IdP's authorize, login, token endpoints",
        "slow 0.5 s on gateway-to-idp, service-to-idp",
        "gateway-1's clock +2 s",
    ]
    assert found.plan.variant == "errors+slow+clock"


def test_a_scenario_without_a_fault_of_its_own_takes_one_as_well() -> None:
    found = prepared("slow", scenario="token_replay").experiment
    assert [fault.title for fault in found.faults[PhaseName.FAULT]] == ["slow 3 s on gateway-to-idp, service-to-idp"]


def test_what_must_be_refused_is_so_by_the_wrong_clock_too() -> None:
    plain, skewed = prepared(), prepared("clock:component=gateway-1,offset_s=-30")
    before, after = (each.experiment.plan.load.canaries for each in (plain, skewed))
    assert before is not None
    assert after is not None
    assert after.clock_margin_s == before.clock_margin_s + 30
    assert after.ahead_s == before.ahead_s + 30
    assert before.expired_after_s is not None
    assert after.expired_after_s == before.expired_after_s + 30


def test_the_manifest_says_what_was_added_and_the_run_can_be_repeated() -> None:
    given = prepared("slow:link=service-to-idp", "pause:component=gateway-2", scenario="audience_confusion")
    target: Any = SimpleNamespace(name="local", graph=SimpleNamespace(model_dump=lambda **_: {}))
    written = manifest(given, target)
    assert written["added_faults"] == ["slow:link=service-to-idp", "pause:component=gateway-2"]
    assert [fault["name"] for fault in written["faults"]] == [
        "slow 3 s on service-to-idp",
        "pause gateway-2",
    ]
    assert "--fault slow:link=service-to-idp --fault pause:component=gateway-2" in written["repeat"]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_no_scenario_has_faults_that_hide_each_other(topology: str) -> None:
    for scenario in all_scenarios().values():
        if not scenario.why_not_on(topology):
            for overrides in scenario.variants.values():
                assert prepared(scenario=scenario.name, topology=topology, overrides=overrides)


@pytest.mark.parametrize(
    ("scenario", "faults", "where"),
    [
        ("jwks_outage", ["black_hole"], "gateway-1-to-idp"),
        ("idp_brownout", ["idp_error:endpoint=token"], "idp's token"),
        ("idp_brownout", ["kill"], "idp"),
        ("idp_outage", ["restart:component=idp", "clock"], "idp's state"),
        ("jwks_outage", ["idp_error"], "gateway-1-to-idp"),
    ],
)
def test_faults_that_hide_each_other_are_refused_with_the_place_where_they_meet(
    scenario: str, faults: list[str], where: str
) -> None:
    with pytest.raises(UsageError, match=f"both are felt at {where}, so neither could be proved by itself"):
        prepared(*faults, scenario=scenario)


def test_faults_may_overlap_in_time_within_the_phase() -> None:
    found = prepared("refused:link=service-to-idp,after_s=4", "kill:component=gateway-2,after_s=8").experiment
    assert [fault.steps() for fault in found.faults[PhaseName.FAULT]] == [(0.0,), (4.0,), (8.0,)]
    with pytest.raises(UsageError, match="would begin 20 s into a phase of 12 s"):
        prepared("refused:link=service-to-idp,after_s=20")


def test_the_same_fault_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="there are two of it"):
        prepared("slow", "slow")


@pytest.mark.parametrize("command", [["run"], ["validate"], ["canary", "expired", "--in-fault", "--scenario"]])
def test_a_name_that_is_none_is_one_line_with_the_nearest_that_is(command: list[str]) -> None:
    told = CliRunner().invoke(cli, [*command, "jwks_outage", "--fault", "blackhole"], standalone_mode=False)
    assert isinstance(told.exception, UsageError)
    assert str(told.exception) == "--fault: fault 'blackhole' is unknown; did you mean black_hole?"
