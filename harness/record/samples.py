"""The one sample schema, what makes an outcome, and the store.

A sample is one request. While a run goes on, samples are appended to a *stream*: a header line with the columns,
then one JSON array a line. A stream cut short (a killed process, a full disk) is readable up to its last whole line.
:func:`compact` turns a stream into Parquet, :func:`load` reads that into a DataFrame.

pandas and pyarrow are imported where they are used: the load generator needs the schema but must not pay for them.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from idchaos.errors import StoreError
from idchaos.experiment import Outcome

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Decision = Literal["accept", "deny", "undecided"]
"""What the target decided. Could not decide (5xx, no answer) is a decision of its own."""
Expected = Literal["accept", "deny", "either"]
"""What a sound target decides. ``either``: both are right at this moment, such as within a cache's allowed lag."""

AROUND: Final = "around:"
"""How the ``endpoint`` of a request begins that was sent to a service, around the gateways; its path follows."""
METHODS: Final = frozenset({"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"})
"""Other than GET, as the ``way`` of a request may begin."""
SCHEMA_VERSION: Final = 2
_MAGIC: Final = "idchaos-samples"
_METADATA_KEY: Final = b"idchaos-samples"
_ROWS_AT_ONCE: Final = 50_000

_KINDS: Final[dict[str, Literal["f8", "i4", "str"]]] = {
    "due_at": "f8",
    "sent_at": "f8",
    "latency_s": "f8",
    "service_time_s": "f8",
    "flow": "str",
    "endpoint": "str",
    "status": "i4",
    "decision": "str",
    "expected": "str",
    "outcome": "str",
    "error_code": "str",
    "canary": "str",
    "session": "str",
    "way": "str",
    "subject_service": "str",
    "replica": "str",
    "service": "str",
    "kid": "str",
    "jti": "str",
    "format": "str",
    "token_iat": "f8",
    "token_exp": "f8",
    "token_obtained_at": "f8",
    "retry": "i4",
}
COLUMNS: Final[tuple[str, ...]] = tuple(_KINDS)
"""In the order of a stream's lines.

``due_at``, ``sent_at``, ``token_obtained_at``: Unix time of the load generator, in seconds; ``sent_at`` is NaN for a
request that was never sent, and so are ``latency_s`` (from ``due_at``) and ``service_time_s`` (from ``sent_at``).
``token_iat``, ``token_exp``: the token's claims, in the IdP's time; NaN where there is no JWT.
``session``: who asked. ``way``: by which method, where that is not GET; how a canary or an attacker went about it, or
what a thief had. ``subject_service``: of a token for another service than the one asked:
which. Schema 1 spelled the latter two inside ``session``.
``status``: 0 when no HTTP response came. ``retry``: attempts before this one.
"""

OUTCOME_OF: Final[dict[tuple[str, str], Outcome]] = {
    ("accept", "accept"): Outcome.OK,
    ("accept", "deny"): Outcome.WRONGLY_DENIED,
    ("accept", "undecided"): Outcome.UNAVAILABLE,
    ("deny", "accept"): Outcome.WRONGLY_ACCEPTED,
    ("deny", "deny"): Outcome.DENIED,
    ("deny", "undecided"): Outcome.UNAVAILABLE,
    ("either", "accept"): Outcome.OK,
    ("either", "deny"): Outcome.DENIED,
    ("either", "undecided"): Outcome.UNAVAILABLE,
}


DECISIONS: Final[tuple[Decision, ...]] = ("accept", "deny", "undecided")
EXPECTED: Final[tuple[Expected, ...]] = ("accept", "deny", "either")
ACCEPT, DENY, EITHER = range(3)
"""Codes of :data:`EXPECTED`."""
OUTCOMES: Final = tuple(Outcome)
_FIXED: Final[dict[str, tuple[str, ...]]] = {
    "decision": DECISIONS,
    "expected": EXPECTED,
    "outcome": tuple(str(each) for each in OUTCOMES),
}
"""Columns that hold one of a few words, in the order of their codes."""


def by_method(method: str, way: str) -> str:
    """The ``way`` of a request that is sent by another method than GET, and otherwise is what that way says."""
    return f"{method.lower()}_{way}" if way else method.lower()


def whatever_method(way: str) -> str:
    """What :func:`by_method` was given: the ``way`` without the method that it begins with."""
    first, _, rest = way.partition("_")
    return rest if first.upper() in METHODS else way


def method_of(way: str, endpoint: str) -> str:
    """The method of an attempt: that which its way begins with; where it names none, GET at APIs, POST at the IdP."""
    named = way.partition("_")[0].upper()
    if named in METHODS:
        return named
    return "GET" if "/" in endpoint else "POST"


