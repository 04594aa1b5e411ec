"""What must be undone is on disk before it is done, and is undone whoever reads it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from idchaos.undo import undo
from idchaos.undo.guardian import Guardian
from idchaos.undo.ledger import RUN_ID_VARIABLE, Containers, Contents, Ledger, Owner, Processes, mark_done, read
from idchaos.undo.undo import Undone, carry_out_all, end_processes, processes_of


def sleeper(run_id: str) -> subprocess.Popen[bytes]:
    """A process of a run, which would live for an hour."""
    return subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(3600)"], env={**os.environ, RUN_ID_VARIABLE: run_id}
    )


def test_what_was_written_is_pending_until_it_is_done(tmp_path: Path) -> None:
    ledger = Ledger("run", tmp_path)
    first = ledger.write(Processes(run_id="run"))
    ledger.write(Containers(run_id="run"))
    pending = read(ledger.path).pending
    assert list(pending.values()) == [Containers(run_id="run"), Processes(run_id="run")]  # the newest is undone first
    ledger.done(first)
    assert list(read(ledger.path).pending.values()) == [Containers(run_id="run")]
    ledger.close(clean=False)


def test_a_clean_run_leaves_no_ledger(tmp_path: Path) -> None:
    ledger = Ledger("run", tmp_path)
    ledger.close(clean=True)
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    ledger = Ledger("run", tmp_path)
    ledger.close(clean=False)
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600


def test_a_torn_last_line_is_passed_over_for_its_act_was_never_done(tmp_path: Path) -> None:
    ledger = Ledger("run", tmp_path)
    ledger.write(Processes(run_id="run"))
    ledger.close(clean=False)
    with ledger.path.open("a") as file:
        file.write('{"id": 2, "undo": {"ki')
    assert read(ledger.path) == Contents(Owner.this_process(), {1: Processes(run_id="run")})


@pytest.mark.parametrize(
    "line",
    ['{"id": 7, "undo": {"kind": "of a later version"}}', '{"id": 7, "undo": {"ki', '{"done": "all"}', "[1]", ""],
)
def test_a_line_that_is_not_understood_is_left_and_its_ledger_kept(tmp_path: Path, line: str) -> None:
    ledger = Ledger("run-none", tmp_path)
    with ledger.path.open("a") as file:
        file.write(line + "\n")
    ledger.write(Processes(run_id="run-none"))
    ledger.close(clean=False)
    unread = Undone(
        "not understood", (f"{ledger.path}: line 2 promises something that this version does not understand",)
    )
    assert carry_out_all(ledger.path) == [unread, Undone("0 processes ended")]
    assert carry_out_all(ledger.path) == [unread]  # the rest is not undone twice
    assert ledger.path.exists()


def test_a_ledger_that_cannot_be_read_is_not_clean(tmp_path: Path) -> None:
    (tmp_path / "run.ledger").mkdir()
    (undone,) = carry_out_all(tmp_path / "run.ledger")
    assert undone.left == (f"{tmp_path / 'run.ledger'}: cannot be read: Is a directory",)


def test_a_process_that_ended_or_whose_number_was_reused_owns_nothing() -> None:
    this = Owner.this_process()
    assert this.alive()
    assert not this.model_copy(update={"created": this.created - 1}).alive()
    child = subprocess.Popen([sys.executable, "-c", ""])
    owner = Owner(pid=child.pid, created=psutil.Process(child.pid).create_time())
    child.wait()
    assert not owner.alive()


def test_a_runs_processes_are_found_by_its_id_and_ended() -> None:
    child, other = sleeper("run-one"), sleeper("run-two")
    try:
        assert [process.pid for process in processes_of("run-one")] == [child.pid]
        assert end_processes("run-one") == []
        assert child.poll() is not None
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_process_that_carries_the_runs_id_a_moment_later_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that its dying parent had just forked does not show its environment yet: one look is not enough."""
    late = sleeper("run-late")
    looks = iter([[], [psutil.Process(late.pid)], [], []])
    monkeypatch.setattr(undo, "processes_of", lambda _run_id: next(looks))
    assert end_processes("run-late") == []
    assert late.poll() is not None
    assert list(looks) == []


def test_what_was_undone_is_marked_even_behind_a_torn_line(tmp_path: Path) -> None:
    ledger = Ledger("run", tmp_path)
    number = ledger.write(Processes(run_id="run"))
    ledger.close(clean=False)
    with ledger.path.open("a") as file:
        file.write('{"id": 2, "undo": {"ki')
    mark_done(ledger.path, number)
    assert read(ledger.path) == Contents(Owner.this_process())


def test_undoing_twice_is_no_error(tmp_path: Path) -> None:
    ledger = Ledger("run-none", tmp_path)
    ledger.write(Processes(run_id="run-none"))
    ledger.close(clean=False)
    assert carry_out_all(ledger.path) == [Undone("0 processes ended")]
    assert carry_out_all(ledger.path) == []
    assert not ledger.path.exists()


def test_the_guardian_ends_what_a_vanished_runner_left(tmp_path: Path) -> None:
    watcher = Guardian(tmp_path / "run-lost.ledger")
    ledger = Ledger("run-lost", tmp_path)
    ledger.write(Processes(run_id="run-lost"))
    child = sleeper("run-lost")
    watcher.dismiss()  # what it sees of a runner that was killed: the other end of its pipe is gone
    assert watcher.has_healed
    assert child.wait() < 0
    assert not ledger.path.exists()
    ledger.close(clean=False)


def test_the_guardian_of_a_clean_run_does_nothing(tmp_path: Path) -> None:
    ledger = Ledger("run-clean", tmp_path)
    watcher = Guardian(ledger.path)
    child = sleeper("run-clean")
    ledger.close(clean=True)
    watcher.dismiss()
    assert child.poll() is None
    child.kill()
    child.wait()
