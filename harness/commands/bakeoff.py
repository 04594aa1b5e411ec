"""``idchaos bakeoff``: the same faults on each gateway and library, and one page."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idchaos.commands import options
from idchaos.commands.executing import executing
from idchaos.commands.lines import say
from idchaos.commands.quantities import Between
from idchaos.errors import ExitCode
from idchaos.settings import PROFILES, parse_assignments

if TYPE_CHECKING:
    from idchaos.studies.bakeoff.plan import Planned
    from idchaos.studies.bakeoff.sheet import Sheet
    from idchaos.studies.bakeoff.study import BakeOff, Came

MUST_HAVE = "IDCHAOS_MUST_HAVE"
"""The variable that names components which a machine has to have: as for the tests of the adapters."""


@click.command()
@click.argument("words", nargs=-1, metavar="[GATEWAY...] [SCENARIO[:VARIANT]...]")
@click.option("--times", type=click.IntRange(1, 20), default=1, show_default=True, help="Seeds that each is run with.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="The first seed.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=1, show_default=True,
    help="How many runs are under way at a time. More than the machine bears makes figures doubtful.",
)  # fmt: skip
@click.option(
    "--longest", "longest_s", type=Between(min=1), default=120.0, show_default=True,
    help="Leave out runs that take longer, in seconds, and say so.",
)  # fmt: skip
@click.option(
    "--retry", "retries", type=click.IntRange(0, 10), default=1, show_default=True,
    help="How often a run that told nothing is made again.",
)  # fmt: skip
@click.option("--read-again", "anew", is_flag=True, help="Read figures anew from the runs that are found again.")
@click.option("--no-runs", is_flag=True, help="Write the page of what was made so far; start nothing.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be run and how long it takes; start nothing.")
@click.option("--profile", help=f"Instead of short runs: {', '.join(PROFILES)}.")
@options.assignments
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The bake-off's directory.")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write the page there as well.")
@options.reports
@options.as_json
def command(
    *,
    words: tuple[str, ...],
    times: int,
    seed: int,
    at_once: int,
    longest_s: float,
    retries: int,
    anew: bool,
    no_runs: bool,
    only_plan: bool,
    profile: str | None,
    assignments: tuple[str, ...],
    out: Path | None,
    markdown: Path | None,
    reports: Path,
    as_json: bool,
) -> int:
    """The same faults, with the same seeds, on each gateway and library: one page that compares them.

    For example: idchaos bakeoff envoy jose-tuned jwks_outage key_rotation:abrupt

    Without names: whatever is installed, in all scenarios from which figures are read. What is not installed is
    skipped, and named with the command that installs it. What was finished is found again, after Ctrl-C too.

    Exit codes: 0 each run told something, 2 some did not.
    """
    from idchaos.run.launch import Request
    from idchaos.studies.bakeoff import plan
    from idchaos.studies.bakeoff.study import BakeOff
    from idchaos.studies.study.table import Table

    gateways, points = plan.sorted_out(words)
    overrides = parse_assignments(assignments)
    plan.check_assignments(overrides, points)
    chosen, skipped = plan.present(gateways, os.environ.get(MUST_HAVE, "").split())
    for name, why in skipped.items():
        _tell(f"bakeoff: skipped: {name}: {why}", as_json)
    typed = ("idchaos", *sys.argv[1:])
    asked = Request(points[0][0], overrides=overrides, seed=seed, reports=reports, command=typed)
    asked = asked if profile is None else replace(asked, profile=profile)
    planned = plan.planned(
        asked, chosen, points, times=times, short=profile is None, longest_s=longest_s, skipped=skipped
    )
    directory = out or reports / "bakeoff"
    if only_plan:
        return _tell_plan(planned, Table.at(directory, planned.question()), at_once, as_json)
    table = Table(directory, planned.question())
    study = BakeOff(planned, retries)
    if anew:
        study.read_again(table)
    at_once = 0 if no_runs else at_once
    return _go(study, table, at_once, typed=shlex.join(typed), markdown=markdown, as_json=as_json)


def _go(study: BakeOff, table: Any, at_once: int, *, typed: str, markdown: Path | None, as_json: bool) -> int:
    from idchaos.studies.bakeoff.sheet import sheet
    from idchaos.studies.bakeoff.study import results

    planned, failed = study.planned, {}
    found = study.found(table)
    if found:
        _tell(f"bakeoff: {len(found)} of {len(planned.cells)} runs are found again", as_json)
    try:
        if at_once:
            failed = _made(study, table, at_once, as_json, len(planned.cells) - len(found))
    finally:
        # Whatever ended it: all that was finished is there to be read.
        come = sheet(planned, results(planned, table), failed)
        if come.results:
            _write(come, table, typed, markdown)
    return _tell_sheet(come, table.directory, as_json)


def _made(study: BakeOff, table: Any, at_once: int, as_json: bool, total: int) -> dict[tuple[str, Any], str]:
    progress = Progress(total, at_once, as_json)
    if at_once == 1:
        return study.go(table, executing(as_json), progress)
    from idchaos.studies.pool import WorkerPool

    with WorkerPool(at_once) as workers:
        return study.go(table, workers.run, progress, workers.map)


class Progress:
    """A line a run, with how long the rest takes."""

    def __init__(self, total: int, at_once: int, quiet: bool) -> None:
        self._total, self._at_once, self._quiet = total, at_once, quiet
        self._done, self._since = 0, time.monotonic()

    def __call__(self, came: Came) -> None:
        """Tell of a run that is over."""
        self._done += 1
        each = (time.monotonic() - self._since) / self._done
        left = each * (self._total - self._done)
        cell, result = came.cell, came.result
        told = sum(figure.known for figure in result.figures) if result else 0
        said = came.failed or (f"{result.verdict}, {told} of {len(result.figures)} figures" if result else "")
        _tell(
            f"bakeoff: {self._done} of {self._total}: {cell.gateway}, {cell.point[0]} · {cell.point[1]}, "
            f"seed {cell.prepared.seed}: {said}; about {left / 60:.0f} min left",
            self._quiet,
        )


def _tell_plan(planned: Planned, table: Any, at_once: int, as_json: bool) -> int:
    from idchaos.studies.bakeoff.study import BakeOff

    study = BakeOff(planned)
    found = len(study.found(table)) if table is not None else 0
    seconds = study.seconds(table) / at_once
    document = {
        "study": "bakeoff",
        "gateways": list(planned.gateways),
        "runs": len(planned.cells),
        "found_again": found,
        "seconds": round(seconds),
        "left_out": [{"gateway": name, "scenario": f"{scenario}:{variant}", "why": why}
                     for (name, (scenario, variant)), why in planned.left_out.items()],
        "skipped": dict(planned.skipped),
    }  # fmt: skip
    if as_json:
        print(json.dumps(document, indent=2))
        return ExitCode.PASS
    again = f", {found} of which are found again" if found else ""
    say(
        f"{len(planned.gateways)} components, {len(planned.points)} runs each: {len(planned.cells)} runs{again}, "
        f"about {seconds / 60:.0f} minutes with {at_once} at a time"
    )
    for (name, (scenario, variant)), why in planned.left_out.items():
        say(f"  left out: {name}, {scenario} · {variant}: {why}")
    return ExitCode.PASS


def _write(come: Sheet, table: Any, typed: str, markdown: Path | None) -> None:
    from idchaos.record.rundir import write_atomically
    from idchaos.studies.bakeoff.markdown import markdown as as_markdown
    from idchaos.studies.bakeoff.page import MARKDOWN, PAGE, abouts, page
    from idchaos.targets.gateways.catalogue import adapter_named

    about = abouts(come, adapter_named)
    table.export()
    text = as_markdown(come, about, typed)
    write_atomically(table.directory / PAGE, page(come, about, table.directory, typed))
    write_atomically(table.directory / MARKDOWN, text)
    if markdown is not None:
        write_atomically(markdown, text)


def _tell_sheet(come: Sheet, directory: Path, as_json: bool) -> int:
    from idchaos.studies.bakeoff.page import PAGE, notes, sentence

    said: Callable[[str], None] = print if not as_json else partial(_tell, quiet=True)
    said(f"{sentence(come)}: {directory / PAGE}")
    for note in notes(come)[2 if come.planned.short else 1 :]:
        said(f"  {note}")
    if as_json:
        print(json.dumps(_document(come), indent=2))
    told = [result for _, result in come.results if any(each.known for each in result.figures)]
    whole = len(told) == len(come.planned.cells)
    return ExitCode.PASS if whole else ExitCode.INCONCLUSIVE


def _document(come: Sheet) -> dict[str, Any]:
    return {
        "gateways": list(come.gateways),
        "skipped": dict(come.planned.skipped),
        "cells": [
            {
                "gateway": each.gateway,
                "question": each.question.name,
                "told": [{"seed": told.seed, "run_dir": told.run_dir, **told.figure.model_dump(mode="json")}
                         for told in each.told],
                "because": each.because,
                "agrees": each.agrees,
            }
            for each in come.answers.values()
        ],
    }  # fmt: skip


def _tell(line: str, quiet: bool) -> None:
    if not quiet:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
