"""The bake-off's page: HTML in the look of all reports, and the same as Markdown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from idchaos.report.page import filled
from idchaos.studies.bakeoff.advice import Advice, Component, advise
from idchaos.studies.bakeoff.plan import Cell
from idchaos.studies.bakeoff.questions import LEADS, Question
from idchaos.studies.bakeoff.sheet import NOT_YET, Answer, Sheet
from idchaos.studies.study.points import Result
from idchaos.targets.gateways.base import Adapter

PAGE, MARKDOWN = "bakeoff.html", "bakeoff.md"
UNTOLD = "not looked at, because "


@dataclass(frozen=True, slots=True)
class About:
    """A component: what it is, which version, and how it is configured."""

    name: str
    meaning: str
    version: str
    settings: tuple[str, ...]
    advice: tuple[Advice, ...]


def abouts(sheet: Sheet, adapter_of: Callable[[str], Adapter | None]) -> tuple[About, ...]:
    """Of each component of a sheet. ``adapter_of``: by name; ``None``: our own."""
    return tuple(_about(sheet, name, adapter_of(name)) for name in sheet.gateways)


def _about(sheet: Sheet, name: str, adapter: Adapter | None) -> About:
    family = name.partition("-")[0]
    kin = tuple(each for each in sheet.gateways if each != name and each.partition("-")[0] == family)
    component = Component(name, adapter.knobs if adapter else {}, sheet, kin)
    versions = {str(result.varied.get("version", "")) for cell, result in sheet.results if cell.gateway == name}
    return About(
        name=name,
        meaning=adapter.meaning if adapter else "Our own gateways.",
        version=", ".join(sorted(filter(None, versions))),
        settings=tuple(_settings(sheet, name, adapter)),
        advice=advise(component),
    )


def _settings(sheet: Sheet, name: str, adapter: Adapter | None) -> Iterator[str]:
    """As it calls them, and what they were in the first of its runs; then those that are its own."""
    cell = next((cell for cell in sheet.planned.cells if cell.gateway == name), None)
    if cell is None or adapter is None:
        return
    group = cell.prepared.settings.gateway.model_dump()
    for ours, theirs in adapter.knobs.items():
        yield f"{theirs} = {group[ours]:g} s"
    for ours, value in adapter.fixed.items():
        yield f"{ours} = {value:g} s, its own"


def page(sheet: Sheet, about: tuple[About, ...], directory: Path, command: str) -> str:
    """One self-contained page. ``directory``: where it will be, for links to runs."""
    return filled(
        "bakeoff.html.j2",
        sheet=sheet,
        about=about,
        names=list(sheet.gateways),
        groups=[
            {"title": group, "lead": LEADS.get(group, ""), "rows": [_row(sheet, each, directory) for each in questions]}
            for group, questions in grouped(sheet)
        ],
        runs=[
            {"cell": cell, "result": result, "link": _link(result.run_dir, directory)}
            for cell, result in in_order(sheet)
        ],
        sentence=sentence(sheet),
        made=made(sheet),
        notes=["Each value leads to the report of its run.", *notes(sheet)],
        untold=UNTOLD,
        command=command,
    )


def sentence(sheet: Sheet) -> str:
    """What was done, in one line."""
    components = f"{len(sheet.gateways)} component{'' if len(sheet.gateways) == 1 else 's'}"
    return f"{components}, {len(sheet.results)} runs, {sheet.told} of {len(sheet.answers)} cells told"


def made(sheet: Sheet) -> str:
    """When, and in how many minutes of runs."""
    if not sheet.results:
        return "nothing was run yet"
    first, last = (pick(result.started_at for _, result in sheet.results) for pick in (min, max))
    days = dict.fromkeys(at.partition("T")[0] for at in (first, last))
    minutes = sum(result.took_s for _, result in sheet.results) / 60
    return f"made on {' to '.join(days)}: {minutes:.0f} minutes of runs"


def notes(sheet: Sheet) -> list[str]:
    """What the table does not say by itself."""
    said = [
        "The same faults, with the same seeds, on each. The value comes first, below it how sure it is. What depends "
        "on the moment in a cache's life may be another at another moment: with --times the same is asked with more "
        "seeds, and cells that don't agree say so."
    ]
    if sheet.planned.short:
        said.append(
            "Runs are short, and lives of keys and outages are so with them (below: the settings of each). Times grow "
            "with a component's settings: compare them with each other, and with those lives."
        )
    if any(each.because == NOT_YET for each in sheet.answers.values()):
        left = len(sheet.planned.cells) - len(sheet.results)
        said.append(f"{left} of {len(sheet.planned.cells)} runs were not made yet: cells of theirs say nothing (–).")
    if sheet.compared:
        agreeing = len(sheet.compared) - len(sheet.disagreeing)
        said.append(f"{agreeing} of {len(sheet.compared)} cells that two seeds or more told agree.")
        said += [
            f"{each.gateway}, {each.question.group.lower()}, {each.question.title}: {each.text} don't agree; it is "
            f"moved by {each.question.moved_by}."
            for each in sheet.disagreeing
        ]
    said += [f"{name} is not here: {why}" for name, why in sheet.planned.skipped.items()]
    return said


def in_order(sheet: Sheet) -> list[tuple[Cell, Result]]:
    """Its runs, by component, scenario, variant and seed."""
    return sorted(sheet.results, key=lambda each: (each[0].gateway, each[0].point, each[0].repeat))


def grouped(sheet: Sheet) -> list[tuple[str, tuple[Question, ...]]]:
    """Questions by group, in order."""
    return [(group, tuple(each)) for group, each in groupby(sheet.questions, key=lambda question: question.group)]


def _row(sheet: Sheet, question: Question, directory: Path) -> dict[str, object]:
    cells = [_cell(sheet.of(name, question.name), directory) for name in sheet.gateways]
    return {"title": question.title, "cells": cells}


def _cell(answer: Answer, directory: Path) -> dict[str, object]:
    told = [(each.seed, each.run_dir) for each in answer.told] or list(answer.run_dirs)
    text, because = ("–", "") if answer.because == NOT_YET else ("not looked at", f"because {answer.because}")
    return {
        "gateway": answer.gateway,
        "known": answer.known,
        "text": answer.text or text,
        "sure": answer.figure.sure if answer.figure else because,
        "agrees": answer.agrees,
        "links": [(seed, _link(run_dir, directory)) for seed, run_dir in told if run_dir],
    }


def _link(run_dir: str, directory: Path) -> str:
    return os.path.relpath(Path(run_dir) / "report.html", directory).replace(os.sep, "/")
