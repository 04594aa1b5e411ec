"""Runs in processes of their own: what each printed becomes its verdict, and nothing is left under way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from idchaos.errors import IdchaosError
from idchaos.experiment import Verdict
from idchaos.run.launch import Prepared, Request, prepare
from idchaos.studies import pool
from idchaos.studies.pool import WorkerPool

EXAMPLE = Path(__file__).parents[3] / "reports" / "example" / "verdict.json"


class Shell:
    """Stands for the command: a script of one's own in its place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
        self.started: list[subprocess.Popen[str]] = []
        self.words: list[list[str]] = []
        real = subprocess.Popen

        def start(words: list[str], **options: object) -> subprocess.Popen[str]:
            self.words.append(words)
            self.started.append(real([sys.executable, "-c", script], **options))  # type: ignore[call-overload]
            return self.started[-1]

        monkeypatch.setattr(pool.subprocess, "Popen", start)


def prepared() -> Prepared:
    return prepare(Request(scenario="jwks_outage", seed=7, defects=("no_aud_check",), reports=Path("there")))


def test_the_verdict_is_the_one_that_was_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    printed = tmp_path / "printed.json"
    printed.write_text(json.dumps({"verdict": "PASS", "runs": [json.loads(EXAMPLE.read_text())]}))
    shell = Shell(monkeypatch, f"print(open({str(printed)!r}).read())")
    with WorkerPool(1) as runs:
        verdict = runs.run(prepared())
    assert (verdict.scenario, verdict.verdict) == ("jwks_outage", Verdict.PASS)
    (words,) = shell.words
    assert words[4:6] == ["run", "jwks_outage"]
    assert [words[at + 1] for at, word in enumerate(words) if word in {"--seed", "--defect", "--reports"}] == [
        "7", "no_aud_check", "there",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit('idchaos: no ports are free')", "no ports are free"),
        ("print('{\"runs\": []}')", "exit code 0"),
        ('print(\'{"runs": [], "error": "the disk is full"}\')', "the disk is full"),
        ("pass", "exit code 0"),
    ],
)
def test_a_run_without_a_verdict_says_why(monkeypatch: pytest.MonkeyPatch, script: str, said: str) -> None:
    Shell(monkeypatch, script)
    with WorkerPool(1) as runs, pytest.raises(IdchaosError, match=said):
        runs.run(prepared())


def test_whoever_leaves_early_stops_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(monkeypatch, "print(flush=True); import signal; signal.pause()")
    with pytest.raises(KeyboardInterrupt), WorkerPool(2) as runs:
        runs.map(runs.run, [prepared(), prepared(), prepared()])
        while len(shell.started) < 2:
            pass
        raise KeyboardInterrupt
    assert len(shell.started) == 2
    assert all(process.returncode is not None for process in shell.started)
