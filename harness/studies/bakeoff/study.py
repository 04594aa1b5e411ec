"""The runs of a bake-off, one by one or side by side: what was finished is kept, and found again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from pydantic import ValidationError

from idchaos.errors import IdchaosError, StoreError, UsageError, told
from idchaos.record import record as records
from idchaos.run.launch import Prepared
from idchaos.studies.bakeoff.plan import Cell, Planned
from idchaos.studies.bakeoff.questions import asked_of, read
from idchaos.studies.bakeoff.sight import Sight
from idchaos.studies.study.figure import Figure
from idchaos.studies.study.points import START_S, Result, key_of
from idchaos.studies.study.table import Table
from idchaos.targets.gateways.catalogue import adapter_named
from idchaos.verdict.verdict import RunVerdict

Execute = Callable[[Prepared], RunVerdict]
Mapped = Callable[[Callable[[Cell], "Came"], Iterable[Cell]], Iterable["Came"]]
Look = Callable[[RunVerdict, Cell], tuple[Figure, ...]]


@dataclass(frozen=True)
class Came:
    """What became of a run: a result, or what kept it from being one."""

    cell: Cell
    result: Result | None = None
    failed: str = ""


def looked_at(verdict: RunVerdict, cell: Cell) -> tuple[Figure, ...]:
    """The figures of a run, from its directory.

    Raises:
        StoreError: it can't be read.
    """
    return read(Sight(records.load(Path(verdict.run_dir)), verdict), asked_of(*cell.point))


@dataclass(frozen=True)
class BakeOff:
    """Runs that are sound: nothing has been started yet. ``retries``: how often what told nothing is run again."""

    planned: Planned
    retries: int = 1
    look: Look = looked_at

    def found(self, table: Table) -> dict[str, Result]:
        """What the table has of these runs already, by key."""
        keys = [key_of(cell.prepared) for cell in self.planned.cells]
        return {key: result for key in keys if (result := table.told(key))}

    def seconds(self, table: Table | None) -> float:
        """How long the runs take that are not made yet, one after the other: as here before, where any was made."""
        found = self.found(table) if table is not None else {}
        around = [
            result.took_s - cell.prepared.experiment.plan.duration_s
            for cell in self.planned.cells
            if (result := found.get(key_of(cell.prepared)))
        ]
        start_s = max(0.0, median(around)) if around else START_S
        rest = [cell for cell in self.planned.cells if key_of(cell.prepared) not in found]
        return sum(start_s + cell.prepared.experiment.plan.duration_s for cell in rest)

    def read_again(self, table: Table) -> None:
        """Read the figures of what was made before anew, by what is known now. Runs that are gone keep theirs.

        Raises:
            StoreError: what was read can't be kept.
        """
        for cell, result in results(self.planned, table):
            try:
                text = (Path(result.run_dir) / "verdict.json").read_text(encoding="utf-8")
                figures = self.look(RunVerdict.model_validate_json(text), cell)
            except (OSError, ValidationError, StoreError):
                continue
            if figures != result.figures:
                table.add(result.model_copy(update={"figures": figures}))

    def go(
        self, table: Table, execute: Execute, tell: Callable[[Came], None], mapped: Mapped = map
    ) -> dict[tuple[str, tuple[str, str]], str]:
        """Make the runs that the table has not. A component that fails costs its own cells: why, by component, point.

        Raises:
            IdchaosError: a result can't be kept.
            KeyboardInterrupt: what was finished is in the table.
        """
        rest = [cell for cell in self.planned.cells if table.told(key_of(cell.prepared)) is None]
        failed: dict[tuple[str, tuple[str, str]], str] = {}
        for came in mapped(lambda cell: self._made(cell, execute), rest):
            if came.result is not None:
                table.add(came.result)
            if came.failed:
                failed[came.cell.gateway, came.cell.point] = came.failed
            tell(came)
        return failed

    def _made(self, cell: Cell, execute: Execute) -> Came:
        came = Came(cell, failed="it was not made")
        for _ in range(1 + self.retries):
            came = self._once(cell, execute)
            if came.result is not None and any(each.known for each in came.result.figures):
                break
        return came

    def _once(self, cell: Cell, execute: Execute) -> Came:
        began, since = datetime.now(UTC), time.monotonic()
        try:
            verdict = execute(cell.prepared)
            figures = self.look(verdict, cell)
        except UsageError:
            raise
        except IdchaosError as error:
            return Came(cell, failed=told(error))
        return Came(
            cell,
            Result.of(
                cell.prepared,
                verdict,
                varied={"gateway": cell.gateway, "variant": cell.point[1], "version": version_of(cell.gateway)},
                repeat=cell.repeat,
                watched=(),
                began=began,
                took_s=time.monotonic() - since,
                figures=figures,
            ),
        )


def version_of(gateway: str) -> str:
    """Of a component; empty where nobody knows."""
    adapter = adapter_named(gateway)
    return adapter.version() if adapter else ""


def results(planned: Planned, table: Table) -> Iterator[tuple[Cell, Result]]:
    """The runs of a bake-off that the table has."""
    by_key = {result.key: result for result in table.results}
    for cell in planned.cells:
        result = by_key.get(key_of(cell.prepared))
        if result is not None:
            yield cell, result
