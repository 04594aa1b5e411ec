"""Prepared runs in processes of their own, several at once: each is what its command would have been in a shell."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from pydantic import ValidationError

from idchaos.errors import IdchaosError
from idchaos.run.launch import Prepared, repeat_command
from idchaos.verdict.verdict import RunVerdict

Item = TypeVar("Item")
Result = TypeVar("Result")
STOP_S = 30.0
"""A run that was told to stop heals and stops its target within this time; its guardian does the rest."""


class WorkerPool:
    """A context in which runs go side by side. Whoever leaves it early stops those under way, and waits for them."""

    def __init__(self, at_once: int) -> None:
        self._pool = ThreadPoolExecutor(at_once)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._left = False

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._left = True
            under_way = tuple(self._running)
        for process in under_way:
            process.terminate()
        for process in under_way:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._pool.shutdown(cancel_futures=True)

    def map(self, act: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """What ``map`` gives, in the same order, with several of the acts under way at once."""
        return self._pool.map(act, items)

    def run(self, prepared: Prepared) -> RunVerdict:
        """Execute, judge, report.

        Raises:
            IdchaosError: the run could not be completed; says what it said.
        """
        words = shlex.split(repeat_command(prepared))[1:]
        with self._lock:
            if self._left:
                raise IdchaosError("stopped before it began")
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "idchaos", *words, "--reports", str(prepared.request.reports), "--json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._running.add(process)
        try:
            stdout, stderr = process.communicate()
        finally:
            with self._lock:
                self._running.discard(process)
        return _read(stdout, stderr, process.returncode)


def _read(stdout: str, stderr: str, code: int) -> RunVerdict:
    """The verdict that ``run --json`` printed. An error that came with it outweighs it."""
    said = " ".join(stderr.split()) or f"exit code {code}"
    try:
        document = json.loads(stdout)
        if "error" in document:
            raise IdchaosError(document["error"])
        return RunVerdict.model_validate(document["runs"][0])
    except (ValueError, LookupError, TypeError, ValidationError) as error:
        raise IdchaosError(f"a run in a worker gave no verdict: {said}") from error