def is_way(column: pd.Series, way: str) -> pd.Series:
    """Where a column of ways says that one, by whatever everyday method it was sent."""
    return column.isin([way, by_method("POST", way)])


def classify(expected: Expected, decision: Decision) -> Outcome:
    """The outcome of a request that should have met ``expected`` and met ``decision``."""
    return OUTCOME_OF[expected, decision]


def stream_header() -> str:
    """The first line of a stream, without its newline."""
    return json.dumps({"format": _MAGIC, "version": SCHEMA_VERSION, "columns": COLUMNS})


# --- the store ----------------------------------------------------------------------------------------------------


def read_stream(path: Path) -> Iterator[list[Any]]:
    """The rows of a stream, in the order of :data:`COLUMNS`; a truncated last line is left out.

    Raises:
        StoreError: the file is missing, no stream, of another version, or broken before its last line.
    """
    try:
        with path.open("rb") as lines:
            version = _check_header(path, lines.readline())
            torn: int | None = None
            for number, line in enumerate(lines, start=2):
                if torn is not None:
                    raise StoreError(f"{path}: line {torn} is no sample; the file was damaged after it was written")
                row = _parse(line, version)
                if row is None:
                    torn = number
                else:
                    yield row
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from None


def _check_header(path: Path, line: bytes) -> int:
    """The schema of a stream."""
    try:
        header = json.loads(line)
        ours = header["format"] == _MAGIC
    except (ValueError, KeyError, TypeError, RecursionError):
        ours = False
    if not ours:
        raise StoreError(f"{path}: not a stream of samples (its first line should say so)")
    version = header.get("version")
    if version not in _COLUMNS_OF or header.get("columns") != list(_COLUMNS_OF[version]):
        raise StoreError(f"{path}: samples of schema {version}; this version reads schemas 1 and {SCHEMA_VERSION}")
    return int(version)


def _parse(line: bytes, version: int) -> list[Any] | None:
    """A row, or ``None`` for a line that was not written whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, list) or len(row) != len(_COLUMNS_OF[version]):
        return None
    return row if version == SCHEMA_VERSION else _upgraded(row)


_COLUMNS_OF: Final[dict[object, tuple[str, ...]]] = {
    1: tuple(name for name in COLUMNS if name not in ("way", "subject_service")),
    SCHEMA_VERSION: COLUMNS,
}


def _upgraded(row: list[Any]) -> list[Any]:
    told = dict(zip(_COLUMNS_OF[1], row, strict=True))
    way, service = meanings(*(str(told[name]) for name in ("flow", "canary", "session")))
    return [(told | {"way": way, "subject_service": service})[name] for name in COLUMNS]


def meanings(flow: str, canary: str, session: str) -> tuple[str, str]:
    """What schema 1 spelled inside ``session``: the columns ``way`` and ``subject_service``."""
    head, _, rest = session.partition(":")
    if head == "canary" and rest:
        return rest, rest.removeprefix("for_") if canary == "wrong_audience" and rest.startswith("for_") else ""
    if flow == "attacker":
        return session, ""
    return {"parallel": rest.partition(":")[0], "theft": rest}.get(head, ""), ""


def compact(stream_path: Path, parquet_path: Path) -> int:
    """Write a stream's samples as Parquet, whole or not at all; returns how many.

    Raises:
        StoreError: the stream cannot be read, or the Parquet file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    layout = schema()
    partial = parquet_path.with_name(parquet_path.name + ".partial")
    rows = read_stream(stream_path)
    count = 0
    try:
        with pq.ParquetWriter(partial, layout, compression="zstd") as writer:
            while chunk := list(islice(rows, _ROWS_AT_ONCE)):
                columns = [
                    pa.array(values, type=field.type, from_pandas=False)
                    for values, field in zip(zip(*chunk, strict=True), layout, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=layout))
                count += len(chunk)
        partial.replace(parquet_path)
    except OSError as error:
        raise StoreError(f"{parquet_path}: cannot be written: {error.strerror or error}") from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise StoreError(f"{stream_path}: a value does not fit its column: {error}") from None
    finally:
        with contextlib.suppress(OSError):  # on a disk that can't be written, nothing can be removed either
            partial.unlink(missing_ok=True)
    return count


