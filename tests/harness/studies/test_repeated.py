"""Runs of one plan, judged together: by `run --repeat`, and again from what is stored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner

from idchaos.commands import analyze, run
from idchaos.commands.batch import Batch
from idchaos.commands.outcome import counting
from idchaos.errors import UsageError
from idchaos.experiment import Verdict
from idchaos.run.launch import Prepared, Request, prepare
from idchaos.studies import single
from idchaos.studies.repeated import Joint, judge_together, with_seeds

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """The same recording twice: two runs of one plan, as far as a judge can tell."""
    folders = [tmp_path / "jwks_outage" / name for name in ("first", "second")]
    for folder in folders:
        shutil.copytree(EXAMPLE, folder)
    return folders


def change_plan(run_dir: Path) -> None:
    manifest = json.loads((run_dir / "manifest.json").read_text())
    manifest["plan"]["phases"][0]["duration_s"] += 1
    (run_dir / "manifest.json").write_text(json.dumps(manifest))


def test_each_run_of_a_plan_has_a_seed_of_its_own() -> None:
    prepared = prepare(Request("jwks_outage", seed=2**31 - 1))
    made = with_seeds(prepared, 3)
    assert [each.seed for each in made] == [2**31 - 1, 0, 1]
    assert [each.request.seed for each in made] == [each.seed for each in made]
    assert all(each.experiment is prepared.experiment for each in made)


def test_what_they_come_to_is_stored_and_drawn_beside_them(runs: list[Path]) -> None:
    joint = judge_together(runs)
    stored = json.loads((joint.folder / "repeats.json").read_text())
    assert stored == joint.document()
    assert joint.folder == runs[0].parent / "repeats-first"
    assert [row["samples"] for row in stored["objectives"]] == [2 * row.samples for row in joint.runs[0].objectives]
    page = joint.report.read_text(encoding="utf-8")
    assert 'href="../first/report.html"' in page
    assert 'href="../second/report.html"' in page


def test_only_different_runs_of_one_plan_are_judged_together(runs: list[Path]) -> None:
    with pytest.raises(UsageError, match="the same run is named twice"):
        judge_together([runs[0], runs[0]])
    change_plan(runs[1])
    with pytest.raises(UsageError, match="not the plan of"):
        judge_together(runs)


def test_stored_runs_are_judged_together_again(runs: list[Path]) -> None:
    result = CliRunner().invoke(analyze.command, [*map(str, runs), "--json"], standalone_mode=False)
    document = json.loads(result.stdout)
    (together,) = document["repeats"]
    assert together["verdict"] == document["verdict"]
    assert len(document["runs"]) == 2
    assert len(together["run_dirs"]) == 2


def joint_of(verdict: Verdict, *run_dirs: str) -> Joint:
    runs = [SimpleNamespace(run_dir=each, verdict=Verdict.PASS) for each in run_dirs]
    return cast(Joint, SimpleNamespace(judged=SimpleNamespace(verdict=verdict), runs=runs))


def test_of_runs_judged_together_that_judgement_counts_and_of_others_their_own() -> None:
    alone: Any = [SimpleNamespace(run_dir=each, verdict=Verdict.FAIL) for each in ("a", "b", "c")]
    assert counting(alone, []) == [Verdict.FAIL] * 3
    assert counting(alone, [joint_of(Verdict.INCONCLUSIVE, "a", "b")]) == [Verdict.INCONCLUSIVE, Verdict.FAIL]


def test_no_run_is_left_out_by_being_made_again() -> None:
    words = ["jwks_outage", "--repeat", "3", "--retry-inconclusive", "1"]
    result = CliRunner().invoke(run.command, words, standalone_mode=False)
    assert isinstance(result.exception, UsageError)
    assert "not both" in str(result.exception)


def test_runs_that_were_made_are_judged_together_by_their_plan(
    monkeypatch: pytest.MonkeyPatch, runs: list[Path]
) -> None:
    coming = iter(runs)

    def make(_prepared: Prepared, _observer: object, begun: Any) -> Any:
        run_dir = next(coming)
        begun(run_dir)
        verdict = single.judge(run_dir)[1]
        return verdict.model_copy(update={"run_dir": str(run_dir)})

    monkeypatch.setattr(single, "run", make)
    made = Batch(quiet=True)
    made.run([prepare(Request("jwks_outage", seed=1))], times=2)
    assert [each.run_dir for each in made.verdicts] == [str(each) for each in runs]
    assert [len(each.runs) for each in made.joint] == [2]


def test_strict_observation_can_be_asked_for_afterwards(runs: list[Path]) -> None:
    manifest = json.loads((runs[0] / "manifest.json").read_text())
    manifest["not_observed"] = [{"name": "expired_tokens_refused", "why": "nothing shows it"}]
    (runs[0] / "manifest.json").write_text(json.dumps(manifest))
    plain, strict = (
        CliRunner().invoke(analyze.command, [str(runs[0]), "--json", *more], standalone_mode=False)
        for more in ([], ["--strict-observation"])
    )
    said = "not observed: expired_tokens_refused: nothing shows it"
    assert said not in json.loads(plain.stdout)["runs"][0]["reasons"]
    assert said in json.loads(strict.stdout)["runs"][0]["reasons"]
    assert strict.return_value == 2
