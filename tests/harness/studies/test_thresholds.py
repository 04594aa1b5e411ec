"""A study of thresholds over runs that are made up: what is run, what is found again, what the answer says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from idchaos.commands import cli
from idchaos.errors import UsageError
from idchaos.experiment import Verdict
from idchaos.record.record import Cleanup
from idchaos.run.launch import Prepared, Request
from idchaos.studies.study import points, thresholds
from idchaos.studies.study.edge import Edge, Search
from idchaos.studies.study.page import notes, page
from idchaos.studies.study.table import Table
from idchaos.studies.study.thresholds import Thresholds
from idchaos.targets.idps.oidc_provider import package
from idchaos.verdict.verdict import ObjectiveVerdict, RunVerdict

SEARCH = Search(low=4, high=36, resolution=4)


def came(prepared: Prepared, verdict: Verdict) -> RunVerdict:
    """A run's verdict, in which one objective decides."""
    return RunVerdict(
        scenario=prepared.scenario.name, variant="refused", profile="quick", seed=prepared.seed, verdict=verdict,
        reasons=() if verdict is Verdict.PASS else ("users were refused",), run_dir="reports/jwks_outage/x",
        started_at=0.0, status="completed",
        objectives=(
            ObjectiveVerdict(
                name="api_success_fault", sli="success_rate", phase="fault", value=0.5, interval=(0.4, None), samples=9,
                effective=9.0, unit="share", bound=">= 0.9", verdict=verdict, reason="", note="", why="",
            ),
        ),
        invariants=(), faults=(), cleanup=Cleanup(clean=True), slis=(), revocation_lag=(), reconciliation=(),
        generator=(),
    )  # fmt: skip


class Runs:
    """Runs of a system that bears an outage of up to ``bears_s``."""

    def __init__(self, bears_s: float, undecided: int = 0) -> None:
        self.bears_s, self.undecided = bears_s, undecided
        self.made: list[float] = []

    def __call__(self, prepared: Prepared) -> RunVerdict:
        value = prepared.settings.model_dump()["fault"]["duration_s"]
        self.made.append(value)
        if self.undecided:
            self.undecided -= 1
            return came(prepared, Verdict.INCONCLUSIVE)
        return came(prepared, Verdict.PASS if value <= self.bears_s else Verdict.FAIL)


def study(
    *, watched: tuple[str, ...] = (), seed: int | None = None, gate: bool = False, **changes: object
) -> Thresholds:
    search, asked = SEARCH.model_copy(update=changes), Request("jwks_outage", seed=seed)
    return Thresholds.planned(asked, "fault.duration_s", search, watched=watched, gate=gate)


def went(study: Thresholds, directory: Path, runs: Runs) -> Edge:
    return study.go(Table(directory, study.question()), runs, lambda _line: None).edge


def test_the_edge_is_bracketed_by_runs_on_both_sides(tmp_path: Path) -> None:
    runs = Runs(bears_s=17)
    edge = went(study(), tmp_path, runs)
    assert edge.holds is not None
    assert edge.breaks is not None
    assert edge.holds <= 17 < edge.breaks <= edge.holds + 4
    assert len(runs.made) <= SEARCH.most_values()


def test_what_was_finished_is_found_again_and_a_finer_search_goes_on_from_there(tmp_path: Path) -> None:
    first = Runs(bears_s=17)
    coarse = went(study(), tmp_path, first)
    again = Runs(bears_s=17)
    assert went(study(), tmp_path, again) == coarse
    assert again.made == []
    finer = Runs(bears_s=17)
    assert went(study(resolution=1.0), tmp_path, finer) != coarse
    assert set(finer.made).isdisjoint(first.made)


def test_a_study_that_was_stopped_keeps_every_finished_point(tmp_path: Path) -> None:
    class Stopped(Runs):
        def __call__(self, prepared: Prepared) -> RunVerdict:
            if len(self.made) == 2:
                raise KeyboardInterrupt
            return super().__call__(prepared)

    stopped = Stopped(bears_s=17)
    with pytest.raises(KeyboardInterrupt):
        went(study(), tmp_path, stopped)
    rest = Runs(bears_s=17)
    went(study(), tmp_path, rest)
    assert set(rest.made).isdisjoint(stopped.made)