def schema() -> pa.Schema:
    """The columns of ``samples.parquet``, with the version."""
    import pyarrow as pa

    types = {"f8": pa.float64(), "i4": pa.int32(), "str": pa.string()}
    fields = [pa.field(name, types[kind], nullable=False) for name, kind in _KINDS.items()]
    return pa.schema(fields, metadata={_METADATA_KEY: str(SCHEMA_VERSION).encode()})


def load(path: Path) -> pd.DataFrame:
    """The samples of ``samples.parquet``, with the columns of :data:`COLUMNS`; texts as categories, in order.

    Raises:
        StoreError: the file is missing, truncated, no Parquet, or of another schema.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        version = _version(path, pq.read_schema(path))
        names = _COLUMNS_OF[version]
        with pq.ParquetFile(path, read_dictionary=[name for name in names if _KINDS[name] == "str"]) as file:
            # One column after the other, so that no more than one is held in two forms.
            columns = {name: _whole(path, name, file.read(columns=[name]).column(0)).to_pandas() for name in names}
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from None
    except pa.ArrowException:
        raise StoreError(f"{path}: not a whole Parquet file; compact the stream again") from None
    pa.default_memory_pool().release_unused()
    frame = pd.DataFrame(columns, copy=False)
    del columns
    return _categorical(frame if version == SCHEMA_VERSION else _with_meanings(frame))


def _whole(path: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column, if each of its values is there, and is of its kind."""
    from pyarrow import types

    found = column.type.value_type if types.is_dictionary(column.type) else column.type
    what, fits = {
        "f8": ("floating-point numbers", types.is_floating(found)),
        "i4": ("whole numbers", types.is_integer(found)),
        "str": ("texts", types.is_string(found) or types.is_large_string(found)),
    }[_KINDS[name]]
    if not fits:
        raise StoreError(f"{path}: the column {name} holds {found}, and should hold {what}")
    if column.null_count:
        raise StoreError(f"{path}: the column {name} has {column.null_count:,} values missing")
    return column


def _version(path: Path, found: pa.Schema) -> int:
    version = (found.metadata or {}).get(_METADATA_KEY, b"").decode(errors="replace")
    if not version:
        raise StoreError(f"{path}: a Parquet file, but not of samples")
    known = {str(number): names for number, names in _COLUMNS_OF.items()}
    if found.names != list(known.get(version, ())):
        raise StoreError(f"{path}: samples of schema {version}; this version reads schemas 1 and {SCHEMA_VERSION}")
    return int(version)


def _with_meanings(frame: pd.DataFrame) -> pd.DataFrame:
    """Samples of schema 1 as those of today; see :func:`meanings`."""
    spelled = frame[["flow", "canary", "session"]]
    each = spelled.drop_duplicates()
    meant = [meanings(*map(str, row)) for row in each.itertuples(index=False)]
    found = each.assign(way=[way for way, _ in meant], subject_service=[service for _, service in meant])
    told = spelled.merge(found, how="left", on=["flow", "canary", "session"])
    upgraded = frame.assign(way=told["way"].to_numpy(), subject_service=told["subject_service"].to_numpy())
    return upgraded[list(COLUMNS)]


def _categorical(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts as categories in the order of the alphabet; those of :data:`_FIXED` in the order of their codes, and
    ``jti``, of which there may be as many as samples, as they came.
    """
    import pandas as pd

    for name, kind in _KINDS.items():
        if kind != "str":
            continue
        column = frame[name].astype("category")
        if name == "jti":
            frame[name] = column
            continue
        found = column.cat.categories
        wanted = pd.Index([*_FIXED.get(name, ()), *sorted(set(found) - set(_FIXED.get(name, ())))], dtype="str")
        frame[name] = column.cat.set_categories(wanted)
    return frame


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Samples written by hand, for tests and examples: what a row leaves out gets a plain default."""
    import pandas as pd

    frame = pd.DataFrame([_filled(row) for row in rows], columns=list(COLUMNS)).astype(
        {name: {"f8": "float64", "i4": "int32", "str": "str"}[kind] for name, kind in _KINDS.items()}
    )
    return _categorical(frame)


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    due = row.get("due_at", 0.0)
    defaults: dict[str, Any] = {
        "due_at": due,
        "sent_at": due,
        "latency_s": 0.01,
        "service_time_s": 0.01,
        "flow": "api",
        "status": 200,
        "decision": "accept",
        "expected": "accept",
        "retry": 0,
    }
    filled = {name: "" if kind == "str" else math.nan for name, kind in _KINDS.items() if name not in defaults}
    whole = filled | defaults | row
    if "outcome" not in row:
        whole["outcome"] = str(OUTCOME_OF[whole["expected"], whole["decision"]])
    return whole
