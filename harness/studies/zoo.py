"""Negative controls: the judge is judged. Systems that are wrong in one known way must each be caught by name, and the
same runs at a sound system must pass. Rows in, matrix out; knows no single scenario and no single defect.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field

from idchaos.errors import IdchaosError, UsageError
from idchaos.experiment import Verdict
from idchaos.report.markdown import escape
from idchaos.report.summary import GLYPHS
from idchaos.run.launch import Prepared, Request, prepare
from idchaos.run.scenario import scenario_named
from idchaos.targets.standin.defects import DEFECTS, known
from idchaos.topologies import DEFAULT_TOPOLOGY, topology_named
from idchaos.values import Value
from idchaos.verdict.slo import IN_EVERY_RUN
from idchaos.verdict.verdict import RunVerdict

AGAIN = 2
"""How often what was inconclusive is run again."""

MARKS = {
    "✓": "caught by a name that names it",
    "○": "the run failed, under other names alone",
    "·": "not seen: the run passed",
    "?": "inconclusive",
}
"""What a cell of a :class:`Detection` says."""


class Trial(Value):
    """A scenario, with settings that make it short. Several defects may share one; each has a run of its own."""

    scenario: str
    settings: dict[str, Any]


class Row(Value):
    """A defect, the trial that must catch it, and the objectives or invariants that may say so: those that name it."""

    defect: str
    trial: Trial
    caught_by: tuple[str, ...]
    elsewhere: Trial | None = None
    """What must catch it on a topology that has not what the trial needs."""


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

    @classmethod
    def of(
        cls,
        results: Iterable[Control | SoundRuns],
        topology: str = DEFAULT_TOPOLOGY,
        skipped: Mapping[str, str] = MappingProxyType({}),
    ) -> Matrix:
        """Put together what :func:`run` gave."""
        found = list(results)
        return cls(
            rows=tuple(each for each in found if isinstance(each, Control)),
            sound=tuple(each for each in found if isinstance(each, SoundRuns)),
            topology=topology,
            skipped=dict(skipped),
        )

    @property
    def undecided(self) -> tuple[Control | SoundRuns, ...]:
        """What stayed inconclusive."""
        results: tuple[Control | SoundRuns, ...] = (*self.rows, *self.sound)
        return tuple(each for each in results if each.verdict is Verdict.INCONCLUSIVE)

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return Verdict.worst([*(row.verdict for row in self.rows), *(runs.verdict for runs in self.sound)])

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "verdict": self.verdict.value,
            "topology": self.topology,
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


Execute = Callable[[Prepared], RunVerdict]
"""Runs what was prepared and judges it; raises ``IdchaosError`` as :func:`idchaos.studies.single.run` does."""


Came = RunVerdict | IdchaosError
Mapped = Callable[[Callable[[Prepared], Came], Iterable[Prepared]], Iterable[Came]]


def all_rows() -> tuple[Row, ...]:
    """Every row, from the module ``idchaos.scenarios.zoo``."""
    rows: tuple[Row, ...] = importlib.import_module("idchaos.scenarios.zoo").ROWS
    return rows


def choose(rows: Sequence[Row], defects: Iterable[str]) -> tuple[Row, ...]:
    """The rows of these defects; all of them when none is named.

    Raises:
        UsageError: a defect is unknown, or has no row.
    """
    wanted = known(defects)
    for name in wanted:
        if not any(row.defect == name for row in rows):
            raise UsageError(f"--defect: the zoo has no row for {name}: no scenario looks for it yet")
    return tuple(row for row in rows if not wanted or row.defect in wanted)


def suited(rows: Sequence[Row], topology: str) -> tuple[tuple[Row, ...], dict[str, str]]:
    """The rows that can be tried on a topology, and of the others, by defect, why not.

    Raises:
        UsageError: the topology is unknown, or no row can be tried there.
    """
    where = topology_named(topology)
    chosen: list[Row] = []
    why_not: dict[str, str] = {}
    for row in rows:
        reason = scenario_named(row.trial.scenario).why_not_on(topology)
        if not DEFECTS[row.defect].parts(where):
            why_not[row.defect] = f"nobody in the topology {topology} could have it"
        elif not reason:
            chosen.append(row)
        elif row.elsewhere is not None and not scenario_named(row.elsewhere.scenario).why_not_on(topology):
            chosen.append(row.model_copy(update={"trial": row.elsewhere}))
        else:
            why_not[row.defect] = reason
    if not chosen:
        raise UsageError(f"--topology: {'; '.join(f'{name}: {why}' for name, why in why_not.items())}")
    return tuple(chosen), why_not


@dataclass(frozen=True)
class Group:
    """Runs that are judged together, into one result."""

    runs: tuple[Prepared, ...]
    judge: Callable[[Sequence[Came]], Control | SoundRuns]


@dataclass(frozen=True)
class Planned:
    """One trial: its sound runs, then a run for each row."""

    sound: tuple[Prepared, ...]
    controls: tuple[tuple[Row, Prepared], ...]

    def __len__(self) -> int:
        return len(self.sound) + len(self.controls)

    def groups(self) -> tuple[Group, ...]:
        """Its results to be: one of the sound runs together, and one of each row."""
        controls = (Group((prepared,), partial(judge_control, row, prepared)) for row, prepared in self.controls)
        return (Group(self.sound, partial(judge_sound, self.sound)), *controls)


def plan(
    rows: Sequence[Row],
    *,
    sound: int,
    target: str,
    reports: Path,
    command: tuple[str, ...] = (),
    trials: Sequence[Trial] = (),
    topology: str = DEFAULT_TOPOLOGY,
) -> tuple[Planned, ...]:
    """What will be run, checked before anything is. ``sound``: how many runs of each trial go without a defect.

    With ``trials``, every row is tried in each of them, to learn which runs see what: :class:`Detection`. Without, each
    is tried in its own.

    Raises:
        UsageError: a scenario, setting or defect is unknown, or a row names what its scenario does not judge.
    """

    def prepared(trial: Trial, *defects: str) -> Prepared:
        request = Request(
            trial.scenario,
            target=target,
            topology=topology,
            overrides=trial.settings,
            defects=defects,
            reports=reports,
            command=command,
        )
        return prepare(request)

    planned = tuple(
        Planned(
            sound=tuple(prepared(trial) for _ in range(sound)),
            controls=tuple((row, prepared(trial, row.defect)) for row in rows if trials or row.trial == trial),
        )
        for trial in trials or trials_of(rows)
    )
    for row, run in (control for each in planned for control in each.controls):
        if not trials:
            _check_names(row, run)
    return planned


def trials_of(rows: Sequence[Row]) -> tuple[Trial, ...]:
    """The trials of these rows, each once, in their order."""
    return tuple(row.trial for at, row in enumerate(rows) if row.trial not in [earlier.trial for earlier in rows[:at]])


def _check_names(row: Row, prepared: Prepared) -> None:
    asked = prepared.experiment.plan
    judged = [*(item.name for item in asked.objectives), *(item.name for item in asked.invariants), *IN_EVERY_RUN]
    unknown = [name for name in row.caught_by if name not in judged]
    if unknown:
        raise UsageError(
            f"zoo: {row.defect}: {row.trial.scenario} judges no {unknown[0]}; it judges {', '.join(judged)}"
        )


def run(
    planned: Sequence[Planned],
    execute: Execute,
    mapped: Mapped = map,
    tell: Callable[[Control | SoundRuns], None] = lambda result: None,
) -> list[Control | SoundRuns]:
    """Run them all. A run that could not be completed is INCONCLUSIVE, and the rest goes on. What is INCONCLUSIVE is
    run again at the end, with nothing beside it: a busy moment says nothing about the judge.

    ``mapped``: ``map``, one run after the other, or something like it that has several under way. ``tell`` is given
    each result as soon as it stands.
    """
    groups = [group for trial in planned for group in trial.groups()]
    came = iter(mapped(partial(_attempt, execute), [run for group in groups for run in group.runs]))
    answers: list[list[Came]] = []
    for group in groups:
        answers.append([next(came) for _ in group.runs])
        if not any(map(_undecided, answers[-1])):
            tell(group.judge(answers[-1]))
    for group, answer in zip(groups, answers, strict=True):
        if any(map(_undecided, answer)):
            for at, prepared in enumerate(group.runs):
                for _ in range(AGAIN):
                    if _undecided(answer[at]):
                        answer[at] = _attempt(execute, prepared)
            tell(group.judge(answer))
    return [group.judge(answer) for group, answer in zip(groups, answers, strict=True)]


def _undecided(came: Came) -> bool:
    return isinstance(came, IdchaosError) or came.verdict is Verdict.INCONCLUSIVE


def _attempt(execute: Execute, prepared: Prepared) -> Came:
    try:
        return execute(prepared)
    except IdchaosError as error:
        return error


def judge_sound(prepared: Sequence[Prepared], came: Sequence[Came]) -> SoundRuns:
    """A sound target must pass, run after run."""
    asked = prepared[0].experiment.plan
    return SoundRuns(
        scenario=asked.scenario,
        variant=asked.variant,
        verdicts=tuple(one.verdict if isinstance(one, RunVerdict) else Verdict.INCONCLUSIVE for one in came),
        reasons=tuple(reason for one in came for reason in _reasons(one)),
        run_dirs=tuple(one.run_dir for one in came if isinstance(one, RunVerdict)),
    )


def judge_control(row: Row, prepared: Prepared, answers: Sequence[Came]) -> Control:
    """A defect is caught when something that names it has failed. Failing for another reason is no catch: whoever reads
    that report would look for the wrong thing. ``answers``: the one of its run.
    """
    (came,) = answers
    failed = _failed(came)
    by = tuple(name for name in row.caught_by if name in failed)
    besides = tuple(name for name in failed if name not in by)
    if by:
        verdict, reason = Verdict.PASS, ""
    elif isinstance(came, IdchaosError) or came.verdict is Verdict.INCONCLUSIVE:
        verdict, reason = Verdict.INCONCLUSIVE, "; ".join(_reasons(came))
    elif came.verdict is Verdict.FAIL:
        verdict, reason = Verdict.FAIL, f"caught by {', '.join(besides)} alone, not by {' or '.join(row.caught_by)}"
    else:
        verdict, reason = Verdict.FAIL, f"missed: the run passed; {' or '.join(row.caught_by)} should have failed"
    return Control(
        defect=row.defect,
        scenario=prepared.experiment.plan.scenario,
        variant=prepared.experiment.plan.variant,
        verdict=verdict,
        caught_by=by,
        besides=besides,
        reason=reason,
        run_dir="" if isinstance(came, IdchaosError) else came.run_dir,
    )


def _failed(came: Came) -> tuple[str, ...]:
    """Objectives and invariants that failed."""
    if isinstance(came, IdchaosError):
        return ()
    invariants = tuple(item.name for item in came.invariants if item.verdict is Verdict.FAIL)
    return invariants + tuple(item.name for item in came.objectives if item.verdict is Verdict.FAIL)


def _reasons(came: Came) -> tuple[str, ...]:
    return (str(came),) if isinstance(came, IdchaosError) else came.reasons


def markdown(matrix: Matrix) -> str:
    """The matrix as Markdown tables."""
    lines = ["| | defect | what it is | run | caught by | failed besides |", "|---|---|---|---|---|---|"]
    for row in matrix.rows:
        by = ", ".join(f"`{name}`" for name in row.caught_by) or f"**{escape(row.reason)}**"
        cells = [GLYPHS[row.verdict], f"`{row.defect}`", escape(DEFECTS[row.defect].meaning), _trial(row), by]
        lines.append(f"| {' | '.join([*cells, ', '.join(f'`{name}`' for name in row.besides) or '–'])} |")
    lines += ["", "| | run without a defect | verdicts |", "|---|---|---|"]
    for runs in matrix.sound:
        verdicts = ", ".join(runs.verdicts) + "".join(f"; {escape(reason)}" for reason in runs.reasons)
        lines.append(f"| {GLYPHS[runs.verdict]} | {_trial(runs)} | {verdicts} |")
    return "\n".join([*lines, *_left_out(matrix.topology, matrix.skipped)]) + "\n"


def _left_out(topology: str, skipped: Mapping[str, str]) -> list[str]:
    """Which topology it was, where it is not the default, and what could not be tried there."""
    if topology == DEFAULT_TOPOLOGY:
        return []
    return [
        "",
        f"Topology: `{topology}`. Not tried there:" if skipped else f"Topology: `{topology}`.",
        "",
        *(f"- `{name}`: {escape(reason)}" for name, reason in skipped.items()),
    ]


def detection_markdown(detection: Detection) -> str:
    """Defects by trials as one Markdown table, and below it what each ○ failed under and why each ? is one."""
    titles = [_trial(runs) for runs in detection.sound]
    lines = [f"| defect | {' | '.join(titles)} |", f"|---|{':-:|' * len(titles)}"]
    lines.append(f"| *none* | {' | '.join(runs.verdict.value for runs in detection.sound)} |")
    for defect, cells in detection.by_defect.items():
        lines.append(f"| `{defect}` | {' | '.join(cell.mark for cell in cells)} |")
    lines += ["", " · ".join(f"{mark} {meaning}" for mark, meaning in MARKS.items()), ""]
    for cell in detection.cells:
        if cell.mark == "○":
            lines.append(f"- ○ `{cell.defect}`, {_trial(cell)}: {', '.join(f'`{name}`' for name in cell.besides)}")
        elif cell.mark == "?":
            lines.append(f"- ? `{cell.defect}`, {_trial(cell)}: {escape(cell.reason)}")
    lines += _left_out(detection.topology, detection.skipped)
    return "\n".join(lines).rstrip() + "\n"


def _trial(item: Control | SoundRuns) -> str:
    return f"{escape(item.scenario)} ({escape(item.variant)})"
