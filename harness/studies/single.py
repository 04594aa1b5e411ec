"""One run: executed, judged, reported. What the command line and the pytest plugin both do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idchaos.errors import StoreError, UndecidableError, UsageError, told
from idchaos.record.rundir import write_atomically
from idchaos.run.launch import Prepared, assemble
from idchaos.run.progress import Observer

if TYPE_CHECKING:
    from idchaos.verdict.verdict import RunVerdict


class NotStored(StoreError):
    """A verdict was reached, and it or its report cannot be written. The verdict is at least shown."""

    code = "not_stored"

    def __init__(self, message: str, verdict: RunVerdict) -> None:
        super().__init__(message)
        self.verdict = verdict


def run(
    prepared: Prepared, observer: Observer | None = None, begun: Callable[[Path], None] = lambda run_dir: None
) -> RunVerdict:
    """Execute, judge, report. ``begun`` is told the run directory as soon as there is one.

    Raises:
        IdchaosError: the run could not be completed. What was recorded has been judged and reported all the same.
    """
    execution, directory = assemble(prepared, observer)
    begun(directory.path)
    try:
        execution.execute()
    except BaseException as error:
        verdict = _conclude_after(error, directory.path)
        if isinstance(error, UndecidableError):
            # An early end is a verdict, INCONCLUSIVE; the journal holds the reason.
            return verdict
        raise
    return conclude(directory.path)


def _conclude_after(first: BaseException, run_dir: Path) -> RunVerdict:
    """Judge what was recorded until ``first`` ended the run, and note on it what that run left behind. Whatever goes
    wrong now is noted on it too, and it is raised.

    A full disk, for one, fails the run and then its report: the user must hear what came first.
    """
    try:
        verdict = conclude(run_dir)
    except BaseException as second:
        first.add_note(f"then, while it was judged: {told(second)}")
        raise first from first.__cause__
    if verdict.cleanup.problem and not isinstance(first, UndecidableError):
        first.add_note(verdict.cleanup.problem)
    return verdict


def conclude(run_dir: Path) -> RunVerdict:
    """Compact the samples of a run that has ended, judge it, write the verdict, draw the report.

    Raises:
        NotStored: the directory can't be written; the error has the verdict.
        StoreError: the directory can't be read.
    """
    compact(run_dir)
    record, verdict = judge(run_dir)
    draw(run_dir, record, verdict)
    return verdict


def compact(run_dir: Path) -> None:
    """Turn the stream of samples of a run that has ended into Parquet. Where that can't be done, the stream stays."""
    from idchaos.record import samples

    stream, parquet = run_dir / "samples.stream", run_dir / "samples.parquet"
    if not parquet.exists() and stream.exists() and stream.stat().st_size:
        # A full disk, or a stream that can't be read: both are for the judge to tell.
        with contextlib.suppress(StoreError):
            samples.compact(stream, parquet)
            stream.unlink()


def store(run_dir: Path, verdict: RunVerdict) -> None:
    """Write ``verdict.json``.

    Raises:
        NotStored: the directory can't be written.
    """
    try:
        write_atomically(run_dir / "verdict.json", verdict.to_json())
    except StoreError as error:
        raise NotStored(str(error), verdict) from error


def draw(run_dir: Path, record: Any, verdict: RunVerdict) -> None:
    """Write the verdict and the report of a judged run.

    Raises:
        NotStored: the directory can't be written.
    """
    from idchaos.report.write import write
    from idchaos.verdict.series.series import series_of

    store(run_dir, verdict)
    try:
        write(run_dir, record, verdict, series_of(record))
    except StoreError as error:
        raise NotStored(str(error), verdict) from error


def judge(run_dir: Path, *, strict: bool = False) -> tuple[Any, RunVerdict]:
    """A stored run's record and verdict. Changes nothing: the run may still be going on. ``strict``: no PASS where the
    target could not show all that is judged, whatever the run's own settings say.

    Raises:
        StoreError: the directory can't be read.
    """
    from idchaos.record import record as records
    from idchaos.report.again import with_replays
    from idchaos.verdict.observation import strictly
    from idchaos.verdict.verdict import judge_run

    record = records.load(run_dir)
    if strict:
        record = strictly(record)
    return record, with_replays(record.manifest, judge_run(record))


def judge_stored(run_dir: Path, *, strict: bool = False) -> tuple[Any, RunVerdict]:
    """As :func:`judge`, for a directory that a user names: one that can't be judged is bad input, not our failure.

    Raises:
        UsageError: the directory can't be read.
    """
    try:
        return judge(run_dir, strict=strict)
    except StoreError as error:
        raise UsageError(str(error)) from error
