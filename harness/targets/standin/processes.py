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
from typing import IO

import psutil

from idchaos.errors import TargetError
from idchaos.targets.base import ProcessState
from idchaos.undo.ledger import RUN_ID_VARIABLE

READY_WITHIN_S = 20.0
PYTHON_MODULE = (sys.executable, "-P", "-m")


@dataclass
class Process:
    """One child. ``command`` never holds a secret: those are in ``environment``."""

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
        try:
            lines = self.log_path.read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:300] if lines else ""

    def ended(self) -> int | None:
        """Its exit code (negative: the signal), or ``None`` while it lives."""
        return None if self._child is None else self._child.poll()

    def state(self) -> ProcessState:
        """How it is, as the system says."""
        if self._child is None or self._child.poll() is not None:
            return ProcessState(status="dead", incarnation="")
        stopped = psutil.Process(self._child.pid).status() == psutil.STATUS_STOPPED
        return ProcessState(status="paused" if stopped else "running", incarnation=str(self._child.pid))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still lives."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

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
            self._child.kill()
            self._child.wait()
        self._release()

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