def test_what_is_undecided_is_tried_again_so_often_and_no_more(tmp_path: Path) -> None:
    runs = Runs(bears_s=40, undecided=1)
    assert went(study(), tmp_path / "one", runs) == Edge(holds=36, breaks=None)
    assert runs.made == [4, 4, 36]
    lost = Runs(bears_s=40, undecided=99)
    assert went(study(), tmp_path / "all", lost) == Edge(holds=None, breaks=None, undecided=(4,))
    assert lost.made == [4, 4]


def test_one_that_was_stopped_between_repeats_makes_the_missing_one_and_goes_on(tmp_path: Path) -> None:
    class Stopped(Runs):
        def __call__(self, prepared: Prepared) -> RunVerdict:
            if len(self.made) == 1:
                raise KeyboardInterrupt
            return super().__call__(prepared)

    with pytest.raises(KeyboardInterrupt):
        went(study(repeats=2), tmp_path, Stopped(bears_s=17))
    rest = Runs(bears_s=17)
    edge = went(study(repeats=2), tmp_path, rest)
    assert rest.made[:2] == [4, 36], "the other pass at 4, and then the other end"
    assert (edge.holds, edge.breaks) != (None, None)


def test_an_undecided_value_is_tried_again_once_each_time_the_study_is_asked(tmp_path: Path) -> None:
    went(study(), tmp_path, Runs(bears_s=17, undecided=99))
    still, well = Runs(bears_s=17, undecided=99), Runs(bears_s=17)
    assert went(study(), tmp_path, still) == Edge(holds=None, breaks=None, undecided=(4,))
    assert still.made == [4, 4], "a run, and as it decided nothing another one"
    edge = went(study(), tmp_path, well)
    assert edge.holds is not None
    assert edge.breaks is not None


def test_a_run_that_decided_nothing_stays_in_the_table_and_on_the_page(tmp_path: Path) -> None:
    table = Table(tmp_path, study().question())
    answer = study().go(table, Runs(bears_s=40, undecided=1), lambda _line: None)
    assert [(each.attempt, each.verdict) for each in answer.results[:2]] == [
        (0, Verdict.INCONCLUSIVE),
        (1, Verdict.PASS),
    ]
    assert answer.edge.holds == 36, "what was decided since counts"
    assert Table(tmp_path, study().question()).results == table.results
    table.export()
    assert len(pd.read_csv(tmp_path / "points.csv")) == len(answer.results) == 3
    text = page(answer, tmp_path, "how long", "idchaos study")
    assert "seed 1, attempt 2" in text
    assert text.count("users were refused") == 1, "why the first attempt decided nothing"


def test_an_edge_known_from_one_side_is_told_as_that_and_is_not_found(tmp_path: Path) -> None:
    def said(runs: Runs, directory: str, *, rising: bool = True) -> str:
        table = Table(tmp_path / directory, study().question())
        answer = study(rising=rising).go(table, runs, lambda _line: None)
        assert answer.against(None) is Verdict.INCONCLUSIVE
        return answer.sentence().removeprefix("fault.duration_s: ")

    assert said(Runs(40), "all") == "at least 36, which holds; no harder value was seen to break"
    assert said(Runs(1), "none") == "below 4, which breaks; no easier value was seen to hold"
    assert said(Runs(40), "falling", rising=False) == "at most 4, which holds; no harder value was seen to break"


def test_what_is_undecided_is_told_with_what_it_lacks(tmp_path: Path) -> None:
    class Unsure(Runs):
        def __call__(self, prepared: Prepared) -> RunVerdict:
            found = super().__call__(prepared)
            return came(prepared, Verdict.INCONCLUSIVE) if self.made[-1] == 12 else found

    table = Table(tmp_path, study().question())
    answer = study().go(table, Unsure(bears_s=10), lambda _line: None)
    assert answer.edge.undecided == (12,)
    assert "Undecided, so that the edge may lie on either side: 12 (users were refused)." in notes(answer)
    assert answer.against(None) is Verdict.INCONCLUSIVE, "the gap is wider than was asked"


def test_repeats_have_seeds_of_their_own_and_a_failure_ends_them(tmp_path: Path) -> None:
    runs = Runs(bears_s=20)
    table = Table(tmp_path, study(repeats=3).question())
    answer = study(repeats=3, seed=50).go(table, runs, lambda _line: None)
    at_the_ends = {4.0: [50, 51, 52], 36.0: [50]}
    for value, seeds in at_the_ends.items():
        assert [each.seed for each in answer.results if each.varied["fault.duration_s"] == value] == seeds


