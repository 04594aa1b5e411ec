"""``idchaos analyze``: a stored run judged again, or several of one plan together."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from idchaos.commands import options
from idchaos.errors import told


@click.command()
@click.argument("run_dirs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...")
@options.strict
@options.as_json
def command(run_dirs: tuple[Path, ...], strict: bool, as_json: bool) -> int:
    """Judge a stored run again, from what is stored alone. Changes nothing but verdict.json.

    Several runs of one plan are judged together, as `idchaos run --repeat` does; no run is changed then.
    """
    if len(run_dirs) > 1:
        return _together(run_dirs, strict, as_json)
    from idchaos.commands.outcome import conclude, show
    from idchaos.report.summary import command_line
    from idchaos.studies.single import NotStored, judge_stored, store

    (run_dir,) = run_dirs
    record, verdict = judge_stored(run_dir, strict=strict)
    show(verdict, as_json, command_line(record))
    code = conclude([verdict], as_json)
    try:
        store(run_dir, verdict)
    except NotStored as error:
        # What it is stands above, and in the exit code: a folder that can only be read is no failure.
        print(f"idchaos: the verdict was not stored: {told(error)}", file=sys.stderr)
    return code


def _together(run_dirs: tuple[Path, ...], strict: bool, as_json: bool) -> int:
    from idchaos.commands.outcome import conclude
    from idchaos.commands.terminal import show_joint
    from idchaos.studies.repeated import judge_together

    joint = judge_together(run_dirs, strict=strict)
    if not as_json:
        show_joint(joint)
    return conclude(joint.runs, as_json, joint=[joint])
