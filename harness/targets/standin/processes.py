"""Stand-ins as local child processes: one ready line, logs to files, and how each one ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import psutil

from idchaos.errors import TargetError
from idchaos.targets.base import ProcessState
from idchaos.undo.ledger import RUN_ID_VARIABLE

READY_WITHIN_S = 20.0
PYTHON_MODULE = (sys.executable, "-P", "-m")


class Runs(Protocol):
    """A component that the harness starts and ends: one process, or several that belong together."""

    def spawn(self) -> None:
        """Start it; returns at once."""

    def wait_ready(self) -> None:
        """Return when it serves.

        Raises:
            TargetError: it does not; with its last words.
        """

    def last_words(self) -> str:
        """What it said last, in one line."""

    def ended(self) -> int | None:
        """How it ended (negative: by a signal), or ``None`` while it lives."""

    def state(self) -> ProcessState:
        """How it is, as the system says."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still lives."""

    def pause(self) -> None:
        """Freeze it; returns when it stands still."""

    def stop(self) -> None:
        """End it, at once if it does not do so by itself."""

    def kill(self) -> None:
        """End it at once."""


@dataclass
class Process:
    """One child, and whatever it starts. ``command`` never holds a secret: those are in ``environment``."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    run_id: str
    log_path: Path
    prints_ready: bool = True
    _child: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None

    def spawn(self) -> None:
        """Start it; returns at once."""
        self._log = self.log_path.open("ab")
        self._child = subprocess.Popen(
            list(self.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self.prints_ready else self._log,
            stderr=self._log,
            start_new_session=True,
            env={**os.environ, **self.environment, RUN_ID_VARIABLE: self.run_id, "PYTHONUNBUFFERED": "1"},
        )

    def wait_ready(self) -> None:
        """Return when it has said that it listens.

        Raises:
            TargetError: with its last words, when it ended or stayed silent.
        """
        assert self._child is not None
        deadline = time.monotonic() + READY_WITHIN_S
        line = b""
        stream = self._child.stdout
        while stream is not None and not line.endswith(b"\n"):
            ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(stream.fileno(), 4096) if ready else b""
            if not chunk:
                raise TargetError(f"{self.name} did not start: {self._why()}")
            line += chunk
        with contextlib.suppress(ValueError):
            if "ready" in json.loads(line):
                return
        raise TargetError(f"{self.name} did not start: it said {line[:200]!r}")

    def _why(self) -> str:
        assert self._child is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(0.5)
        if self._child.poll() is None:
            return f"nothing heard within {READY_WITHIN_S:.0f} s; see {self.log_path}"
        return self.last_words() or f"exit code {self._child.returncode}; see {self.log_path}"

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log()
        return lines[-1][:300] if lines else ""

    def log(self) -> list[str]:
        """The lines of its log; none where there is none."""
        try:
            return self.log_path.read_text(errors="replace").strip().splitlines()
        except OSError:
            return []

    def ended(self) -> int | None:
        """Its exit code (negative: the signal), or ``None`` while it lives."""
        return None if self._child is None else self._child.poll()

    def state(self) -> ProcessState:
        """How it is, as the system says."""
        if self._child is None or self._child.poll() is not None:
            return ProcessState(status="dead", incarnation="")
        stopped = psutil.Process(self._child.pid).status() == psutil.STATUS_STOPPED
        return ProcessState(status="paused" if stopped else "running", incarnation=str(self._child.pid))

    def cpu_s(self) -> float | None:
        """CPU time that it and what it has started used so far, as far as that lives; ``None``: nobody says."""
        if self._child is None:
            return None
        try:
            process = psutil.Process(self._child.pid)
            times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        except psutil.Error:
            return None
        return float(round(sum(each.user + each.system for each in times), 3))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it has started, if it still lives."""
        if self._child is not None and self._child.poll() is None:
            self._send(number)

    def _send(self, number: int) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)

    def pause(self) -> None:
        """SIGSTOP; returns when it stands still, which takes a busy machine a moment."""
        self.signal(signal.SIGSTOP)
        if self._child is not None and self._child.poll() is None:
            os.waitid(os.P_PID, self._child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def stop(self, patience_s: float = 2.0) -> None:
        """SIGTERM, then SIGKILL; reaps it."""
        if self._child is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self._child.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._note(f"idchaos: {self.name} did not end within {patience_s:g} s of SIGTERM, and was killed")
            self.signal(signal.SIGKILL)
            self._child.wait()
        self._send(signal.SIGKILL)  # what it has started, and left behind
        self._release()

    def _note(self, line: str) -> None:
        if self._log is not None:
            self._log.write(f"{line}\n".encode())

    def kill(self) -> None:
        """SIGKILL, at once; reaps it."""
        self.signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait()
        self._release()

    def _release(self) -> None:
        for stream in (self._child.stdout if self._child else None, self._log):
            if stream is not None:
                stream.close()
        self._child = self._log = None
