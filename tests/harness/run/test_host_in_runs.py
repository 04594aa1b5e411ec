"""A run on a machine that is stopped or busy: real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from idchaos.record.host import Reading
from idchaos.record.journal import read_events
from idchaos.undo.ledger import STATE_VARIABLE

LOOK = Reading(at=100.0, wall=100.0, busy_s=10.0, stolen_s=1.0, total_s=50.0, stalled_s=5.0, waited_s={7: 1.0})
QUIET = replace(LOOK, at=101.0, wall=101.0, busy_s=11.0, total_s=52.0)


# --- real runs

SHORT = {
    "phases.warmup_s": 1, "phases.baseline_s": 3, "fault.duration_s": 5, "phases.recovery_s": 3,
    "gateway.jwks_cache_s": 1, "load.rate": 60, "load.canaries_per_kind": 1, "slo.success": 0.97,
}  # fmt: skip


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A short sound run, ended with the test."""
    words = [word for name, value in SHORT.items() for word in ("--set", f"{name}={value}")]
    command = [
        sys.executable,
        "-P",
        "-m",
        "idchaos",
        "run",
        "jwks_outage",
        "--json",
        "--reports",
        str(tmp_path),
        *words,
    ]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, STATE_VARIABLE: str(tmp_path / "state")},
    )  # fmt: skip
    yield child
    if child.poll() is None:
        child.send_signal(signal.SIGCONT)
        child.terminate()
    child.communicate(timeout=30)


def journal(tmp_path: Path) -> Path:
    return tmp_path / "jwks_outage" / "latest" / "journal.jsonl"


def wait_for(tmp_path: Path, text: str, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not (journal(tmp_path).exists() and text in journal(tmp_path).read_text()):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.05)


@pytest.mark.e2e
@pytest.mark.alone
def test_a_run_that_was_stopped_for_three_seconds_says_so_and_decides_nothing(
    tmp_path: Path, started: subprocess.Popen[str]
) -> None:
    wait_for(tmp_path, '"event": "fault_applied"', started)
    runner = psutil.Process(started.pid)
    stopped = [runner, *(each for each in runner.children() if "idchaos.load" in each.cmdline())]
    assert len(stopped) == 2
    for process in stopped:
        process.suspend()
    time.sleep(3.0)
    for process in stopped:
        process.resume()
    out, err = started.communicate(timeout=90)
    document = json.loads(out)
    assert (document["verdict"], started.returncode) == ("INCONCLUSIVE", 2), err
    assert any("the harness stood still for up to" in reason for reason in document["runs"][0]["reasons"])
    events, _ = read_events(journal(tmp_path))
    assert [each.event for each in events if each.event in ("suspended", "clock_jumped")] == ["suspended"]


@pytest.mark.e2e
@pytest.mark.alone
def test_a_sound_run_beside_six_busy_loops_never_fails(tmp_path: Path, started: subprocess.Popen[str]) -> None:
    with ExitStack() as stack:
        for _ in range(6):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        out, err = started.communicate(timeout=150)
    assert started.returncode in (0, 2), (out, err)
