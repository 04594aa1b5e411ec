"""``idchaos zoo``: the stand-ins misbehave, one defect at a time, and the judge must say so by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idchaos.commands import options
from idchaos.commands.quantities import Between
from idchaos.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from idchaos.run.launch import Prepared
    from idchaos.studies.zoo.results import Control, Detection, Matrix, SoundRuns
    from idchaos.studies.zoo.trials import Planned
    from idchaos.verdict.verdict import RunVerdict


@click.command()
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option("--defect", "defects", multiple=True, metavar="NAME", help="Only this one; can be repeated.")
@click.option(
    "--sound",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="How often each run is made without a defect as well.",
)
@click.option("--table", is_flag=True, help="Every defect in every one of the runs: which of them sees what?")
@click.option("--alone", is_flag=True, help="One defect a run: else those share one that fail nothing in common.")
@click.option("--changed", metavar="REV", help="Only what a change since this Git revision touches.")
@click.option("--part", metavar="K/N", help="Only the K-th of N parts of the runs: those of all parts are all runs.")
@click.option(
    "--spare",
    type=Between(0, 0.1),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="This share of the defects may stay inconclusive after all, as on a machine with other work; they are named.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many runs are under way at a time. More than the machine bears makes them inconclusive.",
)
@options.target
@options.topology
@options.reports
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write the matrix there as well.")
@options.as_json
def command(
    *,
    scenarios: tuple[str, ...],
    defects: tuple[str, ...],
    sound: int,
    table: bool,
    alone: bool,
    changed: str | None,
    part: str | None,
    spare: float,
    at_once: int,
    target: str,
    topology: str,
    reports: Path,
    markdown: Path | None,
    as_json: bool,
) -> int:
    """Is every defect caught by name, one at a time, and does a sound system pass?

    With SCENARIO, only what is tried in these. Scenarios of one's own are among them: ROWS in their files says which
    defects they must catch.

    Exit codes: 0 all of that (but for what --spare allows to stay open), 1 a defect was missed or a sound run failed, 2
    something was inconclusive. With --table, a defect is missed when none of the runs caught it by name. What cannot be
    tried on the topology is skipped, and named.
    """
    from idchaos.commands.terminal import show_detection, show_matrix
    from idchaos.record.rundir import write_atomically
    from idchaos.scenarios.zoo import ROWS
    from idchaos.studies.zoo import results as found_by
    from idchaos.studies.zoo import rows as listed
    from idchaos.studies.zoo import tables, trials
    from idchaos.studies.zoo.own import own_rows

    if table and (part or spare):
        raise UsageError("--table: it is about every defect in every run; --part and --spare are not for it")
    wanted = trials.Part.parse(part) if part else trials.Part(1, 1)
    every = (*ROWS, *own_rows())
    chosen = listed.choose(every, defects, scenarios)
    chosen = listed.touched(chosen, changed_files(changed)) if changed else chosen
    if not chosen:
        raise UsageError(f"--changed: nothing that differs from {changed} touches a row of the zoo")
    rows, skipped = listed.suited(chosen, topology)
    for name, why_not in skipped.items():
        _tell(f"zoo: skipped: {name}: {why_not}", as_json)
    everywhere = listed.trials_of(listed.suited(every, topology)[0]) if table else ()
    planned = trials.plan(
        rows,
        sound=sound,
        target=target,
        reports=reports,
        command=("idchaos", *sys.argv[1:]),
        trials=everywhere,
        topology=topology,
        alone=alone,
    )
    planned = wanted.among(planned)
    if not planned:
        raise UsageError(f"--part: there are fewer runs than {wanted.of}, and none in part {wanted.number}")
    results = _results(planned, at_once, as_json)
    found: Matrix | Detection
    if table:
        found = found_by.Detection.of(results, topology, skipped)
        text, show = tables.detection_markdown(found), partial(show_detection, found)
    else:
        found = found_by.Matrix.of(results, topology, skipped, spare)
        text, show = tables.markdown(found), partial(show_matrix, found)
    if markdown is not None:
        write_atomically(markdown, text)
    if as_json:
        print(json.dumps(found.document(), indent=2))
    else:
        show()
    return ExitCode[found.verdict]


def changed_files(revision: str) -> list[str]:
    """The files that differ from a Git revision, new ones too, named from the top of the repository.

    Raises:
        UsageError: Git does not know it, or this is no repository.
    """
    found: list[str] = []
    for words in (["diff", "--name-only", revision, "--"], ["ls-files", "--others", "--exclude-standard"]):
        try:
            said = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        except OSError as error:
            raise UsageError(f"--changed: git cannot be run: {error.strerror}") from None
        if said.returncode:
            raise UsageError(f"--changed: git knows no {revision!r} here: {said.stderr.strip().splitlines()[0]}")
        found += said.stdout.splitlines()
    return found


def _results(planned: Sequence[Planned], at_once: int, quiet: bool) -> list[Control | SoundRuns]:
    """Make the runs, and tell of each on stderr."""
    from idchaos.studies.zoo import trials
    from idchaos.studies.zoo.results import Control

    total = sum(map(len, planned))
    numbers = count(1)

    def begin(prepared: Prepared) -> None:
        number = next(numbers)  # beyond those: what was inconclusive, or was not caught in a run that it shared
        which = f"{number} of {total}" if number <= total else "again"
        scenario = prepared.experiment.plan
        what = f"{scenario.scenario} · {scenario.variant}: {', '.join(prepared.defects) or 'no defect'}"
        _tell(f"zoo: {which}: {what}", quiet)

    def tell(result: Control | SoundRuns) -> None:
        name = result.defect if isinstance(result, Control) else "no defect"
        _tell(f"zoo:   {result.scenario} · {result.variant}: {name}: {result.line()}", quiet)

    if at_once == 1:
        return trials.run(planned, partial(_watched, begin, quiet), tell=tell)
    from idchaos.studies.pool import WorkerPool

    with WorkerPool(at_once) as workers:

        def execute(prepared: Prepared) -> RunVerdict:
            begin(prepared)
            return workers.run(prepared)

        return trials.run(planned, execute, workers.map, tell)


def _watched(begin: Callable[[Prepared], None], quiet: bool, prepared: Prepared) -> RunVerdict:
    """A run in this process. A line a phase would drown the zoo's own lines; a live view stands below them."""
    from idchaos.commands.live import watching
    from idchaos.studies.single import run

    begin(prepared)
    live = sys.stderr.isatty() and not quiet
    with watching(prepared, quiet=False) if live else nullcontext() as observer:
        return run(prepared, observer)


def _tell(line: str, quiet: bool) -> None:
    if not quiet:
        from idchaos.commands.lines import tell

        tell(line)
