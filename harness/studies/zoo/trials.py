"""From rows to runs, and from what came of them to results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

from idchaos.errors import IdchaosError, UsageError
from idchaos.experiment import Verdict
from idchaos.run.launch import Prepared, Request, prepare
from idchaos.studies.zoo.results import Control, SoundRuns
from idchaos.studies.zoo.rows import Row, Trial, together, trials_of
from idchaos.topologies import DEFAULT_TOPOLOGY
from idchaos.verdict.invariants import IN_EVERY_RUN
from idchaos.verdict.verdict import RunVerdict

AGAIN = 3
"""How often what was inconclusive is run again."""

Execute = Callable[[Prepared], RunVerdict]
"""Runs what was prepared and judges it; raises ``IdchaosError`` as :func:`idchaos.studies.single.run` does."""


Came = RunVerdict | IdchaosError
Mapped = Callable[[Callable[[Prepared], Came], Iterable[Prepared]], Iterable[Came]]


Result = Control | SoundRuns


@dataclass(frozen=True)
class Group:
    """Runs that are judged together, into a result for each row that they are about."""

    runs: tuple[Prepared, ...]
    judge: Callable[[Sequence[Came]], tuple[Result, ...]]
    apart: tuple[Group, ...] = ()
    """Where several rows share a run: each by itself, in the order of the results."""


@dataclass(frozen=True)
class Shared:
    """Rows that share a run, and that run; and each row's own, where there are several."""

    rows: tuple[Row, ...]
    run: Prepared
    apart: tuple[Prepared, ...] = ()

    def group(self) -> Group:
        """A result for each row."""
        own = zip(self.rows, self.apart, strict=False)
        return Group(
            runs=(self.run,),
            judge=partial(judge_controls, self.rows, self.run),
            apart=tuple(Group((run,), partial(judge_controls, (row,), run)) for row, run in own),
        )


@dataclass(frozen=True)
class Planned:
    """One trial: its sound runs, then runs with defects."""

    sound: tuple[Prepared, ...]
    controls: tuple[Shared, ...]

    def __len__(self) -> int:
        return len(self.sound) + len(self.controls)

    def groups(self) -> tuple[Group, ...]:
        """Its results to be: one of the sound runs together, and one of each row."""
        sound = Group(self.sound, lambda came: (judge_sound(self.sound, came),))
        return (sound, *(shared.group() for shared in self.controls))


def plan(
    rows: Sequence[Row],
    *,
    sound: int,
    target: str,
    reports: Path,
    command: tuple[str, ...] = (),
    trials: Sequence[Trial] = (),
    topology: str = DEFAULT_TOPOLOGY,
    alone: bool = False,
) -> tuple[Planned, ...]:
    """What will be run, checked before anything is. ``sound``: how many runs of each trial go without a defect.

    With ``trials``, every row is tried in each of them, to learn which runs see what: :class:`Detection`. Without, each
    is tried in its own. There, and when ``alone``, no two rows share a run.

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
            controls=tuple(
                Shared(
                    rows=group,
                    run=prepared(trial, *(row.defect for row in group)),
                    apart=tuple(prepared(trial, row.defect) for row in group) if len(group) > 1 else (),
                )
                for group in _groups(rows, trial, alone=alone, everywhere=bool(trials))
            ),
        )
        for trial in trials or trials_of(rows)
    )
    for shared in (control for each in planned for control in each.controls):
        if not trials:
            for row in shared.rows:
                _check_names(row, shared.run)
    return planned


class Part(NamedTuple):
    """The ``number``-th of ``of`` parts, from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """``1/2``: the first of two.

        Raises:
            UsageError: it is no such thing.
        """
        number, slash, of = text.partition("/")
        if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
            return cls(int(number), int(of))
        raise UsageError(f"--part: {text!r} should be like 1/2, the first of two parts")

    def among(self, planned: Sequence[Planned]) -> tuple[Planned, ...]:
        """Of the runs with defects every ``of``-th, and the sound runs of their trials: each is in one part, and each
        part has some of every long trial.
        """
        counter = count(1 - self.number)
        kept = (
            replace(trial, controls=tuple(each for each in trial.controls if next(counter) % self.of == 0))
            for trial in planned
        )
        return tuple(trial for trial in kept if trial.controls)


def _groups(rows: Sequence[Row], trial: Trial, *, alone: bool, everywhere: bool) -> tuple[tuple[Row, ...], ...]:
    if everywhere:
        return tuple((row,) for row in rows)
    mine = [row for row in rows if row.trial == trial]
    return tuple((row,) for row in mine) if alone else together(mine)


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
    tell: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Run them all. A run that could not be completed is INCONCLUSIVE, and the rest goes on. What is INCONCLUSIVE is
    run again at the end, with nothing beside it: a busy moment says nothing about the judge. So is a defect by itself
    that was not caught in a run that it shared.

    ``mapped``: ``map``, one run after the other, or something like it that has several under way. ``tell`` is given
    each result as soon as it stands.
    """
    groups = [group for trial in planned for group in trial.groups()]
    came = iter(mapped(partial(_attempt, execute), [run for group in groups for run in group.runs]))
    answers: list[list[Came]] = []
    found: list[list[Result]] = []
    for group in groups:
        answers.append([next(came) for _ in group.runs])
        found.append(list(group.judge(answers[-1])))
        for result in found[-1]:
            if _stands(result, group):
                tell(result)
    for group, answer, results in zip(groups, answers, found, strict=True):
        for at, result in enumerate(results):
            if not _stands(result, group):
                again, last = (group.apart[at], [None]) if group.apart else (group, answer)
                (results[at],) = again.judge(_repeat(execute, again, last))
                tell(results[at])
    return [result for results in found for result in results]


def _stands(result: Result, group: Group) -> bool:
    """Whether nothing is to be learned by another run."""
    return result.verdict is Verdict.PASS or (result.verdict is Verdict.FAIL and not group.apart)


def _repeat(execute: Execute, group: Group, came: Sequence[Came | None]) -> list[Came]:
    """What came of a group's runs, those that decided nothing made again; ``None``: not made yet."""
    answers = []
    for prepared, first in zip(group.runs, came, strict=True):
        answer = first or _attempt(execute, prepared)
        for _ in range(AGAIN):
            answer = _attempt(execute, prepared) if _undecided(answer) else answer
        answers.append(answer)
    return answers


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


def judge_controls(rows: Sequence[Row], prepared: Prepared, answers: Sequence[Came]) -> tuple[Control, ...]:
    """A defect is caught when something that names it has failed. Failing for another reason is no catch: whoever reads
    that report would look for the wrong thing. ``answers``: the one of the run that ``rows`` share.
    """
    (came,) = answers
    named = {name for row in rows for name in row.caught_by}
    besides = tuple(name for name in _failed(came) if name not in named)
    return tuple(_control(row, prepared, came, besides) for row in rows)


def _control(row: Row, prepared: Prepared, came: Came, besides: tuple[str, ...]) -> Control:
    failed = _failed(came)
    by = tuple(name for name in row.caught_by if name in failed)
    if by:
        verdict, reason = Verdict.PASS, ""
    elif isinstance(came, IdchaosError) or came.verdict is Verdict.INCONCLUSIVE:
        verdict, reason = Verdict.INCONCLUSIVE, "; ".join(_reasons(came))
    elif came.verdict is Verdict.FAIL and besides:
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
