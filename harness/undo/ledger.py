"""What must be undone, written (and fsynced) before it is done.

One file per run in the state directory, mode 0600, one JSON line per entry. A clean run deletes its file; whatever
file is left names what the guardian, or ``idchaos recover``, still has to undo.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from idchaos.errors import StoreError
from idchaos.values import Value

RUN_ID_VARIABLE = "IDCHAOS_RUN_ID"
"""In the environment of every process of a run, so that all of them can be found, whoever started them."""
STATE_VARIABLE = "IDCHAOS_STATE_DIR"
SUFFIX = ".ledger"
RUN_LABEL = "idchaos.run"
"""On every container and network of a run."""


PREFIX = "idchaos"
"""What the names of our toxics begin with. Others' are left alone, wherever they are; ``/reset`` is never asked for."""


class Processes(Value):
    """Undo: end every process that carries the run's id in its environment."""

    kind: Literal["processes"] = "processes"
    run_id: str


class Containers(Value):
    """Undo: remove every container and network that carries the run's id as a label."""

    kind: Literal["containers"] = "containers"
    run_id: str


class ToxicsOff(Value):
    """Undo, at a Toxiproxy that goes on living: remove the named toxics and enable the proxies."""

    kind: Literal["toxics"] = "toxics"
    api: str
    proxy: str
    toxics: tuple[str, ...] = ()


class UpstreamBack(Value):
    """Undo, at a Toxiproxy that goes on living: a proxy leads again where it led before a recorder was put behind it.
    One that leads elsewhere by now is let alone: somebody else has changed it.
    """

    kind: Literal["upstream"] = "upstream"
    api: str
    proxy: str
    upstream: str
    """Where it led, ``host:port``."""
    instead_of: str
    """Where it led during the run."""


class ControlCall(Value):
    """Undo, at a stand-in that goes on living: one control request. The secret is read from a file of mode 0600."""

    kind: Literal["control"] = "control"
    method: str
    url: str
    body: str | None = None
    secret_file: str


class Command(Value):
    """Undo: run a command, without a shell; it is undone when the command exits with 0.

    Arguments are for everyone to read: a command takes its secrets from its environment or from files of its own.
    """

    kind: Literal["command"] = "command"
    argv: tuple[str, ...] = Field(min_length=1)
    timeout_s: float = Field(30.0, gt=0, le=600)


class HttpCall(Value):
    """Undo: one HTTP request; it is undone when the answer is 2xx. Of a secret only its place is written down."""

    kind: Literal["http"] = "http"
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    url: str = Field(pattern=r"^(?i:https?)://[^\s/?#@]+([/?#]|$)")
    body: str | None = None
    content_type: str = "application/json"
    secret_file: str | None = None
    """A file of mode 0600 that holds a bearer token (RFC 6750)."""
    secret_variable: str | None = None
    """Or the environment variable that does."""
    ca_file: str | None = None
    """Certificates (PEM) that are trusted instead of the usual ones."""
    timeout_s: float = Field(10.0, gt=0, le=600)

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.secret_file is not None and self.secret_variable is not None:
            raise ValueError("the secret is in a file or in the environment, not in both")
        return self


Undo = Annotated[
    Processes | Containers | ToxicsOff | UpstreamBack | ControlCall | Command | HttpCall, Field(discriminator="kind")
]
_UNDO: TypeAdapter[Undo] = TypeAdapter(Undo)


class Owner(Value):
    """The process that a ledger belongs to; a pid alone could have been reused."""

    pid: int
    created: float

    @classmethod
    def this_process(cls) -> Owner:
        """The running process."""
        import psutil  # not at the top: every command reads this file, and few ask who is alive

        process = psutil.Process()
        return cls(pid=process.pid, created=process.create_time())

    def alive(self) -> bool:
        """Whether that very process is still there."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def state_dir() -> Path:
    """Where ledgers and running targets are kept: ``$IDCHAOS_STATE_DIR`` or the user's state directory."""
    chosen = os.environ.get(STATE_VARIABLE)
    base = (
        Path(chosen) if chosen else Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "idchaos"
    )
    try:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"{base}: cannot be made: {error.strerror}; set {STATE_VARIABLE}") from None
    return base


def ledger_path(run_id: str) -> Path:
    """Where a run's ledger is, or would be."""
    return state_dir() / f"{run_id}{SUFFIX}"


class Ledger:
    """An open ledger. ``write`` before the act, ``done`` after its undo, ``close`` when nothing is left."""

    def __init__(self, run_id: str, directory: Path | None = None) -> None:
        self.path = (directory or state_dir()) / f"{run_id}{SUFFIX}"
        self._next = 0
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from None
        self._file = os.fdopen(descriptor, "w")
        self._line({"owner": Owner.this_process().model_dump(), "run_id": run_id})

    def write(self, undo: Undo) -> int:
        """Promise an undo; returns its number. On disk when this returns."""
        self._next += 1
        self._line({"id": self._next, "undo": undo.model_dump()})
        return self._next

    def done(self, number: int) -> None:
        """The undo of that number was carried out and checked."""
        self._line({"done": number})

    def close(self, *, clean: bool) -> None:
        """Close; when clean, delete the file: nothing is left to undo."""
        with contextlib.suppress(OSError):  # a line that a full disk did not take was refused when it was written
            self._file.close()
        if clean:
            self.path.unlink(missing_ok=True)

    def _line(self, entry: dict[str, object]) -> None:
        try:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from None


@dataclass(frozen=True)
class Contents:
    """What a ledger says."""

    owner: Owner | None = None
    """``None``: it does not say."""
    pending: Mapping[int, Undo] = field(default_factory=dict)
    """Promises that were not kept yet, by number, the newest first."""
    unread: tuple[str, ...] = ()
    """What could not be understood, one line each; it may promise anything, so the ledger is not done with."""


def mark_done(path: Path, number: int) -> None:
    """Note in somebody else's ledger that an undo was carried out and checked. A ledger that is gone needs no note."""
    try:
        with path.open("r+b") as file:
            text = file.read()
            file.truncate(len(text) - len(_torn(text)))
            file.seek(0, os.SEEK_END)
            file.write(json.dumps({"done": number}).encode() + b"\n")
    except OSError:
        return  # the undo is repeated next time, which does no harm


def read(path: Path) -> Contents:
    """What a ledger says; nothing when it is gone. A torn last line is passed over, for its act was never done."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Contents()
    except OSError as error:
        return Contents(unread=(f"{path}: cannot be read: {error.strerror}",))
    owner: Owner | None = None
    pending: dict[int, Undo] = {}
    unread = []
    for number, line in enumerate(text.removesuffix(_torn(text)).splitlines(), start=1):
        try:
            entry = json.loads(line)
            if "owner" in entry:
                owner = Owner.model_validate(entry["owner"])
            elif "undo" in entry:
                pending[int(entry["id"])] = _UNDO.validate_python(entry["undo"])
            else:
                pending.pop(int(entry["done"]), None)
        except (ValueError, KeyError, TypeError):
            unread.append(f"{path}: line {number} promises something that this version does not understand")
    return Contents(owner, {number: pending[number] for number in sorted(pending, reverse=True)}, tuple(unread))


def _torn(text: bytes) -> bytes:
    """The last line, when whoever wrote it was killed before its end."""
    last = text.rpartition(b"\n")[2]
    try:
        json.loads(last)
    except ValueError:
        return last
    return b""
