"""The child process: one job in, lines of events out.

::

    stdin   {job}  ────────────▶ {"start": unix} ──▶ {"kid": withdrawn} … ── (end of file: stop)
    stdout          {"event":"ready"} ──▶ {"event":"progress"} … {"event":"secrets"} … {"event":"done"}
                    or  {"event":"failed"} at any time
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from gevent import monkey
from gevent.event import Event
from gevent.fileobject import FileObjectThread
from pydantic import ValidationError

from idchaos.clock import Clock
from idchaos.errors import ExitCode, IdchaosError, Interrupted, LoadError, UsageError
from idchaos.load.engine.generator import Generator
from idchaos.load.engine.job import LoadJob, Start, Withdrawn, event
from idchaos.load.engine.recorder import Recorder

Model = TypeVar("Model", LoadJob, Start, Withdrawn)
_FLUSH_EVERY_S = 0.1
"""Small and often: each flush holds up the load for as long as it takes to join its lines."""
_REPORT_EVERY = 5
"""Flushes to a progress line."""
_native_select: Callable[..., Any] = monkey.get_original("select", "select")


def main() -> int:
    """Run one job; the process's exit code."""
    return Child().live()


class Child:
    """The life of the process: a worker greenlet, and whatever ends it early."""

    def __init__(self) -> None:
        self._ended = Event()
        self._error: BaseException | None = None
        self._generator: Generator | None = None
        self._recorder: Recorder | None = None
        self._flusher: gevent.Greenlet | None = None
        self._clock = Clock()
        self._stdin = FileObjectThread(sys.stdin.fileno(), "rb", closefd=False)

    def live(self) -> int:
        """Work until done, failed, or told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._stop)
        gevent.get_hub().handle_error = self._crashed
        worker = gevent.spawn(self._work)
        self._ended.wait()
        if self._generator:
            self._generator.stop()
        worker.kill(block=False)
        if self._flusher:
            self._flusher.join(timeout=0.5)  # two writers would tear lines
        try:
            if self._recorder:
                self._recorder.close()
        except IdchaosError as error:
            self._error = self._error or error
        return self._last_word()

    def _last_word(self) -> int:
        error = self._error
        if error is not None and not isinstance(error, Interrupted):
            code = error.code if isinstance(error, IdchaosError) else LoadError.code
            what = str(error) if isinstance(error, IdchaosError) else f"a defect of the load generator: {error!r}"
            self._say(event("failed", code=code, message=what))
            return ExitCode.HARNESS
        if self._recorder and self._generator:
            for chunk in self._generator.scene.idp.handed_out.chunks():
                self._say(event("secrets", secrets=chunk))
            self._say(self._done(self._recorder, self._generator))
        return ExitCode.PASS

    def _done(self, recorder: Recorder, generator: Generator) -> dict[str, Any]:
        return event(
            "done",
            sent=recorder.sent,
            dropped=recorder.dropped,
            late_p99_s=recorder.late_p99_s(),
            recorded=recorder.recorded,
            in_flight=generator.in_flight,
            skipped=dict(recorder.skipped),
            clients_tried=recorder.clients,
            not_offered=recorder.not_offered,
            unsampled=dict(recorder.unsampled),
            unsampled_unsure=dict(recorder.unsampled_unsure),
            resent=dict(recorder.resent),
            echoed=dict(recorder.echoed),
            unechoed=dict(recorder.unechoed),
            refusals_searched=dict(generator.scene.idp.quotes.searched),
            refusals_quoting=dict(generator.scene.idp.quotes.found),
            answers_searched=dict(generator.scene.idp.answers.searched),
            answers_quoting=dict(generator.scene.idp.answers.found),
            quoted_first=generator.scene.idp.answers.first | generator.scene.idp.quotes.first,
            unasked=self._unasked(generator),
            interrupted=isinstance(self._error, Interrupted),
        )

    def _unasked(self, generator: Generator) -> dict[str, dict[str, int | str]]:
        idp = generator.scene.idp
        idp.unasked.values(each for chunk in idp.handed_out.chunks() for each in chunk)
        return idp.unasked.told() | generator.scene.reached.counts() | generator.scene.once.counts()

    # --- the worker ---

    def _work(self) -> None:
        try:
            self._load()
        except (IdchaosError, Interrupted) as error:
            self._error = self._error or error
        except Exception as error:  # the parent gets one clear line, never a traceback
            self._error = self._error or error
        self._ended.set()

    def _load(self) -> None:
        job = _parse(LoadJob, self._line())
        recorder = self._recorder = Recorder(job.samples_path, self._clock.now)
        generator = self._generator = Generator(job, recorder, self._clock)
        generator.prepare()
        self._say(
            event(
                "ready",
                schedule_sha256=generator.schedule.digest,
                arrivals=len(generator.schedule),
                prepared=generator.prepared,
            )
        )
        order = _parse(Start, self._line())
        start = order.start
        for key in order.withdrawn:
            generator.withdrawn(key)
        gevent.spawn(self._watch_stdin)
        # What lives now lives to the end: the collector need not look at it again while load flows.
        gc.collect()
        gc.freeze()
        self._flusher = gevent.spawn(self._flush_and_report, start)
        generator.run(start)

    def _line(self) -> bytes:
        line: bytes = self._stdin.readline()
        if not line:
            raise Interrupted("the runner is gone")
        return line

    def _watch_stdin(self) -> None:
        """Keys that are withdrawn while the load runs; nothing more, or half a line: the runner wants the end."""
        while (line := self._stdin.readline()).endswith(b"\n"):
            try:
                withdrawn = _parse(Withdrawn, line)
            except IdchaosError as error:
                self._end(error)
                return
            if self._generator:
                self._generator.withdrawn(withdrawn)
        self._stop()

    def _flush_and_report(self, start: float) -> None:
        assert self._recorder and self._generator
        recorder, pool = self._recorder, gevent.get_hub().threadpool
        flushes = 0
        while not self._ended.is_set():
            self._ended.wait(_FLUSH_EVERY_S)
            try:
                # In a native thread: a slow disk must not hold up the load.
                pool.apply(recorder.write, (recorder.take(),))
            except IdchaosError as error:
                self._end(error)
                return
            flushes += 1
            if flushes % _REPORT_EVERY:
                continue
            recorder.in_flight = self._generator.in_flight
            now = self._clock.now()
            self._say(event("progress", at=now, elapsed_s=round(now - start, 3), **recorder.progress()), optional=True)

    # --- the end ---

    def _stop(self) -> None:
        self._end(Interrupted("stopped"))

    def _crashed(self, _context: object, kind: Any, value: Any, _traceback: object) -> None:
        """A greenlet died of a defect: the load is not what was planned any more."""
        if isinstance(kind, type) and issubclass(kind, gevent.GreenletExit):
            return
        self._end(value if isinstance(value, BaseException) else LoadError(str(kind)))

    def _end(self, error: BaseException) -> None:
        self._error = self._error or error
        if self._generator:
            self._generator.stop()
        self._ended.set()

    def _say(self, line: dict[str, Any], *, optional: bool = False) -> None:
        """One line on stdout. ``optional``: left out while nobody reads, since a full pipe would stop the load."""
        try:
            if optional and not _native_select([], [1], [], 0)[1]:
                return
            os.write(1, (json.dumps(line) + "\n").encode())
        except OSError:
            self._error = self._error or Interrupted("the runner is gone")
            self._ended.set()


def _parse(model: type[Model], line: bytes) -> Model:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        raise UsageError(f"{model.__name__}: {where}: {first['msg']}") from None
