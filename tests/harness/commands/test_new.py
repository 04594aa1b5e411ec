"""A scenario made by ``idchaos new`` is one that works, and its test passes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from idchaos.commands import validate
from idchaos.commands.new import new_scenario
from idchaos.errors import UsageError
from idchaos.run.scenarios import scenario_named


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(name: str) -> None:
    new_scenario.main([name], standalone_mode=False)


def test_it_is_found_by_its_name_can_decide_all_it_asks_and_its_test_passes() -> None:
    make("my_outage")
    assert scenario_named("my_outage").name == "my_outage"
    assert validate.command.main(["my_outage"], standalone_mode=False) == 0
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "2 passed" in ended.stdout, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("jwks_outage", "there is a scenario jwks_outage already"),
        ("My-Outage", "should be small letters"),
        ("../x", "should be small letters"),
    ],
)
def test_a_name_that_can_not_be_is_refused_and_nothing_is_written(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make(name)
    assert list(Path().iterdir()) == []


def test_a_file_that_is_there_is_never_overwritten() -> None:
    Path("tests").mkdir()
    Path("tests/test_mine.py").write_text("mine")
    with pytest.raises(UsageError, match=r"tests/test_mine\.py is there already"):
        make("mine")
    assert Path("tests/test_mine.py").read_text() == "mine"
    assert not Path("scenarios").exists()
