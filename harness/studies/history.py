"""All runs below a folder, as they were judged: from their manifests and verdicts alone, no sample is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from idchaos.experiment import Verdict
from idchaos.record.rundir import write_atomically
from idchaos.report import history
from idchaos.report.history import Past, PastObjective

INDEX = "index.html"
DEEPEST = 4
"""Folders below the one that is named, in which runs are looked for."""


class _Stored(BaseModel):
    """Fields that are read of a stored document; others may be there, of any version."""

    model_config = ConfigDict(extra="ignore")


class _Phase(_Stored):
    duration_s: float


class _Plan(_Stored):
    phases: tuple[_Phase, ...] = ()


class _Manifest(_Stored):
    target: str = ""
    topology: str = ""
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


def past(folder: Path) -> list[Past]:
    """Every run below a folder that was judged, the newest first. What can't be read is left out."""
    found = [run for path in _verdicts(folder) if (run := _read(path, folder))]
    return sorted(found, key=lambda run: (-(run.started_at or 0.0), run.path))


def write_index(folder: Path) -> Path:
    """Write the page of all runs into the folder.

    Raises:
        StoreError: it can't be written.
    """
    write_atomically(folder / INDEX, history.page(past(folder)))
    return folder / INDEX


def _verdicts(folder: Path) -> Iterator[Path]:
    """``latest`` and other links are left out: what they lead to is found by its own name."""
    for depth in range(1, DEEPEST + 1):
        for path in folder.glob("/".join(["*"] * depth) + "/verdict.json"):
            if path.parent.resolve() == folder.resolve() / path.parent.relative_to(folder):
                yield path


def _read(path: Path, folder: Path) -> Past | None:
    try:
        verdict = _Verdict.model_validate_json(path.read_text(encoding="utf-8"))
        manifest = _Manifest.model_validate(json.loads((path.parent / "manifest.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return None
    held = sum(each.verdict is Verdict.PASS for each in verdict.invariants)
    return Past(
        path=path.parent.relative_to(folder).as_posix(),
        scenario=verdict.scenario,
        variant=verdict.variant,
        profile=verdict.profile,
        target=manifest.target,
        topology=manifest.topology,
        defects=manifest.defects,
        seed=verdict.seed,
        started_at=verdict.started_at,
        lasts_s=sum(each.duration_s for each in manifest.plan.phases),
        verdict=verdict.verdict,
        reason=verdict.reasons[0] if verdict.reasons else "",
        objectives=verdict.objectives,
        invariants=len(verdict.invariants),
        held=held,
    )
