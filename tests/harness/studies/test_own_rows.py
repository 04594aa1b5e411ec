"""A user's scenario says in its file which defects it must catch; the zoo tries them beside its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from idchaos.errors import UsageError
from idchaos.scenarios.zoo import ROWS
from idchaos.studies.zoo.own import own_rows
from idchaos.studies.zoo.rows import choose
from idchaos.studies.zoo.trials import plan

PAGE = Path(__file__).parents[3] / "docs" / "write-a-scenario.md"


@pytest.fixture(name="file")
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The documented example, as a user has it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "scenarios" / "nightly_jobs.py"
    path.write_text(source)
    return path


def test_the_rows_of_own_scenarios_stand_beside_ours_and_can_be_run(file: Path) -> None:
    (row,) = choose((*ROWS, *own_rows()), (), ["nightly_jobs"])
    assert (row.defect, row.caught_by) == ("cache_wiped_on_failed_fetch", ("jobs_get_through",))
    assert len(choose((*ROWS, *own_rows()), [row.defect])) == 2
    (planned,) = plan((row,), sound=1, target="local", reports=Path("reports"))
    assert [shared.run.defects for shared in planned.controls] == [("cache_wiped_on_failed_fetch",)]


def test_who_has_none_has_none(file: Path) -> None:
    text = file.read_text()
    file.write_text(text[: text.index("ROWS = (")])
    assert own_rows() == ()


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("ROWS = (  #", "ROWS = 3\nLEFT = (  #", "nightly_jobs.py: ROWS: should be a tuple of Row"),
        ('Trial(scenario="nightly_jobs"', 'Trial(scenario="jobs"', "is tried in jobs; should be nightly_jobs"),
        ('defect="cache_wiped', 'defect="cash_wiped', "did you mean cache_wiped_on_failed_fetch"),
    ],
)
def test_a_row_that_makes_no_sense_is_one_clear_line(file: Path, was: str, becomes: str, says: str) -> None:
    file.write_text(file.read_text().replace(was, becomes))
    with pytest.raises(UsageError, match=re.escape(says)):
        own_rows()


@pytest.mark.parametrize(
    ("scenario", "says"),
    [("jwks_outrage", "did you mean jwks_outage"), ("stale_data", "unknown"), ("cold_start", None)],
)
def test_a_scenario_without_rows_or_that_is_none_is_told(scenario: str, says: str | None) -> None:
    if says is None:
        assert all(row.trial.scenario == scenario for row in choose(ROWS, (), [scenario]))
        return
    with pytest.raises(UsageError, match=says):
        choose(ROWS, (), [scenario])


def test_a_scenario_that_nothing_is_tried_in_is_told() -> None:
    with pytest.raises(UsageError, match="there is no row for cold_start: ROWS in its file"):
        choose([row for row in ROWS if row.trial.scenario != "cold_start"], (), ["cold_start"])
