"""The example of docs/write-a-scenario.md is a scenario like any other: it is decidable, passes, and can fail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from idchaos.commands.forecast import setup_of
from idchaos.errors import UsageError
from idchaos.experiment import Verdict
from idchaos.load.engine.job import Roles
from idchaos.load.flows.catalogue import flows_of
from idchaos.run.launch import Request, prepare
from idchaos.run.scenario import Scenario
from idchaos.run.scenarios import scenario_in
from idchaos.studies.batch import run_all
from idchaos.studies.single import run
from idchaos.targets.standin.local import local_layout
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.topology import endpoints
from idchaos.topologies import DEFAULT_TOPOLOGY, topology_named
from idchaos.verdict import sli
from idchaos.verdict.power import Decidable, foretell

PAGE = Path(__file__).parents[2] / "docs" / "write-a-scenario.md"


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "nightly_jobs.py"
    path.write_text(source)
    return path


@pytest.fixture(name="scenario")
def _scenario(path: Path) -> Scenario[Any]:
    return scenario_in(path)


def test_the_documented_scenario_designs_an_experiment(scenario: Scenario[Any]) -> None:
    experiment = scenario.design(scenario.fill("quick", {"fault.duration_s": 9}))
    assert [phase.duration_s for phase in experiment.plan.phases][2] == 9
    assert experiment.faults


@pytest.mark.parametrize("profile", ["quick", "ci", "gameday"])
def test_its_samples_will_do_in_every_profile(scenario: Scenario[Any], profile: str) -> None:
    settings = scenario.fill(profile)
    forecast = foretell(scenario.design(settings).plan, setup_of(settings, topology_named(DEFAULT_TOPOLOGY).graph))
    undecided = [each for each in (*forecast.objectives, *forecast.invariants) if each.decidable is not Decidable.YES]
    assert not undecided


def test_its_flow_is_found_again_in_its_file(scenario: Scenario[Any], path: Path) -> None:
    load = scenario.design(scenario.fill("quick", {"job.calls": 7})).plan.load
    graph = topology_named(DEFAULT_TOPOLOGY).graph
    found = endpoints(local_layout(graph), Credentials.generate(), graph)
    job = flows_of(load, found, Roles.of(found.clients))["job"]
    assert job.model_dump() == {"calls": 7}
    assert job.plan().module == str(path)


def test_its_objectives_name_slis_that_exist(scenario: Scenario[Any]) -> None:
    for objective in scenario.design(scenario.fill("quick")).plan.objectives:
        sli.parse(objective.sli)


def test_its_settings_are_checked(scenario: Scenario[Any]) -> None:
    with pytest.raises(UsageError, match=r"fault\.duration_s"):
        scenario.fill("quick", {"fault.duration_s": 0})


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("defects", "verdict", "failed"),
    [((), Verdict.PASS, set()), (("cache_wiped_on_failed_fetch",), Verdict.FAIL, {"jobs_get_through"})],
)
def test_it_passes_on_a_sound_system_and_fails_on_one_that_is_not(
    path: Path, tmp_path: Path, defects: tuple[str, ...], verdict: Verdict, failed: set[str]
) -> None:
    request = Request(scenario=str(path), overrides={"load.rate": 60}, defects=defects, reports=tmp_path / "reports")
    # Other tests share the machine: what is undecided by that is made again, as a user would.
    *_, last = run_all([prepare(request)], run, lambda _run, _error: False, retries=2)
    found = last.verdict
    assert found.verdict is verdict, found.reasons
    assert {each.name for each in found.objectives if each.verdict is Verdict.FAIL} >= failed
