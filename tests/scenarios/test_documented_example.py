"""The example of docs/write-a-scenario.md is a scenario like any other."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from idchaos.errors import UsageError
from idchaos.run.scenario import Scenario
from idchaos.verdict import sli

PAGE = Path(__file__).parents[2] / "docs" / "write-a-scenario.md"


@pytest.fixture(name="scenario")
def _scenario() -> Scenario[Any]:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    module = ModuleType("documented")
    exec(compile(source, str(PAGE), "exec", dont_inherit=True), module.__dict__)
    found: Scenario[Any] = module.__dict__["SCENARIO"]
    return found


def test_the_documented_scenario_designs_an_experiment(scenario: Scenario[Any]) -> None:
    experiment = scenario.design(scenario.fill("quick", {"fault.duration_s": 9}))
    assert [phase.duration_s for phase in experiment.plan.phases][2] == 9
    assert experiment.faults


def test_its_objectives_name_slis_that_exist(scenario: Scenario[Any]) -> None:
    for objective in scenario.design(scenario.fill("quick")).plan.objectives:
        sli.parse(objective.sli)


def test_its_settings_are_checked(scenario: Scenario[Any]) -> None:
    with pytest.raises(UsageError, match=r"fault\.duration_s"):
        scenario.fill("quick", {"fault.duration_s": 0})
