"""Scenarios as tests of pytest, beside whatever other plugins there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from idchaos.commands.pytest_plugin import long_names

ROOT = Path(__file__).parents[3]
OTHER = """
def pytest_addoption(parser):
    parser.getgroup("profiling").addoption("--profile", action="store_true", help="where time is spent")
"""
STUB = """
import time
from types import SimpleNamespace

import pytest
from idchaos.experiment import Verdict
from idchaos.studies import single

asked = []

def run(prepared, observer=None):
    print("asked for", prepared.request.profile, prepared.seed, prepared.request.scenario)
    time.sleep(0.05)
    reasons = ("objective api_success_fault: 0.91 is not >= 0.995", "and so on")
    clean = SimpleNamespace(problem="")
    asked.append(prepared)
    told = prepared.settings
    print("with", told.load.rate, told.slo.strict_observation, prepared.request.faults)
    coming = {verdict!r}.split()
    verdict = Verdict(coming[min(len(asked), len(coming)) - 1])
    return SimpleNamespace(verdict=verdict, reasons=reasons, run_dir="reports/x", cleanup=clean)

single.run = run
"""


def pytest_at(folder: Path, *words: str, columns: int = 80) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-rA", *words],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "COLUMNS": str(columns)},
    )  # fmt: skip


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    """A folder of a user with a scenario, and with runs that are over at once."""
    (tmp_path / "scenarios").mkdir()
    text = (ROOT / "scenarios" / "jwks_outage.py").read_text().replace('name="jwks_outage"', 'name="mine"')
    (tmp_path / "scenarios" / "mine.py").write_text(text)
    (tmp_path / "conftest.py").write_text(STUB.format(verdict="PASS"))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_short_options_are_ours_where_scenarios_are_named(place: Path) -> None:
    ended = pytest_at(place, "scenarios", "--profile", "ci", "--seed=7")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "asked for ci 7 mine" in ended.stdout


def test_a_file_outside_such_a_folder_is_run_when_it_is_named(place: Path) -> None:
    moved = (place / "scenarios" / "mine.py").rename(place / "mine.py")
    ended = pytest_at(place, f"{moved.name}", "--idchaos-seed", "7")
    assert "asked for quick 7 ./mine.py" in ended.stdout, ended.stdout + ended.stderr


def test_a_scenario_with_a_type_is_found(place: Path) -> None:
    mine = place / "scenarios" / "mine.py"
    mine.write_text(mine.read_text().replace("\nSCENARIO =", "\nSCENARIO: Scenario[Any] ="))
    ended = pytest_at(place, "scenarios")
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr


FOREIGN = 'SCENARIO = "a"\n\n\ndef test_theirs():\n    assert SCENARIO == "a"\n'


@pytest.mark.parametrize(("name", "come"), [("steps.py", 0), ("test_steps.py", 1)])
def test_files_of_other_projects_are_left_to_pytest(tmp_path: Path, name: str, come: int) -> None:
    """By their folder they are not even imported: what they do when they are is nothing that tests should do."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / name).write_text(FOREIGN)
    (tmp_path / "scenarios" / "tool.py").write_text('SCENARIO = "a"\nraise SystemExit(3)\n')
    (tmp_path / "test_beside.py").write_text("def test_nothing():\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ended = pytest_at(tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{come + 1} passed" in ended.stdout


@pytest.mark.parametrize("more", ["", '\nTOOL = "idchaos"\n'])
def test_a_file_that_is_named_and_has_something_else_called_so_has_its_own_tests_alone(
    tmp_path: Path, more: str
) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "theirs.py").write_text(FOREIGN + more)
    ended = pytest_at(tmp_path, "scenarios/theirs.py")
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr


def test_another_plugin_keeps_its_option_and_pytest_starts(place: Path) -> None:
    (place / "other.py").write_text(OTHER)
    (place / "test_mine.py").write_text("def test_nothing(pytestconfig):\n    assert pytestconfig.option.profile\n")
    beside = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "other", "-p", "no:cacheprovider", "test_mine.py", "--profile"],
        cwd=place, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "1 passed" in beside.stdout, beside.stdout + beside.stderr
    both = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "other", "-p", "no:cacheprovider", "-rA", "scenarios", "--profile",
         "--idchaos-profile", "ci"],
        cwd=place, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "asked for ci" in both.stdout, both.stdout + both.stderr


