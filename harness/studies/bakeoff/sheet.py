"""What a bake-off found: an answer to each question by each component, and whether seeds agree. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from idchaos.studies.bakeoff.plan import Cell, Planned, Point
from idchaos.studies.bakeoff.questions import Question, asked
from idchaos.studies.study.figure import Figure
from idchaos.studies.study.points import Result

NOT_YET = "the run was not made yet"


@dataclass(frozen=True, slots=True)
class Told:
    """A figure, and the run that it was read from."""

    figure: Figure
    seed: int
    run_dir: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one component answers to one question. ``because``: why there is nothing to tell."""

    gateway: str
    question: Question
    told: tuple[Told, ...] = ()
    """Of each seed."""
    because: str = ""
    run_dirs: tuple[tuple[int, str], ...] = ()
    """Seeds and runs from which nothing could be told."""

    @property
    def known(self) -> bool:
        """Whether anything was told."""
        return bool(self.told)

    @property
    def figure(self) -> Figure | None:
        """Of the first seed that told something."""
        return self.told[0].figure if self.told else None

    @property
    def text(self) -> str:
        """As it is read; of seeds that read otherwise, each."""
        return " · ".join(dict.fromkeys(each.figure.text for each in self.told))

    @property
    def agrees(self) -> bool | None:
        """Whether all seeds say the same; ``None``: fewer than two said anything."""
        if len(self.told) < 2:
            return None
        return all(one.figure.agrees(other.figure) for one, other in combinations(self.told, 2))


@dataclass(frozen=True)
class Sheet:
    """All answers. ``versions`` and ``results`` by component."""

    gateways: tuple[str, ...]
    questions: tuple[Question, ...]
    answers: Mapping[tuple[str, str], Answer]
    results: tuple[tuple[Cell, Result], ...]
    planned: Planned
    failed: Mapping[tuple[str, Point], str]

    def of(self, gateway: str, question: str) -> Answer:
        """One answer.

        Raises:
            KeyError: the bake-off has no such question or component.
        """
        return self.answers[gateway, question]

    def get(self, gateway: str, question: str) -> Figure | None:
        """What was told; ``None``: nothing, or it was not asked."""
        found = self.answers.get((gateway, question))
        return found.figure if found else None

    @property
    def told(self) -> int:
        """Cells in which something is told."""
        return sum(each.known for each in self.answers.values())

    @property
    def compared(self) -> tuple[Answer, ...]:
        """Cells in which two seeds or more told something."""
        return tuple(each for each in self.answers.values() if each.agrees is not None)

    @property
    def disagreeing(self) -> tuple[Answer, ...]:
        """Those of which they don't say the same."""
        return tuple(each for each in self.compared if not each.agrees)


def sheet(
    planned: Planned, results: Iterable[tuple[Cell, Result]], failed: Mapping[tuple[str, Point], str] | None = None
) -> Sheet:
    """The sheet of what was made so far."""
    made = tuple(sorted(results, key=lambda each: each[0].repeat))
    failures = failed or {}
    questions = asked(planned.points)
    answers = {
        (gateway, question.name): _answer(planned, gateway, question, made, failures)
        for gateway in planned.gateways
        for question in questions
    }
    return Sheet(planned.gateways, questions, answers, made, planned, failures)


def _answer(
    planned: Planned,
    gateway: str,
    question: Question,
    made: Sequence[tuple[Cell, Result]],
    failed: Mapping[tuple[str, Point], str],
) -> Answer:
    point = (question.scenario, question.variant)
    found = [
        Told(figure, result.seed, result.run_dir)
        for cell, result in made
        if (cell.gateway, cell.point) == (gateway, point)
        for figure in result.figures
        if figure.question == question.name
    ]
    told = tuple(each for each in found if each.figure.known)
    untold = [each for each in found if not each.figure.known]
    why = failed.get((gateway, point)) or planned.left_out.get((gateway, point), NOT_YET)
    because = "" if told else untold[0].figure.sure if untold else why
    return Answer(gateway, question, told, because, tuple((each.seed, each.run_dir) for each in untold))