def test_what_is_watched_decides_and_what_is_not_there_is_refused(tmp_path: Path) -> None:
    edge = went(study(watched=("api_success_fault",)), tmp_path, Runs(bears_s=1))
    assert edge == Edge(holds=None, breaks=4)
    with pytest.raises(UsageError, match="did you mean api_success_fault"):
        study(watched=("api_sucess_fault",))


@pytest.mark.parametrize(
    ("setting", "search", "words"),
    [
        ("fault.duration", SEARCH, r"did you mean fault\.duration_s"),
        ("fault.mode", SEARCH, "no number"),
        ("fault.duration_s", Search(low=-4, high=36, resolution=4), "greater than or equal to"),
        ("fault.duration_s", Search(low=36, high=4, resolution=4), "no values between"),
        ("fault.duration_s", Search(low=4, high=36, resolution=0), "--resolution"),
        ("load.sessions", Search(low=4, high=36, resolution=0.5), "whole number"),
    ],
)
def test_a_study_that_makes_no_sense_is_refused_before_anything_starts(
    setting: str, search: Search, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        Thresholds.planned(Request("jwks_outage"), setting, search)


def test_a_table_keeps_one_question_and_one_version(tmp_path: Path) -> None:
    went(study(), tmp_path, Runs(bears_s=17))
    with pytest.raises(UsageError, match="another question"):
        Table(tmp_path, {"study": "another"})
    lines = (tmp_path / "points.jsonl").read_text().splitlines()
    (tmp_path / "points.jsonl").write_text("\n".join([json.dumps({"study": 99, "question": {}}), *lines[1:]]) + "\n")
    with pytest.raises(UsageError, match="version 99"):
        Table(tmp_path, study().question())


def test_a_torn_last_line_is_a_point_that_was_not_finished(tmp_path: Path) -> None:
    went(study(), tmp_path, Runs(bears_s=17))
    path = tmp_path / "points.jsonl"
    whole = path.read_text().splitlines()
    path.write_text("\n".join(whole)[:-20])
    table = Table(tmp_path, study().question())
    assert len(table.results) == len(whole) - 2
    assert Table(tmp_path, study().question()).results == table.results, "and is not torn any more"


@pytest.mark.parametrize(
    ("had", "anew"),
    [
        ('command = ["python3", "{listen}"]', False),
        ('image = "mine:latest"', True),
        (f'image = "mine@sha256:{"0" * 64}"', False),
    ],
)
def test_a_gateway_that_may_be_another_tomorrow_is_tried_anew_by_a_gate(tmp_path: Path, had: str, anew: bool) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'[gateway]\nname = "mine"\n{had}\n')
    assert bool(points.unversioned(Request("jwks_outage", gateway=str(file)))) == anew


def test_the_tables_and_the_page_say_the_same(tmp_path: Path) -> None:
    table = Table(tmp_path, study().question())
    answer = study().go(table, Runs(bears_s=17), lambda _line: None)
    table.export()
    frame = pd.read_parquet(tmp_path / "points.parquet")
    assert len(frame) == len(pd.read_csv(tmp_path / "points.csv")) == len(answer.results)
    held = frame[frame["verdict"] == "PASS"]["set:fault.duration_s"].max()
    assert held == answer.edge.holds
    text = page(answer, tmp_path, "how long <b>", "idchaos study")
    assert answer.sentence() in text
    assert "how long &lt;b&gt;" in text
    assert all(note in text for note in notes(answer))


def test_a_wanted_value_is_held_against_the_edge(tmp_path: Path) -> None:
    table = Table(tmp_path, study().question())
    answer = study().go(table, Runs(bears_s=17), lambda _line: None)
    holds, breaks = answer.edge.holds, answer.edge.breaks
    assert holds is not None
    assert breaks is not None
    wanted = {None: Verdict.PASS, holds: Verdict.PASS, breaks: Verdict.FAIL, (holds + breaks) / 2: Verdict.INCONCLUSIVE}
    assert {value: answer.against(value) for value in wanted} == wanted


