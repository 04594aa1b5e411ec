"""The bake-off's page as Markdown: for a repository, or a merge request."""

from __future__ import annotations

from collections.abc import Iterator

from idchaos.studies.bakeoff.page import UNTOLD, About, grouped, in_order, made, notes, sentence
from idchaos.studies.bakeoff.questions import LEADS
from idchaos.studies.bakeoff.sheet import NOT_YET, Answer, Sheet

MOST = 160
"""Characters of how sure a cell is, or of why a run is no PASS."""


def markdown(sheet: Sheet, about: tuple[About, ...], command: str) -> str:
    """Tables by group: a row a question, a column a component; then what is known of each, and what to change."""
    lines = ["# Bake-off", "", f"{sentence(sheet)}; {made(sheet)}.", "", *(f"- {note}" for note in notes(sheet)), ""]
    for group, questions in grouped(sheet):
        lines += [f"## {group}", "", *([LEADS[group], ""] if group in LEADS else [])]
        lines += [_line(["", *(f"`{name}`" for name in sheet.gateways)])]
        lines += [_line(["---"] * (1 + len(sheet.gateways)))]
        lines += [
            _line([question.title, *(_cell(sheet.of(name, question.name)) for name in sheet.gateways)])
            for question in questions
        ]
        lines += [""]
    lines += ["## What they are", "", _line(["", "what", "version", "settings"]), _line(["---"] * 4)]
    lines += [
        _line([f"`{each.name}`", each.meaning, each.version or "–", "<br>".join(each.settings)]) for each in about
    ]
    lines += ["", "## What to change", ""]
    for each in about:
        lines += [f"### {each.name}", "", *_advice(each), ""]
    lines += ["## Runs", "", *_runs(sheet), ""]
    lines += ["## Run it again", "", "```", command, "```", ""]
    return "\n".join(lines)


def _runs(sheet: Sheet) -> Iterator[str]:
    yield _line(["", "run", "seed", "verdict", "why", "took"])
    yield _line(["---"] * 6)
    for cell, result in in_order(sheet):
        run, took = f"{cell.point[0]} · {cell.point[1]}", f"{result.took_s:.0f} s"
        yield _line([f"`{cell.gateway}`", run, str(result.seed), result.verdict.value, _short(result.reason), took])


def _short(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]}…"


def _advice(about: About) -> Iterator[str]:
    if not about.advice:
        yield "Nothing that was looked at asks for a change."
        return
    yield _line(["change", "what it costs", "because"])
    yield _line(["---"] * 3)
    for each in about.advice:
        yield _line([each.what, each.costs, each.because])


def _cell(answer: Answer) -> str:
    if answer.figure is None:
        return "–" if answer.because == NOT_YET else f"{UNTOLD}{_short(answer.because)}"
    agrees = "" if answer.agrees is not False else "<br>**seeds don't agree**"
    return f"**{answer.text}**{agrees}<br>{_short(answer.figure.sure)}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
