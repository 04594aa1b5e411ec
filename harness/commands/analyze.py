"""``idchaos analyze``: a stored run, judged again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from idchaos.commands import options
from idchaos.errors import told


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@options.as_json
def command(run_dir: Path, as_json: bool) -> int:
    """Judge a stored run again, from what is stored alone. Changes nothing but verdict.json."""
    from idchaos.commands.outcome import conclude, show
    from idchaos.studies.single import NotStored, judge_stored, store

    _, verdict = judge_stored(run_dir)
    show(verdict, as_json)
    code = conclude([verdict], as_json)
    try:
        store(run_dir, verdict)
    except NotStored as error:
        # What it is stands above, and in the exit code: a folder that can only be read is no failure.
        print(f"idchaos: the verdict was not stored: {told(error)}", file=sys.stderr)
    return code
