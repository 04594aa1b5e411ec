"""``idchaos up``: a system to play with."""

from __future__ import annotations

import json
from typing import Any

import click

from idchaos.commands import options
from idchaos.settings import parse_assignments


@click.command()
@options.system
@options.assignments
@options.as_json
def command(*, assignments: tuple[str, ...], as_json: bool, **system: Any) -> None:
    """Start a target, leave it running, and print where everything is."""
    from idchaos.run.standing import bring_up, describe

    standing = bring_up(parse_assignments(assignments), **system)
    print(json.dumps(standing.document(), indent=2) if as_json else describe(standing))
