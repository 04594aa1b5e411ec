"""One plan, run with several seeds and judged together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idchaos.errors import StoreError, UsageError
from idchaos.run.launch import Prepared

if TYPE_CHECKING:
    from idchaos.verdict.repeats import Repeats
    from idchaos.verdict.verdict import RunVerdict

SEEDS = 2**31


@dataclass(frozen=True)
class Joint:
    """What several runs of one plan come to, beside what each of them came to alone."""

    judged: Repeats
    runs: tuple[RunVerdict, ...]
    folder: Path
    """Where ``repeats.json`` and the report are."""

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    def document(self) -> dict[str, Any]:
        """As JSON values: the judgement, which runs it is of, and where its report is."""
        judged: dict[str, Any] = self.judged.model_dump(mode="json")
        return {**judged, "run_dirs": [run.run_dir for run in self.runs], "report": str(self.report)}


def with_seeds(prepared: Prepared, times: int) -> tuple[Prepared, ...]:
    """The same plan so often, each with a seed of its own: the first has its own, the next one more, and so on."""
    seeds = [(prepared.seed + number) % SEEDS for number in range(times)]
    return tuple(replace(prepared, seed=seed, request=replace(prepared.request, seed=seed)) for seed in seeds)


def judge_together(run_dirs: Sequence[Path], *, strict: bool = False) -> Joint:
    """Judge stored runs of one plan together, write ``repeats.json``, and draw the report, beside the first of them.

    Raises:
        UsageError: a directory can't be read, the same run is named twice, or the runs are not of one plan.
        StoreError: what was found can't be written.
    """
    from idchaos.record.rundir import write_atomically
    from idchaos.report import repeated
    from idchaos.studies.single import judge_stored
    from idchaos.verdict.repeats import judge_repeats

    resolved = [path.resolve() for path in run_dirs]
    if len(set(resolved)) < len(resolved):
        raise UsageError("judged together: the same run is named twice")
    found = [judge_stored(path, strict=strict) for path in run_dirs]
    first = found[0][0].manifest.plan
    for path, (record, _) in zip(run_dirs, found, strict=True):
        if record.manifest.plan != first:
            raise UsageError(f"{path}: not the plan of {run_dirs[0]}; only runs of one plan are judged together")
    folder = resolved[0].parent / f"repeats-{resolved[0].name}"
    joint = Joint(judge_repeats(found), tuple(verdict for _, verdict in found), folder)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}") from error
    write_atomically(folder / "repeats.json", json.dumps(joint.document(), indent=2, ensure_ascii=False) + "\n")
    links = [f"../{path.name}/report.html" if path.parent == folder.parent else path.as_uri() for path in resolved]
    write_atomically(joint.report, repeated.page(joint.judged, joint.runs, links))
    return joint
