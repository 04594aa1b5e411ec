"""What became of the zoo's runs: each row, each sound run, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import Field

from idchaos.experiment import Verdict
from idchaos.topologies import DEFAULT_TOPOLOGY
from idchaos.values import Value

MARKS = {
    "✓": "caught by a name that names it",
    "○": "the run failed, under other names alone",
    "·": "not seen: the run passed",
    "?": "inconclusive",
}
"""What a cell of a :class:`Detection` says."""


class Control(Value):
    """What became of one row."""

    defect: str
    scenario: str
    variant: str
    verdict: Verdict
    """PASS: caught by a name that names it. FAIL: missed, or caught under other names alone."""
    caught_by: tuple[str, ...] = ()
    """Of the names that may catch it: those that failed."""
    besides: tuple[str, ...] = ()
    """What else failed."""
    reason: str = ""
    run_dir: str = ""

    @property
    def mark(self) -> str:
        """What a run saw of the defect, in one sign; :data:`MARKS` says what each means."""
        if self.verdict is not Verdict.FAIL:
            return "✓" if self.verdict is Verdict.PASS else "?"
        return "○" if self.besides else "·"

    def line(self) -> str:
        """What became of it, on one line."""
        besides = f" (and {', '.join(self.besides)})" if self.besides else ""
        return f"caught by {', '.join(self.caught_by)}{besides}" if self.caught_by else self.reason


class SoundRuns(Value):
    """A trial without a defect, as often as asked for."""

    scenario: str
    variant: str
    verdicts: tuple[Verdict, ...]
    reasons: tuple[str, ...] = ()
    run_dirs: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """PASS only if every run was."""
        return Verdict.worst(list(self.verdicts))

    def line(self) -> str:
        """What became of it, on one line."""
        return "; ".join((", ".join(self.verdicts), *self.reasons))


class Matrix(Value):
    """All rows, and all sound runs."""

    rows: tuple[Control, ...]
    sound: tuple[SoundRuns, ...]
    topology: str = DEFAULT_TOPOLOGY
    skipped: dict[str, str] = Field(default_factory=dict)
    """Defects that could not be tried there, and why: nothing is known of them, and no verdict counts them."""
    spared: float = 0.0
    """This share of the rows may stay inconclusive without a word in the verdict: a busy machine's, and still named."""

    @classmethod
    def of(
        cls,
        results: Iterable[Control | SoundRuns],
        topology: str = DEFAULT_TOPOLOGY,
        skipped: Mapping[str, str] = MappingProxyType({}),
        spared: float = 0.0,
    ) -> Matrix:
        """Put together what :func:`run` gave."""
        found = list(results)
        return cls(
            rows=tuple(each for each in found if isinstance(each, Control)),
            sound=tuple(each for each in found if isinstance(each, SoundRuns)),
            topology=topology,
            skipped=dict(skipped),
            spared=spared,
        )

    @property
    def undecided(self) -> tuple[Control | SoundRuns, ...]:
        """What stayed inconclusive."""
        results: tuple[Control | SoundRuns, ...] = (*self.rows, *self.sound)
        return tuple(each for each in results if each.verdict is Verdict.INCONCLUSIVE)

    @property
    def verdict(self) -> Verdict:
        """The worst of all, but for rows that are spared."""
        rows = [row.verdict for row in self.rows]
        if rows.count(Verdict.INCONCLUSIVE) <= self.spared * len(rows):
            rows = [verdict for verdict in rows if verdict is not Verdict.INCONCLUSIVE]
        return Verdict.worst([*rows, *(runs.verdict for runs in self.sound)])

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "verdict": self.verdict.value,
            "topology": self.topology,
            "spared": self.spared,
            "skipped": [{"defect": name, "reason": reason} for name, reason in self.skipped.items()],
            "rows": [{"caught": row.verdict is Verdict.PASS, **row.model_dump(mode="json")} for row in self.rows],
            "sound": [
                {"runs": len(runs.verdicts), "verdict": runs.verdict.value, **runs.model_dump(mode="json")}
                for runs in self.sound
            ],
        }


class Detection(Value):
    """Which runs see which defects: every defect in every trial."""

    cells: tuple[Control, ...]
    sound: tuple[SoundRuns, ...]
    topology: str = DEFAULT_TOPOLOGY
    skipped: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(
        cls,
        results: Iterable[Control | SoundRuns],
        topology: str = DEFAULT_TOPOLOGY,
        skipped: Mapping[str, str] = MappingProxyType({}),
    ) -> Detection:
        """Put together what :func:`run` gave."""
        matrix = Matrix.of(results)
        return cls(cells=matrix.rows, sound=matrix.sound, topology=topology, skipped=dict(skipped))

    @property
    def by_defect(self) -> dict[str, tuple[Control, ...]]:
        """The cells of each defect, in the order of the trials."""
        names = dict.fromkeys(cell.defect for cell in self.cells)
        return {name: tuple(cell for cell in self.cells if cell.defect == name) for name in names}

    @property
    def verdict(self) -> Verdict:
        """PASS: some run catches each defect by name, and every sound run passed."""
        caught = [min((cell.verdict for cell in cells), key=_MERIT.index) for cells in self.by_defect.values()]
        return Verdict.worst([*caught, *(runs.verdict for runs in self.sound)])

    def document(self) -> dict[str, Any]:
        """As JSON values: a row for each cell."""
        matrix = Matrix(rows=self.cells, sound=self.sound, topology=self.topology, skipped=self.skipped)
        return matrix.document() | {"verdict": self.verdict.value}


_MERIT = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)
