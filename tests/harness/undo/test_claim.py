"""Two runs at one system would each take the other's changes for how it was: the second is refused in a line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from idchaos.errors import TargetError
from idchaos.undo.claim import Claim
from idchaos.undo.ledger import STATE_VARIABLE, Ledger, Owner, Processes, ToxicsOff, Undo, UpstreamBack, mark_done

API = "127.0.0.1:8474"
LED_AWAY = UpstreamBack(api=API, proxy="keys-1", upstream="127.0.0.1:8080", instead_of="127.0.0.1:31001")
HOLDS_IT = f"""
from idchaos.undo.claim import Claim
Claim({API!r}).take()
print("taken", flush=True)
import time; time.sleep(3600)
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    return tmp_path


def left_by(owner: Owner, undo: Undo, directory: Path) -> Ledger:
    """The ledger of a run of that process, which still promises something."""
    ledger = Ledger("abc", directory)
    ledger.write(undo)
    ledger.close(clean=False)
    lines = ledger.path.read_text().splitlines()[1:]
    ledger.path.write_text("\n".join([f'{{"owner": {owner.model_dump_json()}}}', *lines, ""]))
    return ledger


@pytest.fixture
def gone() -> Owner:
    return Owner.this_process().model_copy(update={"created": 1.0})


def test_there_is_one_at_a_time() -> None:
    first, second = Claim(API), Claim(API)
    first.take()
    first.take()  # once taken it may be taken again
    with pytest.raises(TargetError, match=r"^127.0.0.1:8474: another run or doctor is at this system \(process \d+\)"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_this_machine_has_many_names() -> None:
    first = Claim("localhost:8474")
    first.take()
    for name in (API, "[::1]:8474", "LOCALHOST:8474"):
        with pytest.raises(TargetError, match="one at a time"):
            Claim(name).take()
    first.release()


def test_another_system_is_nobody_elses_business() -> None:
    claims = [Claim(server) for server in (API, "127.0.0.1:8475", "toxiproxy.example:8474")]
    for each in claims:
        each.take()
    for each in claims:
        each.release()


def test_whoever_is_killed_holds_it_no_more() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS_IT], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"taken\n"
        with pytest.raises(TargetError, match=rf"\(process {other.pid}\)"):
            Claim(API).take()
        other.kill()
    claim = Claim(API)
    claim.take()
    claim.release()


@pytest.mark.parametrize("undo", [LED_AWAY, ToxicsOff(api="localhost:8474", proxy="keys-1", toxics=("idchaos-1",))])
def test_what_a_killed_run_left_is_put_back_before_another_begins(undo: Undo, gone: Owner, state: Path) -> None:
    ledger = left_by(gone, undo, state)
    claim = Claim(API, ["keys-1", "keys-2"])
    with pytest.raises(TargetError, match=r"run abc has not put back keys-1: say idchaos recover, then begin again$"):
        claim.take()
    mark_done(ledger.path, 1)  # as recover does
    claim.take()  # and whoever was refused holds no lock
    claim.release()


def test_a_run_that_is_just_ending_is_waited_for(state: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        left_by(Owner(pid=other.pid, created=psutil.Process(other.pid).create_time()), LED_AWAY, state)
        with pytest.raises(TargetError, match=rf"is still there \(process {other.pid}\): wait for its end$"):
            Claim(API, ["keys-1"]).take()


@pytest.mark.parametrize(
    "undo",
    [
        Processes(run_id="abc"),
        LED_AWAY.model_copy(update={"proxy": "somebody-elses"}),
        LED_AWAY.model_copy(update={"api": "127.0.0.1:8475"}),
    ],
)
def test_what_was_left_elsewhere_keeps_nobody_from_it(undo: Undo, gone: Owner, state: Path) -> None:
    left_by(gone, undo, state)
    claim = Claim(API, ["keys-1"])
    claim.take()
    claim.release()
