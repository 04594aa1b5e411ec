"""PASS with a clean-up that was not clean is no clean PASS: it is said first, and it shows in the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from idchaos.commands import cli
from idchaos.commands.outcome import exit_code
from idchaos.commands.terminal import show_verdict
from idchaos.errors import Interrupted, LoadError
from idchaos.experiment import Bound, Objective, PhaseName
from idchaos.record.record import Cleanup, RunRecord
from idchaos.report import markdown
from idchaos.studies import single
from idchaos.undo.ledger import STATE_VARIABLE
from idchaos.verdict.verdict import RunVerdict, judge_run

LEFT = "container gateway-1: in use"
DIRTY = Cleanup(clean=False, left=(LEFT,))
Judged = Callable[..., RunVerdict]


@pytest.fixture
def judged(
    make_record: Callable[..., RunRecord],
    make_plan: Callable[..., Any],
    traffic: Callable[..., Any],
    logs_searched: dict[str, Any],
) -> Judged:
    """A run whose good requests succeed or not, with what became of its clean-up."""

    def make(*, succeeds: bool = True, cleanup: Cleanup = DIRTY) -> RunVerdict:
        bound = Bound(op=">=", limit=0.9)
        objective = Objective(name="success", sli="success_rate{flow=api}", phase=PhaseName.RECOVERY, bound=bound)
        refused = {} if succeeds else {"decision": "deny", "status": 401, "error_code": "kid_unknown"}
        rows = [*traffic(100, 120), *traffic(120, 130, **refused)]
        counts = {
            moment: {name: {"requests": {"total": total, "upstream": {}}} for name in ("gateway-1", "gateway-2")}
            for moment, total in (("before", 0), ("after", 300))
        }
        record = make_record(rows, plan=make_plan((objective,)), counts=counts, events=[logs_searched])
        return judge_run(replace(record, cleanup=cleanup))

    return make


def test_the_verdict_stands_and_the_clean_up_is_told_apart(judged: Judged) -> None:
    verdict = judged()
    assert (verdict.verdict, verdict.reasons) == ("PASS", ())
    assert verdict.cleanup == DIRTY


@pytest.mark.parametrize(
    ("succeeds", "cleanup", "code"),
    [
        (True, Cleanup(clean=True), 0),
        (True, DIRTY, 70),
        (False, DIRTY, 1),  # whoever repeats a run on 70 must not miss a FAIL
        (True, Cleanup(clean=None), 0),  # nobody looked: such a run was cut short, which is a reason of its own
    ],
)
def test_the_exit_code(judged: Judged, succeeds: bool, cleanup: Cleanup, code: int) -> None:
    assert exit_code([judged(succeeds=succeeds, cleanup=cleanup)]) == code


def test_one_dirty_run_among_clean_ones_shows(judged: Judged) -> None:
    assert exit_code([judged(cleanup=Cleanup(clean=True)), judged()]) == 70


def test_the_terminal_says_it_right_below_the_verdict(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    show_verdict(judged(), "idchaos run by_hand")
    head, said, *_ = capsys.readouterr().out.splitlines()
    assert head.startswith("PASS")
    assert said.strip() == f"the clean-up was not clean (to finish it: idchaos recover); left behind: {LEFT}"


def test_the_report_says_it_first(
    judged: Judged, make_record: Callable[..., RunRecord], make_plan: Callable[..., Any]
) -> None:
    reasons = [line for line in markdown.summary(make_record(), judged()).splitlines() if line.startswith("- ")]
    assert reasons[0].startswith("- The clean-up was not clean (to finish it: idchaos recover); left behind: ")
    assert "Every objective was met" in reasons[1]
    assert "an incident of whole seconds could have been missed: in up to 26 % of the seconds in recovery" in reasons[2]


def test_a_command_whose_run_passed_and_left_something_exits_70(
    judged: Judged, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(single, "run", lambda _prepared, _observer, _begun: judged())
    assert cli.cli.main(["run", "jwks_outage", "--json"], standalone_mode=False) == 70
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["runs"][0]["cleanup"]) == ("PASS", {"clean": False, "left": [LEFT]})


@pytest.mark.parametrize(("first", "code"), [(LoadError("the load died"), 70), (Interrupted("interrupted"), 130)])
def test_a_run_that_came_to_no_verdict_says_what_it_left_too(
    judged: Judged,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    first: BaseException,
    code: int,
) -> None:
    def execute() -> None:
        raise first

    execution = SimpleNamespace(execute=execute)
    monkeypatch.setattr(single, "assemble", lambda _prepared, _observer: (execution, SimpleNamespace(path=Path())))
    monkeypatch.setattr(single, "conclude", lambda _run_dir: judged())
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "jwks_outage", "--json"])
    said = capsys.readouterr().err.strip()
    assert ended.value.code == code
    assert said.startswith(f"idchaos: {first}; the clean-up was not clean")
    assert said.endswith(f"left behind: {LEFT}")


DIRTY_TARGET = f"""
from idchaos.commands import cli
from idchaos.targets.standin.local import LocalTarget

stop = LocalTarget.stop
LocalTarget.stop = lambda target: [*stop(target), {LEFT!r}]
cli.main()
"""


@pytest.mark.e2e
def test_a_real_run_that_leaves_something_says_so_and_leaves_its_ledger_to_the_guardian(tmp_path: Path) -> None:
    short = {"phases.warmup_s": 1, "phases.baseline_s": 2, "fault.duration_s": 3, "phases.recovery_s": 2,
             "gateway.jwks_cache_s": 0.5, "load.rate": 50, "slo.success": 0.9, "slo.late_p99_s": 1.0}  # fmt: skip
    words = [word for name, value in short.items() for word in ("--set", f"{name}={value}")]
    answer = subprocess.run(
        [sys.executable, "-c", DIRTY_TARGET, "run", "jwks_outage", "--reports", str(tmp_path / "reports"), *words],
        capture_output=True, text=True, check=False, env={**os.environ, STATE_VARIABLE: str(tmp_path / "state")},
    )  # fmt: skip
    said = answer.stdout.splitlines()
    assert answer.returncode == 70, answer.stdout + answer.stderr
    assert any(LEFT in line for line in said), said
    assert not said[0].startswith("FAIL")
    assert list((tmp_path / "state").glob("*.ledger")) == []  # what it promises was undone after all
