"""A study of capacity over runs that are made up: steps, bisection, what ran out, what is left, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import click
import numpy as np
import pandas as pd
import pytest

from idchaos.commands import cli
from idchaos.errors import UsageError
from idchaos.experiment import PhaseName, Verdict
from idchaos.record.record import Cleanup, RunRecord
from idchaos.run.launch import Prepared, Request
from idchaos.studies.capacity import resources
from idchaos.studies.capacity.page import notes, page
from idchaos.studies.capacity.resources import Shortage, shortage
from idchaos.studies.capacity.scaling import read, together
from idchaos.studies.capacity.steady_load import RAMP_S, SteadyLoadSettings, design
from idchaos.studies.capacity.study import SCENARIO, SETTING, Capacity, CapacityStudy, Rate, found, knee, search
from idchaos.studies.study import points
from idchaos.studies.study.table import Table
from idchaos.verdict.verdict import ObjectiveVerdict, RunVerdict


class Runs:
    """Runs of a queue that serves ``most`` a second: M/M/1, so that p95 is ln(20) / (most - rate)."""

    def __init__(self, most: float, undecided_from: float = np.inf) -> None:
        self.most, self.undecided_from = most, undecided_from
        self.made: list[float] = []

    def __call__(self, prepared: Prepared) -> RunVerdict:
        rate = prepared.settings.model_dump()["capacity"]["rate"]
        self.made.append(rate)
        p95_s = float(np.log(20) / (self.most - rate)) if rate < self.most else 5.0
        verdict = Verdict.PASS if p95_s <= 0.5 else Verdict.FAIL
        return came(prepared, Verdict.INCONCLUSIVE if rate >= self.undecided_from else verdict, p95_s)


def came(prepared: Prepared, verdict: Verdict, p95_s: float) -> RunVerdict:
    def judged(name: str, value: float) -> ObjectiveVerdict:
        return ObjectiveVerdict(
            name=name, sli=name, phase="fault", value=value, interval=(None, None), samples=9, effective=9.0, unit="s",
            bound="<= 0.5", verdict=verdict, reason="", note="", why="",
        )  # fmt: skip

    return RunVerdict(
        scenario=prepared.scenario.name, variant="api", profile="quick", seed=prepared.seed, verdict=verdict,
        reasons=(), run_dir="reports/steady_load/x", started_at=0.0, status="completed",
        objectives=(judged("served", 1.0), judged("in_time", p95_s)), invariants=(), faults=(),
        cleanup=Cleanup(clean=True), slis=(), revocation_lag=(), reconciliation=(), generator=(),
    )  # fmt: skip


def asked(tmp_path: Path, runs: Runs, *, repeats: int = 1, within: float = 0.1) -> Capacity:
    study = CapacityStudy.planned(
        Request(str(SCENARIO)), SETTING, search(100, 5_000, within, repeats), watched=("served", "in_time"), retries=0
    )
    return found(study.go(Table(tmp_path, study.question()), runs, lambda _line: None), "api")


def test_steps_of_two_come_first_and_nothing_far_beyond_the_edge_is_tried(tmp_path: Path) -> None:
    runs = Runs(most=700)
    edge = asked(tmp_path, runs).answer.edge
    assert runs.made[:4] == [100, 200, 400, 800]
    assert max(runs.made) == 800
    assert edge.holds is not None
    assert edge.breaks is not None
    assert edge.holds <= 694 < edge.breaks, "ln(20) / (700 - 694) is half a second"
    assert edge.breaks - edge.holds <= 0.1 * edge.holds


def test_what_was_made_is_found_again_and_a_finer_search_goes_on(tmp_path: Path) -> None:
    first, again, finer = Runs(most=700), Runs(most=700), Runs(most=700)
    asked(tmp_path, first)
    asked(tmp_path, again)
    assert again.made == []
    asked(tmp_path, finer, within=0.02)
    assert finer.made
    assert set(finer.made).isdisjoint(first.made)


def test_a_system_that_bears_all_that_was_tried_is_said_to_bear_at_least_that(tmp_path: Path) -> None:
    capacity = asked(tmp_path, Runs(most=90_000))
    assert capacity.sentence() == "api: 5000/s holds, and more was not tried"
    assert capacity.at_least


def test_where_nothing_could_be_decided_the_capacity_is_at_least_what_held(tmp_path: Path) -> None:
    capacity = asked(tmp_path, Runs(most=90_000, undecided_from=400))
    assert capacity.answer.edge.breaks is None
    assert capacity.at_least
    assert capacity.sentence().startswith("api: at least ")


def test_the_knee_of_a_queue_is_where_its_latency_turns_up() -> None:
    rates = [
        Rate(rate=rate, state="holds", p95_s=3 / (1_000 - rate), served=1, runs=1) for rate in range(100, 1_000, 50)
    ]
    found_at = knee(rates)
    assert found_at is not None
    assert 700 <= found_at <= 900
    assert knee(rates[:3]) is None, "three points have no knee to speak of"
    flat = [each.model_copy(update={"p95_s": 0.01}) for each in rates]
    assert knee(flat) is None


def test_what_is_left_when_one_of_three_gateways_is_gone(tmp_path: Path) -> None:
    capacity = asked(tmp_path, Runs(most=700)).model_copy(update={"gateways": 2})
    holds = capacity.answer.edge.holds
    assert holds is not None
    left = capacity.headroom(at_rps=500, gateways=3)
    assert left is not None
    assert left.bears_rps == pytest.approx(holds), "two that are left are as many as were measured"
    assert left.left_rps == pytest.approx(holds - 500)
    assert capacity.model_copy(update={"gateways": None}).headroom(500, 3) is None
    told = " ".join(notes(capacity, left))
    assert "when one of 3 gateways is gone" in told


def test_what_is_left_of_a_capacity_that_is_at_least_so_much_is_told_no_surer(tmp_path: Path) -> None:
    capacity = asked(tmp_path, Runs(most=90_000)).model_copy(update={"gateways": 2})
    assert capacity.at_least
    more, less = (capacity.headroom(at_rps=rate, gateways=3) for rate in (6_000, 4_000))
    assert "whether they bear 1,000/s more was not seen" in " ".join(notes(capacity, more))
    assert "so at least 1,000/s are left" in " ".join(notes(capacity, less))


def test_runs_of_another_version_say_nothing_of_this_ones_capacity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(tmp_path, Runs(most=700))
    monkeypatch.setattr(points, "versions", lambda: {"idchaos": "99"})
    upgraded = Runs(most=300)
    edge = asked(tmp_path, upgraded).answer.edge
    assert upgraded.made[:3] == [100, 200, 400]
    assert edge.breaks is not None
    assert edge.breaks <= 400


def used(monkeypatch: pytest.MonkeyPatch, *, dropped: int = 0, late: tuple[str, ...] = (), **shares: float) -> Shortage:
    """What ran out in a run in which so much CPU was used: of the machine, the generator, or a component."""
    monkeypatch.setattr(resources, "generator_health", lambda *_: SimpleNamespace(reasons=late, target_dropped=dropped))
    host = {"machine": "cpu", "generator": "generator"}

    def series(component: str, field: str) -> list[tuple[float, float]]:
        for name, share in shares.items():
            if component == "host" and host.get(name) == field:
                return [(at, share) for at in np.arange(100.0, 110.0)]
            if component == name and field == "cpu_s":
                return [(at, at * share) for at in np.arange(100.0, 110.0)]
        return []

    record = SimpleNamespace(
        windows={PhaseName.FAULT: (100.0, 110.0)},
        series=series,
        telemetry=[SimpleNamespace(component=name) for name in shares],
        plan=SimpleNamespace(load=SimpleNamespace(max_in_flight=400)),
    )
    return shortage(cast(RunRecord, record))


def test_what_ran_out_is_named_and_the_load_generator_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = used(monkeypatch, machine=0.99, generator=0.97, envoy=1.0)
    assert (busy.what, busy.own) == ("the load generator's CPU ran out", True)
    envoy = used(monkeypatch, machine=0.99, generator=0.5, envoy=0.98)
    assert (envoy.what, envoy.own) == ("CPU of envoy", False)
    assert envoy.shares == {"machine": 0.99, "generator": 0.5, "envoy": 0.98}
    assert used(monkeypatch, machine=0.99, generator=0.5, envoy=0.4).own, "a machine that both share"
    assert used(monkeypatch, machine=0.5, late=("the load generator was late",)).own
    full = used(monkeypatch, machine=0.5, dropped=9)
    assert (full.what, full.own) == ("connections: 400 requests were waiting at once", False)
    assert used(monkeypatch, machine=0.5) == Shortage(what="", shares={"machine": 0.5})


def test_the_page_and_the_tables_say_what_the_answer_says(tmp_path: Path) -> None:
    study = CapacityStudy.planned(
        Request(str(SCENARIO)), SETTING, search(100, 5_000, 0.1, 1), watched=("served", "in_time"), retries=0
    )
    table = Table(tmp_path, study.question())
    capacity = found(study.go(table, Runs(most=700), lambda _line: None), "api")
    table.export()
    frame = pd.read_parquet(tmp_path / "points.parquet")
    assert frame[frame["verdict"] == "PASS"]["set:capacity.rate"].max() == capacity.answer.edge.holds
    assert capacity.sentence() in page(capacity, notes(capacity, None), tmp_path, "idchaos study capacity api")


def limited(tmp_path: Path, gateways: int, most: float) -> Capacity:
    """So many gateways whose own CPU ran out, and what they bear."""
    capacity = asked(tmp_path / str(gateways), Runs(most=most), within=0.01)
    return capacity.model_copy(update={"gateways": gateways, "shortage": Shortage(what="CPU of envoy")})


def test_studies_of_several_numbers_of_gateways_tell_how_capacity_scales(tmp_path: Path) -> None:
    """Twice and four times as many bear 1.8 and 2.8 times as much."""
    several = [limited(tmp_path, gateways, most) for gateways, most in ((1, 506), (2, 906), (4, 1_406))]
    scaling, left_out = together(several)
    assert scaling is not None
    assert left_out == ()
    assert scaling.one_rps == pytest.approx(500, rel=0.03)
    assert scaling.bears_rps(4) == pytest.approx(1_400, rel=0.03)
    assert "universal scalability law" in " ".join(notes(several[0], None, scaling))


def test_what_is_only_a_lower_bound_tells_nothing_of_how_capacity_scales(tmp_path: Path) -> None:
    own = limited(tmp_path, 1, 506)
    ours = limited(tmp_path, 2, 906).model_copy(update={"shortage": Shortage(what="the load generator", own=True)})
    scaling, (left_out,) = together([own, ours])
    assert scaling is None
    assert "not its own limit" in left_out


def test_another_study_is_read_from_its_directory_and_one_that_is_none_is_refused(tmp_path: Path) -> None:
    capacity = limited(tmp_path, 2, 906)
    (tmp_path / "answer.json").write_text(capacity.model_dump_json())
    assert read(tmp_path, "api") == capacity
    with pytest.raises(UsageError, match="is about api, not login"):
        read(tmp_path, "login")
    (tmp_path / "answer.json").write_text("{}")
    with pytest.raises(UsageError, match="no answer of a study of capacity"):
        read(tmp_path, "api")
    with pytest.raises(UsageError, match="no study of capacity is there"):
        read(tmp_path / "elsewhere", "api")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("api", "--from", "500", "--to", "100"), "--from 500 should be below --to 100"),
        (("api", "--within", "2"), "--within should be at least 0.001"),
        (("api", "--at", "800"), "--at and --gateways go together"),
        (("machine", "--at", "400", "--gateways", "3"), "machine loads the IdP, of which gateways bear nothing"),
        (("login", "--at", "400", "--gateways", "3"), "login loads the IdP, of which gateways bear nothing"),
        (("api", "--to", "1M"), "capacity.rate.*should be less than or equal to 20000"),
        (("api", "--set", "capacity.rate=5"), "is what is searched"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        cli.cli.main(["study", "capacity", *words], standalone_mode=False)


def test_a_flow_that_is_none_is_refused() -> None:
    with pytest.raises(click.BadParameter):
        cli.cli.main(["study", "capacity", "apis"], standalone_mode=False)


def test_a_plan_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.cli.main(["study", "capacity", "api", "--plan", "--json"], standalone_mode=False) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["runs"] == plan["rates"] * plan["repeats"]
    assert plan["seconds"] > 0


@pytest.mark.parametrize(
    ("rate", "success", "lasts_s"),
    [(200, 0.995, 10), (50, 0.995, 15), (5, 0.9, 10)],
    ids=["many", "few: 598 good ones take longer", "few are enough"],
)
def test_a_rate_is_held_until_enough_came_to_decide(rate: float, success: float, lasts_s: float) -> None:
    settings = SteadyLoadSettings.model_validate(
        {"capacity": {"flow": "machine", "rate": rate}, "slo": {"success": success}}
    )
    much = design(settings).plan.load.streams[-1]
    assert much.ends_s is not None
    assert round(much.ends_s - much.starts_s - RAMP_S) == lasts_s
