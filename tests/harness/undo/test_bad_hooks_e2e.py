"""Commands and requests of somebody else's making that go wrong in every way: a line each, in time, nothing pent up."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from idchaos.errors import FaultError
from idchaos.targets.systems.acts import Act, Hook
from idchaos.targets.systems.hooks import Around, call_of, perform
from idchaos.undo.ledger import STATE_VARIABLE, Command, HttpCall
from idchaos.undo.safety import Safety
from idchaos.undo.undo import carry_out

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
SOON_S = 8.0


def python(code: str, timeout_s: float = 20.0) -> Command:
    return Command(argv=(sys.executable, "-c", code), timeout_s=timeout_s)


GARBAGE = (
    "import os; os.write(2, bytes(range(256)) * 40 + b'\\x1b[2J\\x07\\nno \\x1b[31msuch\\x00 key\\n\\n'); os._exit(3)"
)
MEGABYTES = "import os\nfor _ in range(3000): os.write(2, b'x' * 65536)\nos.write(2, b'\\nfull\\n'); os._exit(1)"
THROWN_AWAY = (
    "import os, time\nfor _ in range(300): os.write(2, b'x' * 65536)\nos.write(2, b'\\nfull\\n')\n"
    "while os.fstat(2).st_size: time.sleep(0.01)\nos._exit(1)"
)
ENDLESS = "import os\nwhile True: os.write(2, b'x' * 65536); os.write(1, b'y' * 65536)"
TERMINAL = "open('/dev/tty')"
ASKS = "input('password: ')"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
KILLED = "import os; os.kill(os.getpid(), 9)"


@pytest.mark.parametrize(
    ("code", "timeout_s", "left"),
    [
        ("import sys; sys.exit('no such key')", 20, "exit code 1: no such key"),
        (GARBAGE, 20, "exit code 3: no [31msuch key"),
        (MEGABYTES, 20, "exit code 1: full"),
        (THROWN_AWAY, 20, "exit code 1: full"),
        (ENDLESS, 0.5, "not done within 0.5 s"),
        (STUBBORN, 0.5, "not done within 0.5 s"),
        (TERMINAL, 20, "exit code 1: OSError: [Errno 6] No such device or address: '/dev/tty'"),
        (ASKS, 20, "exit code 1: EOFError: EOF when reading a line"),
        (KILLED, 20, "ended by signal 9"),
    ],
    ids=["fails", "garbage", "megabytes", "thrown away", "endless", "hangs", "needs a terminal", "asks", "is killed"],
)
def test_a_command_that_goes_wrong_is_one_line_and_over_in_time(code: str, timeout_s: float, left: str) -> None:
    began = time.monotonic()
    assert carry_out(python(code, timeout_s)).left == (f"{sys.executable}: {left}",)
    assert time.monotonic() - began < SOON_S


@pytest.mark.parametrize(
    ("code", "timeout_s"),
    [(GARBAGE, 20), (ENDLESS, 0.5), (STUBBORN, 0.5), (TERMINAL, 20), (KILLED, 20)],
    ids=["garbage", "endless", "hangs", "needs a terminal", "is killed"],
)
def test_its_undo_is_promised_before_and_carried_out_whatever_became_of_it(
    code: str, timeout_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    healed = tmp_path / "healed"
    hook = Hook(
        command=(sys.executable, "-c", code),
        timeout_s=timeout_s,
        undo=Act(command=(sys.executable, "-c", f"open({str(healed)!r}, 'w')")),
    )
    safety = Safety("run-of-a-bad-hook")
    safety.promise([call_of(hook.undo, {}, Around(tmp_path))])
    with pytest.raises(FaultError, match=r"^hooks\.stop: "):
        perform("stop", hook, {}, Around(tmp_path))
    assert not healed.exists()
    safety.end(clean=False)  # as when the runner is gone: the guardian reads the ledger
    assert eventually(healed.exists)
    assert eventually(lambda: not list(tmp_path.glob("*.ledger")))


def test_nothing_of_it_is_left_when_its_time_is_over(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    child = f"import os, time; open({str(pids)!r}, 'w').write(str(os.getpid())); time.sleep(3600)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(3600)"
    (left,) = carry_out(python(parent, timeout_s=1.5)).left
    assert left == f"{sys.executable}: not done within 1.5 s"
    assert eventually(lambda: not psutil.pid_exists(int(pids.read_text())))


def test_what_it_starts_goes_on_and_is_not_waited_for(tmp_path: Path) -> None:
    """As a hook does that starts a gateway: what it leaves holds its output, writes to it, and must not die of that."""
    pid = tmp_path / "pid"
    daemon = (
        f"import os, sys, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(0.5)\n"
        "for _ in range(3600): print('I live', file=sys.stderr, flush=True); time.sleep(0.1)"
    )
    starter = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {daemon!r}])"
    began = time.monotonic()
    assert carry_out(python(starter)).left == ()
    assert time.monotonic() - began < SOON_S
    assert eventually(lambda: pid.exists() and pid.read_text() != "")
    started = psutil.Process(int(pid.read_text()))
    try:
        time.sleep(1.2)
        assert started.is_running()
        assert started.status() != psutil.STATUS_ZOMBIE
    finally:
        started.kill()


@pytest.fixture
def server() -> Iterator[Callable[[bytes], str]]:
    """Whoever connects gets these bytes, and then more of the same for ever."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    ended = threading.Event()

    def serve(listener: socket.socket, begins: bytes) -> None:
        try:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(begins)
                while not ended.is_set():
                    connection.sendall(b"x" * 1024 if begins else b"")
                    time.sleep(0.01)
        except OSError:
            return

    def start(begins: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=serve, args=(listener, begins), daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    ended.set()
    for thread in threads:
        thread.join(5.0)
    for each in listeners:
        each.close()


@pytest.mark.parametrize(
    ("begins", "left"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 500 No\r\n\r\n", "500"),
        (b"", "not done within 1.5 s"),
        (b"HTTP/1.1 200 OK\r\nx-endless: ", "not done within 1.5 s"),
        (os.urandom(64).replace(b"HTTP", b"ptth") + b"\r\n", "RemoteProtocolError"),
    ],
    ids=["endless body", "refused", "no answer", "endless header", "garbage"],
)
def test_a_request_that_goes_wrong_is_one_line_and_over_in_time(
    server: Callable[[bytes], str], begins: bytes, left: str
) -> None:
    url = server(begins)
    began = time.monotonic()
    done = carry_out(HttpCall(method="POST", url=url, timeout_s=1.5)).left
    if left == "not done within 1.5 s" and begins:  # h11 gives up on a header of 100 KB
        assert done[0].removeprefix(f"POST {url}: ") in (left, "RemoteProtocolError")
    else:
        assert done == ((f"POST {url}: {left}",) if left else ())
    assert time.monotonic() - began < SOON_S


def eventually(holds: Callable[[], bool], within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
