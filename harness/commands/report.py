"""``idchaos report``: a stored run, drawn again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
def command(run_dir: Path) -> None:
    """Draw the report of a stored run again: report.html, summary.md, junit.xml."""
    from idchaos.studies.single import draw, judge_stored

    draw(run_dir, *judge_stored(run_dir))
    print(run_dir / "report.html")
