"""``idchaos zoo``: the stand-ins misbehave, one defect at a time, and the judge must say so by name."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.launch import Prepared
    from harness.verdict import RunVerdict


@click.command()
@click.option("--defect", "defects", multiple=True, metavar="NAME", help="Only this one; can be repeated.")
@click.option(
    "--sound",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="How often each run is made without a defect as well.",
)
@click.option("--target", default="local", show_default=True, help="local (processes) or docker.")
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Where run directories are made.",
)
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write the matrix there as well.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else there.")
def zoo(
    *, defects: tuple[str, ...], sound: int, target: str, reports: Path, markdown: Path | None, as_json: bool
) -> int:
    """Is every defect caught by name, one at a time, and does a sound system pass?

    Exit codes: 0 all of that, 1 a defect was missed or a sound run failed, 2 something was inconclusive.
    """
    from harness import zoo as zoos
    from harness.launch import run
    from harness.rundir import write_atomically
    from harness.terminal import show_matrix, watching

    rows = zoos.choose(zoos.all_rows(), defects)
    planned = zoos.plan(rows, sound=sound, target=target, reports=reports, command=("idchaos", *sys.argv[1:]))
    total = sum(map(len, planned))
    begun: list[Prepared] = []

    def execute(prepared: Prepared) -> RunVerdict:
        again = any(each is prepared for each in begun)
        begun.extend(() if again else (prepared,))
        which = "again" if again else f"{len(begun)} of {total}"
        if not as_json:
            print(f"zoo: {which}: {', '.join(prepared.defects) or 'no defect'}", file=sys.stderr, flush=True)
        # A line a phase would drown that line; a live view stands below it.
        live = sys.stderr.isatty() and not as_json
        with watching(prepared, quiet=False) if live else nullcontext() as observer:
            return run(prepared, observer)

    def told(result: zoos.Control | zoos.SoundRuns) -> zoos.Control | zoos.SoundRuns:
        if not as_json:
            print(f"zoo:   {result.line()}", file=sys.stderr, flush=True)
        return result

    matrix = zoos.Matrix.of(map(told, zoos.run(planned, execute)))
    if markdown is not None:
        write_atomically(markdown, zoos.markdown(matrix))
    if as_json:
        print(json.dumps(matrix.document(), indent=2))
    else:
        show_matrix(matrix)
    return ExitCode[matrix.verdict]
