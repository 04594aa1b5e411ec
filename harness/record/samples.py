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
from idchaos.values import Value

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Decision = Literal["accept", "deny", "undecided"]
"""What the target decided. Could not decide (5xx, no answer) is a decision of its own."""
Expected = Literal["accept", "deny", "either"]
"""What a sound target decides. ``either``: both are right at this moment, such as within a cache's allowed lag."""

NOT_OF_REVOCATION: Final = frozenset(
    {
        "token_missing", "token_malformed", "alg_not_allowed", "typ_not_allowed", "kid_unknown", "signature_invalid",
        "issuer_mismatch", "audience_mismatch", "token_expired", "token_not_yet_valid", "issued_in_future",
        "scope_insufficient", "claim_missing",
    }
)  # fmt: skip
"""Reasons of refusals that say nothing about whether a revocation was known."""

AROUND: Final = "around:"
"""How the ``endpoint`` of a request begins that was sent to a service, around the gateways; its path follows."""
SCHEMA_VERSION: Final = 1
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
``status``: 0 when no HTTP response came. ``retry``: attempts before this one.
"""

_OUTCOMES: Final[dict[tuple[str, str], Outcome]] = {
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


def classify(expected: Expected, decision: Decision) -> Outcome:
    """The outcome of a request that should have met ``expected`` and met ``decision``."""
    return _OUTCOMES[expected, decision]


def stream_header() -> str:
    """The first line of a stream, without its newline."""
    return json.dumps({"format": _MAGIC, "version": SCHEMA_VERSION, "columns": COLUMNS})


# --- what became known only afterwards ----------------------------------------------------------------------------


class Withdrawal(Value):
    """A signing key that was withdrawn from the key set while traffic flowed, and perhaps put back."""

    kid: str
    at: float
    allowed_lag_s: float = 0.0
    """For this long after ``at`` (and after ``restored_at``) a validator may still go by the key set before."""
    restored_at: float | None = None

    def expected(self, began_at: float, ended_at: float) -> Expected:
        """What a sound target decides on a good token of this key, asked from ``began_at`` to ``ended_at``.

        ``accept`` if the request was over before the withdrawal, ``deny`` if it began when every validator must
        know of it, ``either`` between the two.
        """
        if ended_at < self.at:
            return "accept"
        if self.restored_at is not None and began_at > self.restored_at + self.allowed_lag_s:
            return "accept"
        over = math.inf if self.restored_at is None else self.restored_at
        if began_at > self.at + self.allowed_lag_s and ended_at < over:
            return "deny"
        return "either"


class Disturbance(Value):
    """A span in which a fault may keep the news of a revocation from a replica."""

    start: float
    known_before: float
    """A token obtained before this moment, and revoked at once, was known to be revoked before the fault began."""
    end: float | None = None
    """When the fault was healed and caches have had their time since; ``None``: it was not healed."""

    def excuses(self, obtained_at: float, began_at: float, ended_at: float) -> bool:
        """Whether a replica need not know yet that a token was revoked, asked from ``began_at`` to ``ended_at``."""
        over = self.end is not None and began_at >= self.end
        return not over and ended_at > self.start and not obtained_at < self.known_before


class Facts(Value):
    """What a run's journal knows that the load generator could not know when it sent a request."""

    withdrawals: tuple[Withdrawal, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()


def rejudge(samples: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """A copy of ``samples`` whose ``expected`` and ``outcome`` allow for ``facts``.

    A good token is no longer good once its key was withdrawn. A revoked one of which the load generator could not say
    whether a replica must know it (``either``) must be refused, unless a fault of that time excuses it. Other bad
    tokens stay bad whatever happens.
    """
    judged = samples.copy()
    for withdrawal in facts.withdrawals:
        at_stake = (judged["kid"] == withdrawal.kid) & (judged["expected"] == "accept") & judged["sent_at"].notna()
        chosen = judged.loc[at_stake]
        _expect(
            judged,
            at_stake,
            [
                withdrawal.expected(began, began + took)
                for began, took in zip(chosen["sent_at"], chosen["service_time_s"], strict=True)
            ],
        )
    unsure = (judged["canary"] == "revoked") & (judged["expected"] == "either") & judged["sent_at"].notna()
    chosen = judged.loc[unsure]
    asked = zip(chosen["token_obtained_at"], chosen["sent_at"], chosen["service_time_s"], strict=True)
    _expect(
        judged,
        unsure,
        [
            "either" if any(each.excuses(got, began, began + took) for each in facts.disturbances) else "deny"
            for got, began, took in asked
        ],
    )
    return judged


def _expect(judged: pd.DataFrame, rows: pd.Series[bool], expected: list[Expected]) -> None:
    """Set what was right for these rows, and so their outcomes, in place."""
    decisions = judged.loc[rows, "decision"]
    judged.loc[rows, "expected"] = expected
    judged.loc[rows, "outcome"] = [
        str(_OUTCOMES[wanted, decision]) for wanted, decision in zip(expected, decisions, strict=True)
    ]


# --- the store ----------------------------------------------------------------------------------------------------


def read_stream(path: Path) -> Iterator[list[Any]]:
    """The rows of a stream, in the order of :data:`COLUMNS`; a truncated last line is left out.

    Raises:
        StoreError: the file is missing, no stream, of another version, or broken before its last line.
    """
    try:
        with path.open("rb") as lines:
            _check_header(path, lines.readline())
            torn: int | None = None
            for number, line in enumerate(lines, start=2):
                if torn is not None:
                    raise StoreError(f"{path}: line {torn} is no sample; the file was damaged after it was written")
                row = _parse(line)
                if row is None:
                    torn = number
                else:
                    yield row
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from None


def _check_header(path: Path, line: bytes) -> None:
    try:
        header = json.loads(line)
        ours = header["format"] == _MAGIC
    except (ValueError, KeyError, TypeError, RecursionError):
        ours = False
    if not ours:
        raise StoreError(f"{path}: not a stream of samples (its first line should say so)")
    if header.get("version") != SCHEMA_VERSION or header.get("columns") != list(COLUMNS):
        raise StoreError(
            f"{path}: samples of schema {header.get('version')}; this version reads schema {SCHEMA_VERSION}"
        )


def _parse(line: bytes) -> list[Any] | None:
    """A row, or ``None`` for a line that was not written whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, list) and len(row) == len(COLUMNS) else None


def compact(stream_path: Path, parquet_path: Path) -> int:
    """Write a stream's samples as Parquet, whole or not at all; returns how many.

    Raises:
        StoreError: the stream cannot be read, or the Parquet file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    partial = parquet_path.with_name(parquet_path.name + ".partial")
    rows = read_stream(stream_path)
    count = 0
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            while chunk := list(islice(rows, _ROWS_AT_ONCE)):
                columns = [
                    pa.array(values, type=field.type, from_pandas=False)
                    for values, field in zip(zip(*chunk, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
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


def _schema() -> pa.Schema:
    import pyarrow as pa

    types = {"f8": pa.float64(), "i4": pa.int32(), "str": pa.string()}
    fields = [pa.field(name, types[kind], nullable=False) for name, kind in _KINDS.items()]
    return pa.schema(fields, metadata={_METADATA_KEY: str(SCHEMA_VERSION).encode()})


def load(path: Path) -> pd.DataFrame:
    """The samples of ``samples.parquet``, with the columns of :data:`COLUMNS`.

    Raises:
        StoreError: the file is missing, truncated, no Parquet, or of another schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from None
    except pa.ArrowException:
        raise StoreError(f"{path}: not a whole Parquet file; compact the stream again") from None
    version = (table.schema.metadata or {}).get(_METADATA_KEY, b"").decode(errors="replace")
    if not version:
        raise StoreError(f"{path}: a Parquet file, but not of samples")
    if version != str(SCHEMA_VERSION) or table.schema.names != list(COLUMNS):
        raise StoreError(f"{path}: samples of schema {version}; this version reads schema {SCHEMA_VERSION}")
    frame: pd.DataFrame = table.to_pandas()
    return frame


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Samples written by hand, for tests and examples: what a row leaves out gets a plain default."""
    import pandas as pd

    return pd.DataFrame([_filled(row) for row in rows], columns=list(COLUMNS)).astype(
        {name: ("float64" if kind == "f8" else "int32") for name, kind in _KINDS.items() if kind != "str"}
    )


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
        whole["outcome"] = str(_OUTCOMES[whole["expected"], whole["decision"]])
    return whole
