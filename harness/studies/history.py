"""All runs below a folder, as they were judged: from their manifests and verdicts alone, no sample is read.

What was read of a run is kept beside the page, with the times and sizes of its files: of many runs, only those that are
new or were judged again are read.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from idchaos.experiment import Verdict
from idchaos.record.rundir import write_atomically
from idchaos.report import history
from idchaos.report.history import Past, PastObjective
from idchaos.values import Value

INDEX = "index.html"
KEPT = ".history.json"
DEEPEST = 4
"""Folders below the one that is named, in which runs are looked for."""
STAND_IN = "standin"
"""What manifests call a gateway or an IdP of ours."""


class _Stored(BaseModel):
    """Fields that are read of a stored document; others may be there, of any version."""

    model_config = ConfigDict(extra="ignore")


class _Phase(_Stored):
    duration_s: float


class _Plan(_Stored):
    phases: tuple[_Phase, ...] = ()


class _Manifest(_Stored):
    target: str = ""
    gateway: str = ""
    idp: str = ""
    topology: str = ""
    repeat: str = ""
    defects: tuple[str, ...] = ()
    plan: _Plan = Field(default_factory=_Plan)


class _Invariant(_Stored):
    verdict: Verdict


class _Verdict(_Stored):
    scenario: str
    variant: str = ""
    profile: str = ""
    seed: int = 0
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    started_at: float | None = None
    objectives: tuple[PastObjective, ...] = ()
    invariants: tuple[_Invariant, ...] = ()


Stamp = tuple[int, int, int, int]
"""When verdict and manifest were written (ns), and how long each is."""


class _Known(Value):
    """A run as it was read, when its files were what ``stamp`` says."""

    stamp: Stamp
    run: Past


class _Kept(Value):
    """What is known of all runs below a folder, by their directories."""

    shape: str
    runs: dict[str, _Known]


def past(folder: Path) -> list[Past]:
    """Every run below a folder that was judged, the newest first. What can't be read is left out."""
    return _newest_first(_all(folder))


def write_index(folder: Path) -> Path:
    """Write the page of all runs into the folder, and beside it what was read of them.

    Raises:
        StoreError: it can't be written.
    """
    found = _all(folder)
    write_atomically(folder / INDEX, history.page(_newest_first(found)))
    write_atomically(folder / KEPT, _Kept(shape=_shape(), runs=found).model_dump_json())
    return folder / INDEX


def _newest_first(found: dict[str, _Known]) -> list[Past]:
    return sorted((each.run for each in found.values()), key=lambda run: (-(run.started_at or 0.0), run.path))


def _all(folder: Path) -> dict[str, _Known]:
    """Every run, by its directory from the folder: as it is known where its files are the same, else read."""
    known = _kept(folder)
    found: dict[str, _Known] = {}
    for path in _verdicts(folder):
        run_dir = path.parent.relative_to(folder).as_posix()
        try:
            stamp = _stamp(path)
            before = known.get(run_dir)
            found[run_dir] = (
                before if before and before.stamp == stamp else _Known(stamp=stamp, run=_read(path, run_dir))
            )
        except (OSError, ValueError):
            continue
    return found


def _kept(folder: Path) -> dict[str, _Known]:
    """What is known from before; nothing where that can't be read, or is of another version's shape."""
    try:
        kept = _Kept.model_validate_json((folder / KEPT).read_bytes())
    except (OSError, ValidationError):
        return {}
    return kept.runs if kept.shape == _shape() else {}


def _shape() -> str:
    """Of what is kept: another one was written by another version, which may have read less."""
    return hashlib.sha256(json.dumps(_Known.model_json_schema(), sort_keys=True).encode()).hexdigest()


def _stamp(verdict: Path) -> Stamp:
    judged, planned = verdict.stat(), (verdict.parent / "manifest.json").stat()
    return judged.st_mtime_ns, judged.st_size, planned.st_mtime_ns, planned.st_size


def _verdicts(folder: Path) -> Iterator[Path]:
    """``latest`` and other links are left out: what they lead to is found by its own name."""
    for depth in range(1, DEEPEST + 1):
        for path in folder.glob("/".join(["*"] * depth) + "/verdict.json"):
            if path.parent.resolve() == folder.resolve() / path.parent.relative_to(folder):
                yield path


def _read(path: Path, run_dir: str) -> Past:
    """A run as its verdict and its manifest tell of it.

    Raises:
        OSError, ValueError: they don't.
    """
    verdict = _Verdict.model_validate_json(path.read_bytes())
    manifest = _Manifest.model_validate_json((path.parent / "manifest.json").read_bytes())
    return Past(
        path=run_dir,
        scenario=verdict.scenario,
        variant=verdict.variant,
        profile=verdict.profile,
        target=manifest.target,
        gateway="" if manifest.gateway == STAND_IN else manifest.gateway,
        idp="" if manifest.idp == STAND_IN else manifest.idp,
        topology=manifest.topology,
        asked=_asked(shlex.split(manifest.repeat)),
        defects=manifest.defects,
        seed=verdict.seed,
        started_at=verdict.started_at,
        lasts_s=sum(each.duration_s for each in manifest.plan.phases),
        verdict=verdict.verdict,
        reason=verdict.reasons[0] if verdict.reasons else "",
        objectives=verdict.objectives,
        invariants=len(verdict.invariants),
        held=sum(each.verdict is Verdict.PASS for each in verdict.invariants),
    )


def _asked(typed: Sequence[str]) -> tuple[str, ...]:
    """Settings and added faults of the command that repeats a run, in whatever order they were given."""
    return tuple(sorted(value for option, value in pairwise(typed) if option in ("--set", "--fault")))
