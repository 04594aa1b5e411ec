"""``idchaos history``: one page over all runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from idchaos.commands import options


@click.command()
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default="reports", metavar="[DIR]"
)
@options.as_json
def command(folder: Path, as_json: bool) -> None:
    """Write DIR/index.html: every run below it with its verdict, and each objective over time. Without DIR: reports.

    `idchaos run` keeps that page by itself.
    """
    from idchaos.studies.history import past, write_index

    if as_json:
        index = write_index(folder)
        runs = [run.model_dump(mode="json") for run in past(folder)]
        print(json.dumps({"index": str(index), "runs": runs}, indent=2))
    else:
        print(write_index(folder))
