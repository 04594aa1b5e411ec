"""A run's directory while the run goes on: made once, appended to, never rewritten."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, TypeVar

from idchaos.clock import Clock
from idchaos.errors import StoreError

LATEST = "latest"
Result = TypeVar("Result")

SCRAPE_EVERY_S = 0.5
"""How often a component's state is written to ``telemetry.jsonl``."""


class JsonLines:
    """An append-only file of JSON lines, each with its number (``n``, from 1); safe to use from several threads.

    Who reads it can tell by the numbers that a line is not there any more.

    Raises:
        StoreError: from ``append``, when the disk is full or the file is gone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written = 0
        self._file: IO[str] = _guarded(path, lambda: path.open("a", encoding="utf-8"))

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write one line; it has left this process when this returns."""
        line = json.dumps(entry, allow_nan=False, default=str)

        def write() -> None:
            with self._lock:
                self._file.write(f'{line[:-1]}, "n": {self._written + 1}}}\n')
                self._file.flush()
                self._written += 1

        _guarded(self._path, write)

    def close(self) -> None:
        """Close the file; a disk that is full now has already been reported."""
        try:
            self._file.close()
        except OSError:
            return


class RunDirectory:
    """``reports/<scenario>/<UTC timestamp>/`` and what is written there during the run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._now = Clock().now
        self._journal = JsonLines(path / "journal.jsonl")
        self.telemetry = JsonLines(path / "telemetry.jsonl")

    @classmethod
    def create(cls, reports: Path, scenario: str, manifest: Mapping[str, Any]) -> RunDirectory:
        """Make the directory, the manifest, and the ``latest`` link beside it.

        Raises:
            StoreError: it cannot be made.
        """
        path = _guarded(reports / scenario, lambda: _claim(reports / scenario))
        directory = cls(path)
        document = dict(manifest) | {"run_dir": str(path)}
        # The manifest comes last: a directory that has one can be judged, however early the run was killed.
        write_atomically(path / "manifest.json", json.dumps(document, indent=2, allow_nan=False, default=str) + "\n")
        _point_latest(path)
        return directory

    @property
    def samples_stream(self) -> Path:
        """Where the load generator appends samples while the run goes on."""
        return self.path / "samples.stream"

    def record(self, event: str, **fields: Any) -> None:
        """Append an event to the journal, stamped with the time now."""
        now = self._now()
        stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._journal.append({"at": now, "time": stamp, "event": event, **fields})

    def close(self) -> None:
        """Close journal and telemetry."""
        self._journal.close()
        self.telemetry.close()


def _claim(parent: Path) -> Path:
    """Make a directory named by the time, which is this run's alone: another may begin in the same millisecond."""
    for after_ms in range(1_000):
        moment = datetime.now(UTC) + timedelta(milliseconds=after_ms)
        path = parent / (moment.strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z")
        with contextlib.suppress(FileExistsError):
            (path / "logs").mkdir(parents=True)
            return path
    raise FileExistsError("a run has begun in each of the next thousand milliseconds")


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """
    partial = _partial(path)

    def write() -> None:
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise

    _guarded(path, write)


def make_room(path: Path) -> None:
    """Make the folders above a file, and see that it can be written, before there is anything to write.

    Raises:
        StoreError: it can't be.
    """

    def probe() -> None:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "should be a plain file")
        if path.parent.exists() and not path.parent.is_dir():
            raise OSError(errno.ENOTDIR, f"{path.parent} is no folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        _partial(path).touch()
        _partial(path).unlink()

    _guarded(path, probe)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _point_latest(path: Path) -> None:
    """Let ``latest`` beside the run name it. Where links can't be made, there simply is none."""
    link, partial = path.parent / LATEST, path.parent / f".{LATEST}.{os.getpid()}"
    try:
        partial.symlink_to(path.name)
        partial.replace(link)
    except OSError:
        partial.unlink(missing_ok=True)


def _guarded(path: Path, act: Callable[[], Result]) -> Result:
    try:
        return act()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{path}: cannot be written: {reason}") from error
