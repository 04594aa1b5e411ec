"""``study scale``: the page, the tables, what a run is held against, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest

from idchaos.commands import cli
from idchaos.errors import UsageError
from idchaos.experiment import PhaseName
from idchaos.record.record import RunRecord
from idchaos.studies.scale.fleet import Idp, Outage
from idchaos.studies.scale.herd import simulate
from idchaos.studies.scale.measured import check, unsure
from idchaos.studies.scale.study import CLIENTS, Asked, needed_rps, sessions_of
from idchaos.studies.scale.table import COLUMNS

SMALL = ("--sessions", "20k", "--gateways", "200", "--regions", "3", "--access-ttl", "2m", "--outage", "30s")
SETTINGS = {
    "load": {"sessions": 200, "refresh_at": 0.8, "refresh_jitter": 0.4, "retry_s": 4.0},
    "tokens": {"access_ttl_s": 10.0},
}


def asked(*words: str) -> int:
    code = cli.cli.main(["study", "scale", *words], standalone_mode=False)
    assert isinstance(code, int)
    return code


def test_what_is_left_says_the_same_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(*SMALL, "--out", str(tmp_path), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    frame = pd.read_parquet(tmp_path / "points.parquet")
    assert len(frame) == len(pd.read_csv(tmp_path / "points.csv"))
    assert set(frame["part"]) == {"herd", "together", "capacity", "keys", "rotation", "cadence", "revocation"}
    assert list(frame.columns) == list(COLUMNS), "the dictionary has every column, and no other"
    herds = frame[frame["part"] == "herd"]
    assert herds["peak_rps"].tolist() == [each["peak_rps"] for each in answer["herds"]]
    text = (tmp_path / "study.html").read_text()
    assert all(line in text for line in answer["answer"])
    assert "20,000 sessions, 200 gateways in 3 regions" in text
    again = json.loads((tmp_path / "answer.json").read_text())
    assert again["capacities"] == answer["capacities"]


def test_the_capacity_that_is_named_is_enough_and_less_is_not() -> None:
    said = Asked(sessions=50_000, access_ttl_s=300, recover_within_s=120, refusal_cost=0.02)
    _, jitter, waiting = CLIENTS[-1]
    crowd = sessions_of(said, jitter, waiting)
    needed = needed_rps(said, crowd, 60)
    assert needed is not None
    drained = [
        simulate(
            crowd, Idp(capacity_rps=share * needed, refusal_cost=0.02), Outage(length_s=60), lasts_s=400, seed=said.seed
        ).drained_s
        for share in (1, 0.9)
    ]
    enough, less = drained
    assert enough is not None
    assert less is not None
    assert enough <= 120 < less


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sessions", "10G"), "--sessions: should be less than or equal to 1000000000"),
        (("--capacity", "1"), "--capacity: should be greater than 1, not 1.0"),
        (("--access-ttl", "2s"), "--access-ttl: should be greater than or equal to 10"),
        (("--refusal-cost", "1"), "--refusal-cost: should be less than 1"),
        (("--outage", "3d"), "--outage: should be no longer than a day"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_simulated(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asked(*words)


def ran(before: int, meanwhile: int, after: int) -> RunRecord:
    """A run: 14 s of baseline, 8 s of outage, and the seconds after it, with so many refreshes in each."""
    spans = ((100.0, 114.0, before), (114.0, 122.0, meanwhile), (122.0, 125.0, after))
    due = [begin + (end - begin) * number / count for begin, end, count in spans for number in range(count)]
    return cast(
        RunRecord,
        SimpleNamespace(
            windows={PhaseName.BASELINE: (100.0, 114.0)},
            faults=(SimpleNamespace(applied_at=114.0, healed_at=122.0),),
            samples=pd.DataFrame({"flow": "refresh", "due_at": due}),
            run_dir="reports/refresh_herd/x",
        ),
    )


def test_a_run_that_is_as_simulated_and_one_that_is_not() -> None:
    """200 / (10 x 0.6) = 33 refreshes a second; after 8 s without tokens nearly all 200 wait, about 4 s each."""
    seen = {each.what: each.foretold for each in check(ran(467, 300, 150), SETTINGS).compared}
    before, meanwhile, after = seen.values()
    assert before == pytest.approx(33.3, rel=0.03)
    sound = check(ran(round(before * 14), round(meanwhile * 8), round(after * 3)), SETTINGS)
    assert unsure([sound]) == ()
    hasty = check(ran(round(before * 14), round(meanwhile * 8 * 3), round(after * 3)), SETTINGS)
    (text,) = unsure([hasty])
    assert text.startswith("attempts in the outage of 200 sessions")
