"""Scenarios are found where users have theirs, and what is wrong with one is one line that names the place."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from idchaos.errors import UsageError
from idchaos.run import scenarios
from idchaos.run.launch import Request, prepare
from idchaos.run.scenarios import find_scenarios, handle, scenario_in, scenario_named

OURS = (Path(__file__).parents[3] / "scenarios" / "jwks_outage.py").read_text()


@pytest.fixture(name="own")
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of scenarios, in the folder where the user stands."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scenarios"
    folder.mkdir()
    return folder


def write(path: Path, name: str) -> Path:
    path.write_text(OURS.replace('name="jwks_outage"', f'name="{name}"'))
    return path


def test_own_scenarios_stand_beside_ours(own: Path) -> None:
    write(own / "mine.py", "mine")
    found = find_scenarios()
    assert found.problems == ()
    assert {"mine", "jwks_outage"} <= found.scenarios.keys()
    assert list(found.scenarios) == sorted(found.scenarios)
    assert scenario_named("mine").name == "mine"


@pytest.mark.parametrize(
    "written", ["SCENARIO: Scenario[Settings] =", "SCENARIO : Final =", "SCENARIO=", "SCENARIO   ="]
)
def test_however_its_assignment_is_written_a_scenario_is_found(own: Path, written: str) -> None:
    mine = write(own / "mine.py", "mine")
    mine.write_text(mine.read_text().replace("\nSCENARIO =", f"\n{written}"))
    assert scenario_named("mine").name == "mine"


@pytest.mark.parametrize(
    "text", ["SCENARIOS = []\n", "if SCENARIO == 1: pass\n", "    SCENARIO = 1\n", "SCENARIO == 1\n"]
)
def test_what_only_looks_like_one_is_none(own: Path, text: str) -> None:
    (own / "mine.py").write_text(text)
    assert find_scenarios().problems == ()


def test_a_file_is_named_by_its_path(own: Path) -> None:
    write(own.parent / "elsewhere.py", "elsewhere")
    assert scenario_named("./elsewhere.py").name == "elsewhere"
    assert "elsewhere" not in find_scenarios().scenarios


def test_other_packages_offer_theirs_by_entry_points(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(own.parent / "others_scenarios.py", "others")
    monkeypatch.syspath_prepend(str(own.parent))
    offered = [
        EntryPoint("others", "others_scenarios:SCENARIO", scenarios.PACKAGE),
        EntryPoint("gone", "no_such_module:SCENARIO", scenarios.PACKAGE),
    ]
    monkeypatch.setattr(scenarios, "entry_points", lambda group: offered if group == scenarios.PACKAGE else [])
    found = find_scenarios()
    assert found.scenarios["others"].name == "others"
    assert found.problems == (
        "entry point gone = no_such_module:SCENARIO: ModuleNotFoundError: No module named 'no_such_module'",
    )


def test_a_name_that_is_taken_is_told_with_both_places_and_ours_stays(own: Path) -> None:
    write(own / "copy.py", "jwks_outage")
    found = find_scenarios()
    (problem,) = found.problems
    assert problem.startswith("scenarios/copy.py: a scenario 'jwks_outage' is in ")
    assert "scenarios/jwks_outage.py already" in problem
    assert found.scenarios["jwks_outage"].summary == scenario_named("jwks_outage").summary


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\nSCENARIO = y\n", "scenarios/mine.py:2: NameError: name 'y' is not defined"),
        ("\nSCENARIO = (\n", "scenarios/mine.py:2: SyntaxError: '(' was never closed"),
        ("\nSCENARIO = 3\n", "scenarios/mine.py: SCENARIO should be a Scenario, and is int"),
        ("import gone\nSCENARIO = 1\n", "scenarios/mine.py:1: ModuleNotFoundError: No module named 'gone'"),
    ],
)
def test_what_is_broken_is_one_line_with_its_place_and_the_others_are_found(own: Path, text: str, says: str) -> None:
    (own / "mine.py").write_text(text)
    found = find_scenarios()
    (problem,) = found.problems
    assert problem.startswith(says)
    assert "jwks_outage" in found.scenarios
    with pytest.raises(UsageError, match=r"mine\.py"):
        scenarios.all_scenarios()
    with pytest.raises(UsageError, match=r"mine\.py"):
        scenario_named("mine")


def test_what_else_is_in_the_folder_is_let_alone(own: Path) -> None:
    (own / "__init__.py").write_text("raise SystemExit")
    (own / "helpers.py").write_text("raise SystemExit")
    assert find_scenarios().problems == ()


def test_a_file_that_is_not_there_is_told(own: Path) -> None:
    with pytest.raises(UsageError, match=r"scenarios/gone\.py: there is no such file"):
        scenario_in(Path("scenarios/gone.py"))


def test_what_finds_a_scenario_again_from_here(own: Path) -> None:
    inside, outside = write(own / "mine.py", "mine"), write(own.parent / "other.py", "other")
    assert handle(scenario_in(inside), inside) == "mine"
    assert handle(scenario_in(outside), outside) == "./other.py"
    assert handle(scenario_named("jwks_outage"), Path("/somewhere/jwks_outage.py")) == "/somewhere/jwks_outage.py"


def test_a_design_that_fails_is_bad_input_at_a_line_of_its_file(own: Path) -> None:
    path = write(own / "mine.py", "mine")
    text = path.read_text()
    path.write_text(text.replace("spans = phases(settings, ", "spans = phases(settings, nothing=1, fault_s=", 1))
    line = next(number for number, each in enumerate(path.read_text().splitlines(), 1) if "nothing=" in each)
    with pytest.raises(UsageError, match=rf"^scenarios/mine\.py:{line}: TypeError: phases\(\) "):
        prepare(Request("mine"))


@pytest.mark.parametrize("overrides", [{}, {"phases.baseline_s": 9}], ids=["by itself", "whatever is set"])
def test_a_value_that_can_not_be_is_told_at_its_line_by_class_and_member(own: Path, overrides: dict[str, int]) -> None:
    path = write(own / "mine.py", "mine")
    lines = path.read_text().splitlines()
    line = next(number for number, each in enumerate(lines, 1) if "spans = phases(settings, " in each)
    wrong = "    wrong = type(settings.phases).model_validate({'baseline_s': -1})"
    path.write_text("\n".join([*lines[: line - 1], wrong, *lines[line - 1 :]]))
    with pytest.raises(UsageError) as found:
        prepare(Request("mine", overrides=overrides))
    assert (
        str(found.value) == f"scenarios/mine.py:{line}: PhaseSettings.baseline_s: should be greater than or equal to 2"
    )


def test_a_file_that_can_not_be_read_for_a_value_is_told_so_too(own: Path) -> None:
    (own / "mine.py").write_text(
        "from idchaos.experiment import Bound\n\nLIMIT = Bound(op='==', limit=1)\nSCENARIO = LIMIT\n"
    )
    (problem,) = find_scenarios().problems
    assert problem == "scenarios/mine.py:3: Bound.op: should be '>=' or '<='"
