"""A study's table: a line a point as soon as it is made, and the same as Parquet and CSV when it is done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from idchaos.errors import StoreError, UsageError
from idchaos.record.rundir import write_atomically
from idchaos.studies.study.points import Result

SCHEMA = 1
LINES = "points.jsonl"
COLUMNS: Mapping[str, str] = {
    "key": "digest of plan, faults, settings, defects, target, seed and versions",
    "scenario": "the scenario that was run",
    "repeat": "0 for the first run with these settings, 1 for the second, ...",
    "seed": "the run's seed",
    "attempt": "0 for the first run with this key, 1 for that which was made since it decided nothing, ...",
    "verdict": "PASS, FAIL or INCONCLUSIVE: of what the study watches",
    "reason": "why it is not PASS",
    "run_dir": "the run's directory: samples, journal, report",
    "started_at": "RFC 3339, UTC",
    "took_s": "seconds from the start of the run to its verdict",
    "set:NAME": "the value of a setting that the study chose",
    "NAME@PHASE": "an objective's SLI in a phase, in the SLI's unit; empty where it was not measured",
    "NAME@PHASE:low": "lower end of its interval; empty: unbounded",
    "NAME@PHASE:high": "upper end of its interval; empty: unbounded",
    "figure:NAME": "what a bake-off read from the run, as its page shows it; empty: it could not be told",
    "figure:NAME:value": "the same as a number, in the unit that the page shows; empty: it is none",
    "figure:NAME:low": "lower end of its interval; empty: unbounded",
    "figure:NAME:high": "upper end of its interval; empty: unbounded",
}
"""The data dictionary: a column, or a kind of columns, and what is in it."""


class Table:
    """Results in a directory, kept as they come. Whoever opens it again finds all that was finished."""

    def __init__(self, directory: Path, question: Mapping[str, Any]) -> None:
        """``question``: what the study asks; a directory keeps the points of one question.

        Raises:
            UsageError: the directory has points of another question, or of another version of this file.
            StoreError: it can't be written.
        """
        self.directory = directory
        self._path = directory / LINES
        head = {"study": SCHEMA, "question": dict(question)}
        self._results: dict[tuple[str, int], Result] = {}
        """By key and attempt."""
        if self._path.exists():
            self._read(head)
        else:
            self._append(head)

    @classmethod
    def at(cls, directory: Path, question: Mapping[str, Any]) -> Table | None:
        """The table that is there already, to be read; ``None``: there is none.

        Raises:
            UsageError: as for a new one.
        """
        return cls(directory, question) if (directory / LINES).exists() else None

    @property
    def results(self) -> tuple[Result, ...]:
        """In the order in which they were made, each attempt by itself."""
        return tuple(self._results.values())

    def attempts(self, key: str) -> int:
        """How often a point was made."""
        return sum(each == key for each, _ in self._results)

    def found(self, key: str, since: str = "") -> Result | None:
        """The result of a point that was made before, but after ``since`` (RFC 3339), and decided something."""
        result = self._last(key)
        return result if result is not None and result.decided and result.started_at >= since else None

    def told(self, key: str) -> Result | None:
        """The result of a point that was made before and from which something was read, whatever was decided."""
        result = self._last(key)
        return result if result is not None and any(each.known for each in result.figures) else None

    def add(self, result: Result) -> None:
        """Keep a result: it is on the disk when this returns.

        Raises:
            StoreError: it can't be written; nothing that was kept before is lost.
        """
        self._append(result.model_dump(mode="json"))
        self._results[result.key, result.attempt] = result

    def export(self) -> None:
        """Write ``points.parquet``, ``points.csv`` and ``columns.md``.

        Raises:
            StoreError: they can't be written.
        """
        export(self.directory, [row_of(result) for result in self.results], COLUMNS)

    def _read(self, head: Mapping[str, Any]) -> None:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{self._path} cannot be read: {error}") from None
        first = _object(lines[0]) if lines else None
        if first is None or "study" not in first:
            raise UsageError(f"{self._path} is no table of a study; name another directory by --out")
        if first["study"] != SCHEMA:
            raise UsageError(
                f"{self._path} is of version {first['study']}, this program writes version {SCHEMA}: "
                "name another directory by --out"
            )
        if first["question"] != json.loads(json.dumps(head["question"], default=str)):
            raise UsageError(f"{self._path} has the points of another question: name another directory by --out")
        for number, line in enumerate(lines[1:], start=2):
            try:
                result = Result.model_validate_json(line)
            except ValidationError:
                if number == len(lines):
                    # A last line that is torn: its point was not finished.
                    self._mend(lines[:-1])
                    break
                raise UsageError(f"{self._path}: line {number} is damaged: remove it, or name another --out") from None
            self._results[result.key, result.attempt] = result

    def _last(self, key: str) -> Result | None:
        """The last attempt at a point."""
        return next((result for (each, _), result in reversed(self._results.items()) if each == key), None)

    def _mend(self, lines: Iterable[str]) -> None:
        write_atomically(self._path, "".join(f"{line}\n" for line in lines))

    def _append(self, entry: Mapping[str, Any]) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry, allow_nan=False, default=str) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}") from error


def row_of(result: Result) -> dict[str, Any]:
    """A result as a flat row; columns as :data:`COLUMNS` says."""
    row = result.model_dump(mode="json", exclude={"varied", "measured", "figures"})
    row |= {f"set:{name}": value for name, value in result.varied.items()}
    for each in result.measured:
        name = f"{each.name}@{each.phase}"
        row |= {name: each.value, f"{name}:low": each.interval[0], f"{name}:high": each.interval[1]}
    for figure in result.figures:
        name, (low, high) = f"figure:{figure.question}", figure.interval
        row |= {name: figure.text, f"{name}:value": figure.value, f"{name}:low": low, f"{name}:high": high}
    return row


def export(directory: Path, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Write ``points.parquet``, ``points.csv`` and ``columns.md``.

    Raises:
        StoreError: they can't be written.
    """
    import pandas as pd

    frame = pd.DataFrame(rows)
    parquet, partial = directory / "points.parquet", directory / ".points.parquet.partial"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(partial)
        partial.replace(parquet)
    except OSError as error:
        raise StoreError(f"{parquet} cannot be written: {error.strerror}") from error
    write_atomically(directory / "points.csv", frame.to_csv(index=False))
    write_atomically(directory / "columns.md", dictionary(columns))


def dictionary(columns: Mapping[str, str]) -> str:
    """The data dictionary as Markdown."""
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in columns.items())
    by = 'points.groupby([name for name in points if name.startswith("set:")])["verdict"].value_counts()'
    of_part = 'points[points["part"] == points["part"].iloc[0]].dropna(axis=1)'
    example = by if "set:NAME" in columns else of_part if "part" in columns else "points.describe()"
    return (
        "# Columns of points.parquet and points.csv\n\n| column | meaning |\n|---|---|\n"
        + rows
        + '\n```python\nimport pandas as pd\n\npoints = pd.read_parquet("points.parquet")\n'
        + f"print({example})\n```\n"
    )


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
