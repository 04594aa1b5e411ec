"""``study ttl``: the model held against what was counted, what the page says, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pandas as pd
import pytest

from idchaos.commands import cli
from idchaos.commands.quantities import DURATION, SIZE
from idchaos.errors import UsageError
from idchaos.experiment import PhaseName
from idchaos.record.journal import Telemetry
from idchaos.record.record import RunRecord
from idchaos.studies.lifetimes.choosing import Constraints
from idchaos.studies.lifetimes.measured import check, unsure
from idchaos.studies.lifetimes.model import Choice, World
from idchaos.studies.lifetimes.page import page, sentence
from idchaos.studies.lifetimes.study import study
from idchaos.studies.lifetimes.table import COLUMNS
from idchaos.studies.words import time

WORLD = World(sessions=600, validators=3, refresh_at=0.8, refresh_jitter=0.1)
CHOICE = Choice(access_ttl_s=20, jwks_cache_s=2, jwks_stale_s=600)


def ran(*, refreshes: int, fetches: int) -> RunRecord:
    """A run with a baseline of 40 s, in which so much was counted; and as much outside of it."""
    due = [100 + 40 * number / refreshes for number in range(refreshes)] + [50.0] * refreshes
    looks = [
        Telemetry(at, "idp", {"requests": {"jwks": {"total": total}}})
        for at, total in ((99.0, 3), (100.0, 5), (139.9, 5 + fetches), (141.0, 99))
    ]
    return cast(
        RunRecord,
        SimpleNamespace(
            windows={PhaseName.BASELINE: (100.0, 140.0)},
            samples=pd.DataFrame({"flow": "refresh", "due_at": due}),
            telemetry=tuple(looks),
            run_dir="reports/jwks_outage/x",
        ),
    )


def test_a_run_in_which_all_is_as_foretold() -> None:
    """600 / (20 x 0.75) = 40 refreshes a second; three validators, a cache of 2 s: 1.5 fetches a second."""
    found = check(ran(refreshes=1_600, fetches=60), CHOICE, WORLD)
    assert [(each.what, round(each.foretold, 2)) for each in found.compared] == [
        ("refreshes", 40.0),
        ("key fetches", 1.5),
    ]
    assert all(each.agrees for each in found.compared)
    assert unsure([found]) == ()


def test_sessions_that_all_began_together_are_counted_over_whole_intervals() -> None:
    """Each refreshes at 113 and at 128, and no more in the last 10 s of the baseline: 40 a second all the same."""
    due = [at for at in (113.0, 128.0) for _ in range(600)]
    record = ran(refreshes=1_600, fetches=60)
    record.samples = pd.DataFrame({"flow": "refresh", "due_at": due})  # type: ignore[misc]
    refreshes, _ = check(record, CHOICE, WORLD).compared
    assert (refreshes.counted, refreshes.seconds) == (40.0, 30.0)


def test_a_target_that_does_otherwise_is_told_with_its_figures() -> None:
    found = check(ran(refreshes=1_600, fetches=400), CHOICE, WORLD)
    (text,) = unsure([found])
    assert text.startswith("key fetches at a token life of 20 s")
    assert "10/s counted, 1.5/s foretold (+568%)" in text


def test_a_difference_that_counting_so_few_can_show_by_chance_says_nothing_against_the_model() -> None:
    """68 instead of 60 fetches are 13 % more; a count of 68 may be off by 24 %."""
    found = check(ran(refreshes=1_600, fetches=68), CHOICE, WORLD)
    assert unsure([found]) == ()
    assert unsure([check(ran(refreshes=1_900, fetches=60), CHOICE, WORLD)]), "1,900 instead of 1,600 are not chance"


def test_without_a_measurement_a_recommendation_is_not_to_be_gone_by() -> None:
    found = study(WORLD, Constraints(revocation_within_s=30))
    assert found.recommendation.chosen is not None
    assert found.doubts == ("nothing was measured: the model alone says so",)
    assert study(WORLD, Constraints(), [check(ran(refreshes=1_600, fetches=60), CHOICE, WORLD)]).doubts == ()


def test_the_page_says_what_the_answer_says() -> None:
    constraints = Constraints(revocation_within_s=30, survive_outage_s=600, idp_rps_max=500)
    found = study(WORLD, constraints, [check(ran(refreshes=1_600, fetches=400), CHOICE, WORLD)])
    text = page(found, "idchaos study ttl")
    assert sentence(found.recommendation, constraints) in text
    assert "The model does not hold here: key fetches" in text
    assert text.count("recommended") >= 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1.5m", 90), ("10min", 600), ("4h", 14_400), ("250ms", 0.25), ("2d", 172_800)]
)
def test_lengths_of_time_as_people_write_them(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("kind", "text"),
    [(DURATION, "30"), (DURATION, "0s"), (DURATION, "-3s"), (DURATION, "10 m"), (SIZE, "2m"), (SIZE, "0")],
)
def test_what_is_no_quantity_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)


def test_sizes_and_times_are_shown_as_people_read_them() -> None:
    assert SIZE.convert("2M", None, None) == 2e6
    assert [time(each) for each in (0.25, 90, 600, 3_600, 17_280, 86_400)] == [
        "0.25 s",
        "90 s",
        "10 min",
        "1 h",
        "4.8 h",
        "1 d",
    ]


def test_the_command_takes_how_sessions_refresh_and_refuses_what_makes_no_sense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["study", "ttl", "--sessions", "2M", "--out", str(tmp_path), "--json"]
    words += ["--refresh-at", "0.5", "--refresh-jitter", "0.2", "--logins", "7", "--retry", "5s"]
    assert cli.cli.main(words, standalone_mode=False) == 2, "nothing was measured"
    world = json.loads(capsys.readouterr().out)["world"]
    told = {name: world[name] for name in ("refresh_at", "refresh_jitter", "logins_per_s", "retry_s")}
    assert told == {"refresh_at": 0.5, "refresh_jitter": 0.2, "logins_per_s": 7, "retry_s": 5}
    for option, value, said in (
        ("--refresh-jitter", "0.9", "refresh_jitter should be less than refresh_at"),
        ("--refresh-at", "1.5", "refresh_at: "),
    ):
        with pytest.raises(UsageError, match=said):
            cli.cli.main([*words, option, value], standalone_mode=False)


def test_the_command_tells_constraints_that_exclude_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is run, though runs are asked for: none could change that."""
    words = ["study", "ttl", "--sessions", "2M", "--revocation-within", "10m", "--survive-outage", "1h"]
    words += ["--revocation", "expiry", "--measure", "3", "--reports", str(tmp_path / "reports")]
    code = cli.cli.main([*words, "--out", str(tmp_path), "--json"], standalone_mode=False)
    assert not (tmp_path / "reports").exists()
    answer = json.loads(capsys.readouterr().out)
    assert code == 1
    assert answer["recommendation"]["conflict"] == ["revocation_within_s", "survive_outage_s"]
    assert (tmp_path / "study.html").exists()
    frontier = pd.read_parquet(tmp_path / "points.parquet")
    assert list(frontier.columns) == list(COLUMNS), "the dictionary has every column, and no other"
    assert len(frontier) == len(answer["frontier"]) >= 24
    assert frontier["idp_rps"].is_monotonic_increasing