def test_without_scenarios_short_options_are_not_ours(place: Path) -> None:
    (place / "test_mine.py").write_text("def test_nothing():\n    pass\n")
    ended = pytest_at(place, "test_mine.py", "--profile=ci")
    assert ended.returncode == 4
    assert "unrecognized arguments: --profile=ci" in ended.stderr


def test_a_limit_for_unit_tests_does_not_end_a_scenario(place: Path) -> None:
    ended = pytest_at(place, "scenarios", "-o", "timeout=0.01")
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr


def test_the_last_line_says_which_objective_failed(place: Path) -> None:
    (place / "conftest.py").write_text(STUB.format(verdict="FAIL"))
    # pytest cuts that line off where the terminal ends.
    ended = pytest_at(place, "scenarios", "--junit-xml=junit.xml", columns=200)
    (line,) = (line for line in ended.stdout.splitlines() if line.startswith("FAILED "))
    assert line.endswith("mine[refused]: FAIL: objective api_success_fault: 0.91 is not >= 0.995")
    junit = (place / "junit.xml").read_text()
    assert 'message="mine[refused]: FAIL: objective api_success_fault: 0.91 is not &gt;= 0.995"' in junit
    assert '<property name="report" value="reports/x/report.html"' in junit


def test_what_run_can_be_asked_for_tests_can_be_asked_for(place: Path) -> None:
    fault = "slow:link=client-to-idp,latency_s=0.5"
    plain = pytest_at(place, "scenarios")
    assert " False ()" in plain.stdout, plain.stdout + plain.stderr
    assert "with 60.0" not in plain.stdout
    short = pytest_at(place, "scenarios", "--rate", "60", "--strict-observation", f"--fault={fault}")
    assert f"with 60.0 True ('{fault}',)" in short.stdout, short.stdout + short.stderr
    long = pytest_at(
        place, "scenarios", "--idchaos-rate=60", "--idchaos-strict-observation", "--idchaos-fault", fault
    )  # fmt: skip
    assert f"with 60.0 True ('{fault}',)" in long.stdout, long.stdout + long.stderr


@pytest.mark.parametrize(
    ("comes", "retries", "outcome", "runs"),
    [
        ("INCONCLUSIVE PASS", 1, "1 passed", 2),
        ("INCONCLUSIVE PASS", 0, "1 failed", 1),
        ("INCONCLUSIVE INCONCLUSIVE PASS", 1, "1 failed", 2),
        ("FAIL PASS", 2, "1 failed", 1),
    ],
)
def test_what_was_inconclusive_is_made_again_and_a_fail_never(
    place: Path, comes: str, retries: int, outcome: str, runs: int
) -> None:
    (place / "conftest.py").write_text(STUB.format(verdict=comes))
    ended = pytest_at(place, "scenarios", "--retry-inconclusive", str(retries), "--junit-xml=junit.xml")
    assert outcome in ended.stdout, ended.stdout + ended.stderr
    assert ended.stdout.count("asked for quick") == runs
    assert (place / "junit.xml").read_text().count('name="run_again"') == runs - 1


@pytest.mark.parametrize("value", ["11", "-1", "a"])
def test_retries_are_bounded(place: Path, value: str) -> None:
    ended = pytest_at(place, "scenarios", f"--retry-inconclusive={value}")
    assert ended.returncode == 4
    assert "should be a whole number, 0 to 10" in ended.stderr


def test_long_names() -> None:
    words = ["scenarios", "--seed=3", "--target", "docker", "-k", "--set-up", "--setup-show"]
    assert long_names(words, {"--seed", "--target", "--set"}) == [
        "scenarios", "--idchaos-seed=3", "--idchaos-target", "docker", "-k", "--set-up", "--setup-show",
    ]  # fmt: skip
