"""Nothing outlives a run: not when its runner is killed, not when the guardian is killed too, not when it hangs."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from idchaos.errors import FaultError, UndecidableError
from idchaos.targets.standin.addresses import free_ports
from idchaos.undo.guardian import Guardian, Lease
from idchaos.undo.ledger import STATE_VARIABLE, ControlCall, Processes, ToxicsOff, ledger_path
from idchaos.undo.safety import Safety
from idchaos.undo.toxiproxy import Links
from idchaos.undo.undo import carry_out

ROOT = Path(__file__).resolve().parents[3]
PROXY, TOXIC = "gateway-1-to-idp", "idchaos"

RUNNER = """
import sys, time
from idchaos.undo.guardian import Lease
from idchaos.undo.ledger import ToxicsOff
from idchaos.undo.safety import Safety
from idchaos.undo.toxiproxy import Links

api, proxy, toxic, lease_s = sys.argv[1:]
safety = Safety("run", lease=Lease(longest_s=float(lease_s)))
safety.promise([ToxicsOff(api=api, proxy=proxy, toxics=(toxic,))])
safety.lease()
links = Links(api)
links.add_toxic(proxy, toxic, "timeout", stream="downstream", toxicity=1.0, attributes={"timeout": 0})
links.disable(proxy)
print("in force", flush=True)
time.sleep(3600)
"""
"""A runner at a Toxiproxy that is not its own, with a fault in force; from then on it does nothing any more."""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own, for it and for what it starts."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def links() -> Iterator[Links]:
    """A Toxiproxy that was there before the run and stays, with one proxy."""
    port, listen, upstream = free_ports(3)
    command = [sys.executable, "-P", "-m", "idchaos.fixtures.toxiproxy", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert b"ready" in server.stdout.readline()
            found = Links(f"127.0.0.1:{port}")
            found.create(PROXY, listen=f"127.0.0.1:{listen}", upstream=f"127.0.0.1:{upstream}")
            yield found
        finally:
            server.terminate()


@pytest.fixture
def runner(links: Links) -> Iterator[Callable[[float], subprocess.Popen[bytes]]]:
    """Start a runner whose fault is in force when this returns."""
    started: list[subprocess.Popen[bytes]] = []

    def start(lease_s: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", RUNNER, links.api, PROXY, TOXIC, str(lease_s)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == b"in force\n"
        assert not is_clear(links)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


def is_clear(links: Links) -> bool:
    state = links.state()[PROXY]
    return state.enabled and not state.toxics


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def guardian_of(runner: subprocess.Popen[bytes]) -> psutil.Process:
    (found,) = psutil.Process(runner.pid).children()
    assert "idchaos.undo.guardian" in found.cmdline()
    return found


def recover() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "idchaos", "recover"], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_fault_at_a_foreign_toxiproxy_is_healed_when_the_runner_is_killed(
    links: Links, runner: Callable[[float], subprocess.Popen[bytes]], state: Path
) -> None:
    runner(3600).kill()
    assert eventually(lambda: is_clear(links))
    assert eventually(lambda: not list(state.glob("*.ledger")))


def test_a_fault_at_a_foreign_toxiproxy_is_healed_when_the_runner_hangs(
    links: Links, runner: Callable[[float], subprocess.Popen[bytes]], state: Path
) -> None:
    stuck = runner(0.5)
    assert eventually(lambda: is_clear(links))
    assert eventually(lambda: not list(state.glob("*.ledger")))
    assert stuck.poll() is None


def test_recover_heals_what_is_left_when_the_guardian_is_killed_too(
    links: Links, runner: Callable[[float], subprocess.Popen[bytes]], state: Path
) -> None:
    both = runner(3600)
    guardian_of(both).kill()
    still_running = recover()
    assert (still_running.returncode, still_running.stdout) == (
        0, f"run run: still running as process {both.pid}; let alone\n"
    )  # fmt: skip
    both.kill()
    both.wait()
    assert not is_clear(links)
    done = recover()
    assert (done.returncode, done.stdout) == (0, f"run run: {PROXY} at {links.api} is on and free of our toxics\n")
    assert is_clear(links)
    assert recover().stdout == "nothing to recover\n"


def test_recover_says_what_it_could_not_undo_and_tries_again_the_next_time(state: Path) -> None:
    (port,) = free_ports(1)
    state.mkdir()
    script = (
        "from idchaos.undo.ledger import *; ledger = Ledger('lost')\n"
        f"ledger.write(ToxicsOff(api='127.0.0.1:{port}', proxy='p')); ledger.write(Processes(run_id='lost'))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    first = recover()
    assert first.returncode == 70
    ended, failed = first.stdout.splitlines()
    assert ended == "run lost: 0 processes ended"
    assert failed.startswith(f"run lost: could not undo: p: toxiproxy at 127.0.0.1:{port}: could not ")
    again = recover()
    assert (again.returncode, again.stdout.splitlines()) == (70, [failed])  # what was undone is not undone twice


def test_a_ledger_that_is_just_being_made_is_let_alone_and_an_old_one_without_an_owner_is_not(state: Path) -> None:
    state.mkdir()
    ledger = state / "young.ledger"
    ledger.touch()
    assert recover().stdout == "nothing to recover\n"
    os.utime(ledger, (0, 0))
    assert recover().stdout == "run young: nothing was left\n"
    assert not ledger.exists()


def test_a_promise_is_on_disk_before_the_act_and_gone_when_it_is_kept(state: Path) -> None:
    safety = Safety("run", [Processes(run_id="run")])
    with safety.promised([ToxicsOff(api="127.0.0.1:1", proxy="p")]):
        assert safety._guardian._leased is not None
        assert '"toxics"' in ledger_path("run").read_text()
    assert safety._guardian._leased is None
    assert safety.settle() == []
    safety.end(clean=True)
    assert list(state.iterdir()) == []


def test_a_promise_that_was_not_kept_is_carried_out_at_the_end_and_named_when_it_cannot(state: Path) -> None:
    safety = Safety("run")
    (port,) = free_ports(1)
    safety.promise([ControlCall(method="PUT", url=f"http://127.0.0.1:{port}/clock", secret_file="/nowhere")])
    (left,) = safety.settle()
    assert left.startswith(f"PUT http://127.0.0.1:{port}/clock: ")
    safety.end(clean=False)
    assert [path.name for path in state.iterdir()] == ["run.ledger"]


def test_a_runner_that_wakes_up_after_its_lease_ran_out_is_told_so(state: Path) -> None:
    guardian = Guardian(state / "none.ledger", lease=Lease(longest_s=0.1))
    guardian.lease()
    assert eventually(lambda: guardian.has_healed)
    with pytest.raises(UndecidableError, match=r"longer than its lease on the fault \(0.1 s\)"):
        guardian.release()
    guardian.dismiss()


def test_a_lease_ends_soon_after_the_longest_that_a_fault_may_last(state: Path) -> None:
    guardian = Guardian(state / "none.ledger", lease=Lease(held_s=0.5, acts_s=0.2))
    began = time.monotonic()
    while time.monotonic() < began + 1:  # who is heard may take longer
        guardian.lease()
        time.sleep(0.01)
    assert not guardian.has_healed
    assert eventually(lambda: guardian.has_healed, within_s=5)
    with pytest.raises(UndecidableError, match=r"its lease on the fault \(0.2 s\)"):
        guardian.lease()
    guardian.dismiss()


@pytest.mark.parametrize(
    ("held_s", "acts_s", "since_s", "silence_s"),
    [
        (math.inf, 30, 500, 120),
        (30, 30, 0, 60),
        (30, 30, 20, 40),
        (30, 30, 30, 30),
        (30, 30, 45, 30),
        (600, 30, 0, 120),
    ],
)
def test_a_runner_may_be_silent_for_what_is_left_and_one_act(
    held_s: float, acts_s: float, since_s: float, silence_s: float
) -> None:
    assert Lease(held_s=held_s, acts_s=acts_s).silence_s(since_s) == silence_s


def test_a_runner_without_a_lease_may_be_silent(state: Path) -> None:
    guardian = Guardian(state / "none.ledger", lease=Lease(longest_s=0.1))
    guardian.release()
    with pytest.raises(subprocess.TimeoutExpired):
        guardian._process.wait(1.0)
    guardian.dismiss()
    assert guardian.has_healed


def test_a_run_whose_guardian_was_killed_does_not_go_on(state: Path) -> None:
    guardian = Guardian(state / "none.ledger")
    guardian._process.kill()
    guardian._process.wait()
    with pytest.raises(FaultError, match="the guardian was killed by signal 9"):
        guardian.lease()
    guardian.dismiss()


def test_a_proxy_that_is_gone_is_named() -> None:
    (port,) = free_ports(1)
    (left,) = carry_out(ToxicsOff(api=f"127.0.0.1:{port}", proxy="p", toxics=("t",))).left
    assert left.startswith("p: toxiproxy at")


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_six_kills_at_random_moments_leave_nothing_and_can_be_judged() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", "--kills", "6", "--at-once", "2", "--within", "10", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    figures = json.loads(answer.stdout)
    assert (answer.returncode, figures["kills"], figures["wrong"]) == (0, 6, [])
