"""``idchaos down``: stops what ``up`` left running."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Stop the target that `up` left running."""
    from idchaos.run.standing import take_down

    print(take_down())
