"""What can go wrong, as one tree. Each error has a stable ``code`` and the exit code that it leads to.

::

    IdchaosError
    ├── UsageError          64  the user asked for something that cannot be (unknown name, bad value, bad file)
    │   └── Unsuited        64  a scenario needs what this target has not
    ├── TargetError         70  a part of the target did not start, or died
    │   └── EngineMissing   70  no Docker engine, or no Compose
    ├── UndecidableError     2  the run was ended because nothing could be concluded from it
    ├── FaultError          70  a fault could not be applied or healed
    ├── LoadError           70  the load generator did not start, or died
    └── StoreError          70  the run directory cannot be written (a full disk, no permission)
        └── NotStored       70  a verdict was reached, and could not be kept (``idchaos.studies.single``)

    KeyboardInterrupt
    └── Interrupted        130  Ctrl-C or SIGTERM: not an error, so that nothing that handles errors swallows it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of the command."""

    PASS = 0
    FAIL = 1
    INCONCLUSIVE = 2
    USAGE = 64
    HARNESS = 70
    INTERRUPTED = 130


class IdchaosError(Exception):
    """One clear line: what was wrong, where, and what would be right."""

    code: ClassVar[str] = "harness_failed"
    exit_code: ClassVar[ExitCode] = ExitCode.HARNESS


class UsageError(IdchaosError):
    """The user asked for something that cannot be."""

    code = "bad_usage"
    exit_code = ExitCode.USAGE


class Unsuited(UsageError):
    """A scenario needs what this very target has not. Of all scenarios, such a one is skipped, and named."""

    code = "unsuited"


class TargetError(IdchaosError):
    """A part of the target did not start, or died."""

    code = "target_failed"


class EngineMissing(TargetError):
    """No Docker engine answers, or Compose is not installed."""

    code = "engine_missing"


class UndecidableError(IdchaosError):
    """The run was ended early because nothing could be concluded from going on."""

    code = "undecidable"
    exit_code = ExitCode.INCONCLUSIVE


class FaultError(IdchaosError):
    """A fault could not be applied or healed."""

    code = "fault_failed"


class LoadError(IdchaosError):
    """The load generator did not start, or died."""

    code = "load_failed"


class StoreError(IdchaosError):
    """The run directory cannot be written or read."""

    code = "store_failed"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM."""

    code: ClassVar[str] = "interrupted"
    exit_code: ClassVar[ExitCode] = ExitCode.INTERRUPTED


MOST_NAMED = 24
"""So many names are still read in a line."""


def told(error: BaseException) -> str:
    """An error as users read it: what it says, and the notes of what went wrong after it (PEP 678)."""
    notes: list[str] = getattr(error, "__notes__", [])
    return "; ".join((str(error) or type(error).__name__, *notes))


def named(error: Exception) -> str:
    """An error as users read it, where it may be a mistake of our own, of which the kind says most."""
    if isinstance(error, IdchaosError):
        return told(error)
    return f"internal error: {type(error).__name__}: {told(error)}" if str(error) else f"internal error: {told(error)}"


def interruption(error: BaseException) -> str | None:
    """What an interruption, here or among the causes, has to say: it may have a note of what a run left behind. A
    library may have made something else of a Ctrl-C that came while it was being imported.
    """
    for each in causes(error):
        if isinstance(each, Interrupted):
            return told(each)
        if isinstance(each, KeyboardInterrupt):
            return "interrupted"
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it came from, and so on."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The line for a name that is none: the nearest ones that are, or else those that there are, if many the first."""
    there = list(known)
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.6)
    more = f" and {len(there) - MOST_NAMED} more" if len(there) > MOST_NAMED else ""
    hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(there[:MOST_NAMED])}{more}"
    return f"{what}: {name!r} is unknown; {hint}"
