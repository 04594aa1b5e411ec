"""The load generator as seen by the runner: a child process that is told what to do and reports how it goes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from idchaos.errors import LoadError
from idchaos.load.engine.job import LoadJob, Start, Withdrawn
from idchaos.run.leaks import Secret
from idchaos.undo.ledger import RUN_ID_VARIABLE

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 5.0


class Generator:
    """One child: ``launch`` → ``wait_ready`` → ``begin`` → progress → ``finish``."""

    def __init__(self, run_id: str, log_path: Path) -> None:
        self._run_id = run_id
        self._log_path = log_path
        self._child: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None
        self._said = threading.Condition()
        self._events: dict[str, dict[str, Any]] = {}
        self._listener: threading.Thread | None = None
        self.progress: list[Mapping[str, Any]] = []
        """Every progress report so far, oldest first."""
        self.secrets: list[Secret] = []
        """What it was handed by the IdP, once it has ended. Never stored."""

    def launch(self, job: LoadJob) -> None:
        """Start the child and hand it its job through a pipe: a job holds secrets."""
        self._log = self._log_path.open("ab")
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "idchaos.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
            env={**os.environ, RUN_ID_VARIABLE: self._run_id},
        )
        self._listener = threading.Thread(target=self._listen, name="load-generator", daemon=True)
        self._listener.start()
        self._tell(job.model_dump_json())

    def wait_ready(self) -> Mapping[str, Any]:
        """Return when it has logged in and holds its plan.

        Raises:
            LoadError: it failed, ended, or needs too long.
        """
        return self._wait("ready", READY_WITHIN_S)

    def begin(self, start: float, withdrawn: tuple[Withdrawn, ...] = ()) -> None:
        """Set the load's first moment, in Unix time; ``withdrawn``: keys that are gone since the preparation."""
        self._tell(Start(start=start, withdrawn=withdrawn).model_dump_json())

    def withdrawn(self, key: Withdrawn) -> None:
        """Say that a key was withdrawn while the load runs: its tokens become canaries."""
        self._tell(key.model_dump_json())

    def check(self) -> None:
        """Say so when it has failed.

        Raises:
            LoadError: with its own words.
        """
        failed = self._events.get("failed")
        if failed is not None:
            raise LoadError(f"load generator: {failed.get('message', 'failed')}")
        if self._child is not None and self._child.poll() not in (None, 0):
            raise LoadError(f"load generator ended with code {self._child.returncode}; see {self._log_path}")

    def finish(self, within_s: float) -> Mapping[str, Any]:
        """Wait for its own end; returns its summary.

        Raises:
            LoadError: it failed or needs too long.
        """
        return self._wait("done", within_s)

    def stop(self) -> None:
        """End it, whatever it does: it flushes what it recorded. May be called at any time, and again."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(OSError, ValueError):
            if child.stdin is not None:
                child.stdin.close()
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if self._listener is not None:
            self._listener.join(STOP_WITHIN_S)  # its last words may still be in the pipe
        if self._log is not None:
            self._log.close()

    @property
    def pid(self) -> int | None:
        """The child's process number; ``None`` before and after its life."""
        return None if self._child is None else self._child.pid

    @property
    def summary(self) -> Mapping[str, Any]:
        """Its last words about all of the load; empty when it never came to them."""
        return self._events.get("done", {})

    def _tell(self, line: str) -> None:
        try:
            assert self._child is not None and self._child.stdin is not None
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()
        except OSError:
            self.check()
            raise LoadError(f"load generator does not listen; see {self._log_path}") from None

    def _listen(self) -> None:
        child = self._child
        if child is None or child.stdout is None:
            return
        for line in child.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            with self._said:
                if event.get("event") == "progress":
                    self.progress.append(event)
                elif event.get("event") == "secrets":
                    self.secrets += [Secret(str(kind), str(value)) for kind, value in event.get("secrets", ())]
                else:
                    self._events[str(event.get("event"))] = event
                self._said.notify_all()
        child.stdout.close()
        with self._said:
            self._events.setdefault("closed", {})
            self._said.notify_all()

    def _wait(self, event: str, within_s: float) -> Mapping[str, Any]:
        deadline = time.monotonic() + within_s
        with self._said:
            while event not in self._events:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise LoadError(f"load generator: no {event!r} within {within_s:.0f} s; see {self._log_path}")
                if "failed" in self._events or "closed" in self._events:
                    self.check()
                    raise LoadError(f"load generator ended before {event!r}; see {self._log_path}")
                self._said.wait(min(left, 0.2))
        return self._events[event]


def silent_services(summary: Mapping[str, Any]) -> str:
    """The services that served good requests and never said whose an answer was, as words; empty without one."""
    told, untold = summary.get("echoed") or {}, summary.get("unechoed") or {}
    return ", ".join(sorted(service for service in untold if service not in told))