def gateway_of_ones_own(directory: Path) -> Path:
    """A file of one, whose program stands beside it."""
    program = directory / "mine"
    program.write_text("one")
    program.chmod(0o755)
    file = directory / "mine.toml"
    file.write_text(f'[gateway]\nname = "mine"\ncommand = ["{program}", "{{listen}}"]\n')
    return file


def test_a_wanted_value_beyond_what_is_searched_is_refused_before_anything_starts(tmp_path: Path) -> None:
    words = ["study", "thresholds", "jwks_outage", "fault.duration_s=4..36", "--at-least", "40", "--out", str(tmp_path)]
    with pytest.raises(UsageError, match=r"--at-least 40 should be within 4\.\.36"):
        cli.cli.main(words, standalone_mode=False)
    assert not (tmp_path / "points.jsonl").exists()


class TestOfWhichSystem:
    """A gate must not pass an upgrade unseen: what was made of another system is no answer about this one."""

    def test_another_seed_is_another_series_of_runs(self, tmp_path: Path) -> None:
        first, other = Runs(bears_s=17), Runs(bears_s=40)
        went(study(), tmp_path, first)
        assert went(study(seed=77), tmp_path, other) == Edge(holds=36, breaks=None)
        assert other.made == [4, 36]
        assert went(study(), tmp_path, Runs(bears_s=40)).breaks is not None, "and the first is still there"

    def test_a_failure_that_more_repeats_saw_is_not_forgotten_by_who_asks_for_fewer(self, tmp_path: Path) -> None:
        class Third(Runs):
            def __call__(self, prepared: Prepared) -> RunVerdict:
                self.made.append(0)
                return came(prepared, Verdict.FAIL if prepared.seed == 3 else Verdict.PASS)

        assert went(study(repeats=3), tmp_path, Third(0)).breaks == 4
        assert went(study(repeats=1), tmp_path, Third(0)).breaks == 4

    def test_another_version_of_this_program_makes_its_own_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        went(study(), tmp_path, Runs(bears_s=17))
        monkeypatch.setattr(points, "versions", lambda: {"idchaos": "99"})
        upgraded = Runs(bears_s=40)
        assert went(study(), tmp_path, upgraded) == Edge(holds=36, breaks=None)
        assert upgraded.made == [4, 36]

    def test_another_idp_is_another_question_and_its_version_part_of_the_key(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(package, "missing", lambda: "")
        monkeypatch.setattr(package, "version", lambda: "1.0")
        asked = Request("jwks_outage", idp="oidc-provider", seed=1)
        theirs = Thresholds.planned(asked, "fault.duration_s", SEARCH)
        went(study(), tmp_path / "ours", Runs(bears_s=17))
        with pytest.raises(UsageError, match="another question"):
            Table(tmp_path / "ours", theirs.question())
        went(theirs, tmp_path / "theirs", Runs(bears_s=17))
        monkeypatch.setattr(package, "version", lambda: "2.0")
        upgraded = Runs(bears_s=40)
        assert went(theirs, tmp_path / "theirs", upgraded) == Edge(holds=36, breaks=None)
        assert upgraded.made == [4, 36]

    def test_a_program_of_ones_own_that_was_built_again_is_another(self, tmp_path: Path) -> None:
        file = gateway_of_ones_own(tmp_path)
        theirs = Thresholds.planned(Request("jwks_outage", gateway=str(file), seed=1), "fault.duration_s", SEARCH)
        went(theirs, tmp_path, Runs(bears_s=17))
        same = Runs(bears_s=17)
        went(theirs, tmp_path, same)
        assert same.made == []
        (tmp_path / "mine").write_text("another")
        upgraded = Runs(bears_s=40)
        assert went(theirs, tmp_path, upgraded) == Edge(holds=36, breaks=None)
        assert upgraded.made == [4, 36]

    def test_a_system_whose_version_nobody_can_ask_is_tried_anew_by_a_gate_and_told_of_otherwise(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(thresholds, "unversioned", lambda _request: "--target mine.toml")
        table = Table(tmp_path, study().question())
        answer = study().go(table, Runs(bears_s=17), lambda _line: None)
        assert any("--target mine.toml: nobody can ask" in note for note in notes(answer))
        gate = replace(study(gate=True), since="2099-01-01T00:00:00+00:00")
        assert gate.answer(table).results == ()
        assert study(gate=True).since, "what was made before counts for nothing"
        assert not study().since
