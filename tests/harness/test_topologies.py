"""Topologies: where it is decided whether a token is good, what scenarios need of that, and what is told of it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from idchaos.commands import cli
from idchaos.commands import run as run_command
from idchaos.commands.forecast import setup_of
from idchaos.errors import UsageError
from idchaos.fixtures.gateway.settings import GatewaySettings
from idchaos.fixtures.service.settings import ServiceSettings
from idchaos.load.engine.job import Roles
from idchaos.load.flows.catalogue import flows_of
from idchaos.run.launch import Prepared, Request, make_target, manifest, prepare
from idchaos.run.scenarios import all_scenarios, scenario_named
from idchaos.settings import CommonSettings
from idchaos.targets.standin.local import local_layout
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.topology import endpoints, settings_documents
from idchaos.topologies import GATEWAYS, SERVICES, TOPOLOGIES, Need, Topology, topology_named
from idchaos.verdict import power as feasibility
from idchaos.verdict.power import Decidable

EVERY = pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
# What the default topology can decide is tested where ``validate`` is.
RUNS = [
    (name, topology, profile)
    for (name, scenario), topology, profile in product(
        all_scenarios().items(), ("library", "introspection", "edge"), ("quick", "ci")
    )
    if not scenario.why_not_on(topology)
]


def documents(topology: Topology) -> dict[str, dict[str, Any]]:
    return settings_documents(
        local_layout(topology.graph), CommonSettings(topology=topology.name), Credentials.generate(), {}
    )


def told_of(request: Request) -> dict[str, Any]:
    prepared = prepare(request)
    return manifest(prepared, make_target("local", prepared.settings, "of-no-run")[0])


@EVERY
def test_those_decide_that_the_topology_names_and_nobody_else(topology: Topology) -> None:
    told = documents(topology)
    assert tuple(name for name in (*GATEWAYS, *SERVICES) if told[name].get("decides")) == topology.deciders
    again = tuple(name for name in SERVICES if told[name].get("validates") and not told[name]["decides"])
    assert {*topology.deciders, *again} >= set(topology.validators)


@EVERY
def test_every_part_understands_its_settings(topology: Topology) -> None:
    told = documents(topology)
    assert all(GatewaySettings.model_validate(told[name]) for name in GATEWAYS)
    assert all(ServiceSettings.model_validate(told[name]) for name in SERVICES)


@EVERY
def test_who_decides_asks_the_idp_over_links_of_the_topology(
    topology: Topology,
) -> None:
    graph = topology.graph
    used = [link for group in graph.links_to_idp for link in graph.links_of(group)]
    asking = {component for link in used for component, upstream in graph.probers[link] if upstream == graph.idp}
    assert asking == {*graph.validators_of_tokens, *graph.keepers_of_keys} == set(graph.validators)


@EVERY
def test_the_idp_issues_tokens_of_the_formats_of_the_topology(topology: Topology) -> None:
    found = endpoints(local_layout(topology.graph), Credentials.generate(), topology.graph).clients
    assert {client.token_format for client in found} == set(topology.formats)
    assert {client.token_format for client in Roles.of(found).sessions} == {topology.everyday_format}


def test_where_there_are_no_jwts_nobody_is_asked_for_keys_or_revocations() -> None:
    told = documents(topology_named("introspection"))
    assert {told[name]["introspects"] for name in GATEWAYS} == {"every"}
    assert {documents(topology_named("gateway"))[name]["introspects"] for name in GATEWAYS} == {"opaque"}


def test_a_scenario_that_needs_what_a_topology_has_not_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="jwks_outage needs validators that keep the IdP's keys, which the topology"):
        prepare(Request("jwks_outage", topology="introspection"))
    assert scenario_named("cold_start").why_not_on("library").startswith("cold_start needs two replicas")
    assert scenario_named("cold_start").needs == (Need.REPLICAS,)


@pytest.mark.parametrize("name", all_scenarios())
def test_the_default_topology_has_what_every_scenario_needs(name: str) -> None:
    assert not scenario_named(name).why_not_on("gateway")


@pytest.mark.parametrize(("name", "topology", "profile"), RUNS)
def test_where_a_scenario_can_be_run_it_can_be_decided_and_the_load_be_made(
    name: str, topology: str, profile: str
) -> None:
    prepared = prepare(Request(name, topology=topology, profile=profile))
    plan = prepared.experiment.plan
    forecast = feasibility.foretell(plan, setup_of(prepared.settings, prepared.graph))
    undecided = [row for row in (*forecast.objectives, *forecast.invariants) if row.decidable is not Decidable.YES]
    assert not undecided
    graph = topology_named(topology).graph
    found = endpoints(local_layout(graph), Credentials.generate(), graph)
    flows_of(plan.load, found, Roles.of(found.clients))


def suited(names: Iterable[str], topology: str) -> tuple[list[Prepared], dict[str, str]]:
    return run_command.suited(names, lambda name: prepare(Request(name, topology=topology)))


def test_of_all_scenarios_those_that_cannot_be_run_are_skipped_and_named() -> None:
    every = run_command.chosen((), every=True)
    assert set(every) == set(all_scenarios())
    prepared, skipped = suited(every, "introspection")
    assert {*(each.scenario.name for each in prepared), *skipped} == set(every)
    assert len(prepared) + len(skipped) == len(every)
    assert all(why.startswith(f"--topology: {name} needs ") for name, why in skipped.items())
    assert suited(["jwks_outage"], "gateway")[1] == {}


def test_nothing_to_run_is_no_pass() -> None:
    with pytest.raises(UsageError, match="no scenario can be run here: --topology: jwks_outage needs"):
        suited(["jwks_outage"], "introspection")


def test_a_topology_is_in_the_manifest_and_in_the_command_that_repeats_the_run() -> None:
    told = told_of(Request("jwks_outage", topology="library", seed=7))
    assert (told["topology"], told["settings"]["topology"]) == ("library", "library")
    words = shlex.split(told["repeat"])
    assert words[words.index("--topology") + 1] == "library"
    assert "--topology" not in told_of(Request("jwks_outage", seed=7))["repeat"]
    assert "topology" not in told["changed_settings"]


def test_it_is_no_setting() -> None:
    with pytest.raises(UsageError, match="'topology' is unknown"):
        prepare(Request("jwks_outage", overrides={"topology": "library"}))


ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "topologies.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", all_scenarios())
def test_the_page_says_which_scenario_runs_where(name: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
    assert [cell == "✓" for cell in cells] == [not scenario_named(name).why_not_on(each) for each in TOPOLOGIES]


def test_as_a_test_such_a_scenario_is_skipped_and_says_why() -> None:
    words = ("scenarios/jwks_outage.py", "--topology", "introspection", "-rs", "-p", "no:cacheprovider")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0
    assert "1 skipped" in ended.stdout
    assert "jwks_outage needs validators that keep the IdP's keys" in ended.stdout


def test_the_list_says_where_a_scenario_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["list", "--json"])
    assert ended.value.code == 0
    found = {each["name"]: each["topologies"] for each in json.loads(capsys.readouterr().out)}
    assert found["audience_confusion"] == list(TOPOLOGIES)
    assert found["cold_start"] == ["gateway", "edge"]
    assert found["introspection_brownout"] == ["gateway", "library", "introspection"]
