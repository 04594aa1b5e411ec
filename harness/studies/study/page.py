"""The page of a study of thresholds: the answer, a plot of what was tried, and each run with its link."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from idchaos.experiment import Verdict
from idchaos.report.canvas import NARROW, WIDE, Mark, Picture, Size, box, picture
from idchaos.report.page import filled
from idchaos.report.palette import ink
from idchaos.studies.study.edge import open_values, unseen
from idchaos.studies.study.points import Measured
from idchaos.studies.study.thresholds import Answer

PAGE = "study.html"
ROLES = {Verdict.PASS: "series_2", Verdict.FAIL: "bound", Verdict.INCONCLUSIVE: "others"}
GLYPHS = {Verdict.PASS: "o", Verdict.FAIL: "X", Verdict.INCONCLUSIVE: "D"}
HEIGHT_PX = 190.0


def page(answer: Answer, directory: Path, description: str, command: str) -> str:
    """One self-contained page. ``directory``: where it will be, for links to runs beside it.

    ``description``: what the setting means.
    """
    return filled(
        "thresholds.html.j2",
        answer=answer,
        sentence=answer.sentence(),
        found=answer.against(None) is Verdict.PASS,
        description=description,
        picture=_plot(answer),
        wide=WIDE,
        narrow=NARROW,
        notes=notes(answer),
        rows=[
            {
                "value": f"{result.varied[answer.setting]:g}",
                "result": result,
                "link": _link(result.run_dir, directory),
                "measured": [each for each in result.measured if _is_shown(answer, each)],
                "met": sum(not _is_shown(answer, each) for each in result.measured),
            }
            for result in sorted(
                answer.results, key=lambda each: (_value(answer, each.varied), each.repeat, each.attempt)
            )
        ],
        command=command,
    )


def notes(answer: Answer) -> list[str]:
    """What the answer does not say by itself."""
    search = answer.search
    return [
        f"A value holds when {'each of its' if search.repeats > 1 else 'its'} {search.repeats} "
        f"run{'s' if search.repeats > 1 else ''} passed: one at which fewer than {unseen(search.repeats):.0%} of runs "
        "fail may have held by chance (with 95 % confidence).",
        *cautions(answer),
    ]


def cautions(answer: Answer) -> list[str]:
    """What makes the answer less sure than it sounds: of a study of thresholds, and of one of capacity."""
    edge, said = answer.edge, []
    if answer.unversioned:
        said.append(
            f"{answer.unversioned}: nobody can ask for its version, so what was made before it was upgraded counts as "
            "well. Say its version in its file, if only in a comment, or name another --out: then "
            "it is tried anew."
        )
    if undecided := open_values(edge, answer.search):
        values = "; ".join(f"{each:g}{_why(answer, each)}" for each in undecided)
        said.append(f"Undecided, so that the edge may lie on either side: {values}.")
    if edge.contradicting:
        values = ", ".join(f"{each:g}" for each in edge.contradicting)
        said.append(f"Held although an easier value broke, so there is more than one edge, or chance: {values}.")
    return said


def _why(answer: Answer, value: float) -> str:
    """Why a value was not decided: what the last of its runs says, such as how many samples it lacks."""
    said = [each.reason for each in answer.results if _value(answer, each.varied) == value and not each.decided]
    runs = sum(_value(answer, each.varied) == value and each.decided for each in answer.results)
    if said and said[-1]:
        return f" ({said[-1]})"
    return f" ({runs} of {answer.search.repeats} runs made)" if runs else ""


def _plot(answer: Answer) -> Picture:
    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure, top=14)
        axes.grid(axis="y", visible=False)
        axes.set_yticks([])
        if answer.search.low > 0 and answer.search.high > 10 * answer.search.low:
            axes.set_xscale("log")
        holds, breaks = answer.edge.holds, answer.edge.breaks
        if holds is not None and breaks is not None:
            axes.axvspan(min(holds, breaks), max(holds, breaks), color=ink("shade"), linewidth=0)
        for verdict, role in ROLES.items():
            chosen = [each for each in answer.results if each.verdict is verdict]
            axes.scatter(
                [_value(answer, each.varied) for each in chosen],
                [-each.repeat for each in chosen],
                color=ink(role),
                marker=GLYPHS[verdict],
                s=52,
            )
        axes.set_ylim(-answer.search.repeats, 1)

    return picture(
        "tried",
        "What was tried",
        draw,
        height=HEIGHT_PX,
        finding=answer.sentence(),
        legend=(
            Mark("series_2", "PASS (circle)"),
            Mark("bound", "FAIL (cross)"),
            Mark("others", "INCONCLUSIVE (diamond)"),
            Mark("shade", "where the edge lies"),
        ),
    )


def _is_shown(answer: Answer, each: Measured) -> bool:
    """What a study watches; where that is the whole verdict, what was not met."""
    return each.name in answer.watched if answer.watched else each.verdict is not Verdict.PASS


def _value(answer: Answer, varied: Mapping[str, object]) -> float:
    value = varied[answer.setting]
    assert isinstance(value, int | float)
    return float(value)


def _link(run_dir: str, directory: Path) -> str:
    return os.path.relpath(Path(run_dir) / "report.html", directory).replace(os.sep, "/")
