"""Looks at the machine about once a second while a run goes on: telemetry ``host``, and journal events of trouble.

Everything from /proc is optional: on a system without it, clocks and the load generator's CPU time are still watched.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from idchaos.clock import Clock
from idchaos.errors import StoreError
from idchaos.record.host import Reading, Span, joined, shares, troubles
from idchaos.record.rundir import RunDirectory

EVERY_S = 1.0
COMPONENT = "host"
PROC = Path("/proc")
_NS = 1e-9
_TRIES = 5
_CLOSE_S = 0.001


class HostWatch:
    """A thread. ``generator``: the process number of the load generator, once there is one."""

    def __init__(self, directory: RunDirectory, generator: Callable[[], int | None]) -> None:
        self._directory = directory
        self._clock = Clock()
        self._generator = generator
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="host", daemon=True)
        self._going_on: Span | None = None
        self._failure: StoreError | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when nothing more will be written. May be called again.

        Raises:
            StoreError: something could not be written.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _loop(self) -> None:
        try:
            before = self._look()
            over = False
            while not over:
                over = self._stop.wait(EVERY_S)
                after = self._look()
                self._note(before, after)
                before = after
            self._tell()
        except StoreError as error:
            self._failure = error
        except Exception as error:  # whatever it was: a machine that nobody watches must not pass for a quiet one
            self._unwatched(error)

    def _unwatched(self, error: Exception) -> None:
        now = round(self._clock.now(), 3)
        why = f"the machine was not watched any more ({type(error).__name__}: {error})"
        try:
            self._directory.record("host_unwatched", since=now - EVERY_S, until=now, why=why)
        except StoreError as failure:
            self._failure = failure

    def _look(self) -> Reading:
        return look(self._clock, self._generator())

    def _note(self, before: Reading, after: Reading) -> None:
        state = {name: value for name, value in dataclasses.asdict(shares(before, after)).items() if value is not None}
        self._directory.telemetry.append({"at": after.at, "component": COMPONENT, "state": state})
        found = troubles(before, after)
        if not found:
            self._tell()
        for span in found:
            longer = joined(self._going_on, span) if self._going_on is not None else None
            if longer is None:
                self._tell()
            self._going_on = longer or span

    def _tell(self) -> None:
        """Write down what is over."""
        span, self._going_on = self._going_on, None
        if span is not None:
            self._directory.record(span.kind, since=round(span.since, 3), until=round(span.until, 3), why=span.why)


def look(clock: Clock, generator: int | None) -> Reading:
    """Read every clock and counter now."""
    at, wall, doubt = _times(clock)
    cpu = psutil.cpu_times()
    own = psutil.Process().children(recursive=True)
    return Reading(
        at=at,
        wall=wall,
        doubt_s=doubt,
        asleep_s=_asleep(),
        busy_s=sum(cpu) - cpu.idle - getattr(cpu, "iowait", 0.0) - _guests(cpu),
        stolen_s=getattr(cpu, "steal", None),
        total_s=sum(cpu) - _guests(cpu),
        stalled_s=_stalled(),
        waited_s={each.pid: waited for each in own if (waited := _waited(each.pid)) is not None},
        generator_s=_cpu_time(generator),
    )


def _times(clock: Clock) -> tuple[float, float, float]:
    """The run's and the system's time of one moment, and how far apart they were read; the best of a few tries."""
    best = (0.0, 0.0, float("inf"))
    for _ in range(_TRIES):
        before = clock.now()
        wall = time.time()
        after = clock.now()
        if after - before < best[2]:
            best = ((before + after) / 2, wall, after - before)
        if best[2] < _CLOSE_S:
            break
    return best


def _asleep() -> float:
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if boot is None else time.clock_gettime(boot) - time.clock_gettime(time.CLOCK_MONOTONIC)


def _guests(cpu: object) -> float:
    """Linux counts guests' time within ``user`` and ``nice`` already."""
    return float(getattr(cpu, "guest", 0.0) + getattr(cpu, "guest_nice", 0.0))


def _stalled() -> float | None:
    try:
        first = (PROC / "pressure/cpu").read_text().splitlines()[0]
        return int(first.rpartition("total=")[2]) * 1e-6
    except (OSError, ValueError, IndexError):
        return None


def _waited(pid: int) -> float | None:
    """The second number of schedstat: time on the run queue of the process's main thread, in nanoseconds."""
    try:
        return int((PROC / str(pid) / "schedstat").read_text().split()[1]) * _NS
    except (OSError, ValueError, IndexError):
        return None


def _cpu_time(pid: int | None) -> float | None:
    if pid is None:
        return None
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)
