"""What a user can get wrong in a study, and what can go wrong meanwhile: one clear line, and nothing lost."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import click
import pytest

from idchaos.commands import cli, study_thresholds
from idchaos.errors import Interrupted, StoreError, UsageError
from idchaos.studies.study import table as tables
from tests.harness.studies.test_thresholds import Runs

OUTAGE = ("study", "thresholds", "jwks_outage", "fault.duration_s=4..36")


def asked(*words: str) -> Any:
    return cli.cli.main(list(words), standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("study", "thresholds", "jwks_outage", "fault.duration_s=4..4"), "no values between"),
        (("study", "thresholds", "jwks_outage", "fault.duration_s=4"), "should be SETTING=LOW..HIGH"),
        (("study", "thresholds", "jwks_outage", "load.refresh_at=0.5..3"), "load.refresh_at.*should be less than 1"),
        (("study", "thresholds", "jwks_outages", "fault.duration_s=4..36"), "did you mean jwks_outage"),
        ((*OUTAGE, "--resolution", "0.001", "--repeats", "100", "--profile", "gameday"), "longer than a day"),
    ],
)
def test_a_study_that_makes_no_sense_is_refused_with_one_line(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        asked(*words)
    assert "\n" not in str(error.value)


def test_a_table_from_another_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    lines = tmp_path / "points.jsonl"
    lines.write_text(json.dumps({"study": 99, "question": {}}) + "\n")
    with pytest.raises(UsageError, match="is of version 99, this program writes version 1"):
        asked(*OUTAGE, "--out", str(tmp_path))
    assert json.loads(lines.read_text())["study"] == 99


def test_ctrl_c_in_the_middle_keeps_all_finished_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Runs):
        def __call__(self, prepared: Any) -> Any:
            if len(self.made) == 2:
                raise Interrupted
            return super().__call__(prepared)

    monkeypatch.setattr(study_thresholds, "executing", lambda _quiet: Stopped(bears_s=17))
    with pytest.raises(click.Abort):
        asked(*OUTAGE, "--out", str(tmp_path))
    assert len((tmp_path / "points.jsonl").read_text().splitlines()) == 1 + 2
    assert len((tmp_path / "points.csv").read_text().splitlines()) == 1 + 2
    assert "2 runs" in (tmp_path / "study.html").read_text()


def test_a_full_disk_ends_the_study_with_one_line_and_what_was_finished_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(bears_s=17)
    monkeypatch.setattr(study_thresholds, "executing", lambda _quiet: runs)
    sync = tables.os.fsync

    def full(handle: int) -> None:
        if len(runs.made) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(tables.os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        asked(*OUTAGE, "--out", str(tmp_path))
    monkeypatch.setattr(tables.os, "fsync", sync)
    again = Runs(bears_s=17)
    monkeypatch.setattr(study_thresholds, "executing", lambda _quiet: again)
    assert asked(*OUTAGE, "--out", str(tmp_path)) == 0
    assert set(again.made).isdisjoint(runs.made[:2]), "the two that were finished are found again"
