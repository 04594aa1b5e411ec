"""``idchaos recover``: undoes what killed runs could not."""

from __future__ import annotations

import click

from idchaos.errors import ExitCode


@click.command()
def command() -> int:
    """Undo, and check, what runs that were killed could not undo themselves. Exit code 70: something is left."""
    from idchaos.commands.lines import say
    from idchaos.run.standing import recover_all

    lines, clean = recover_all()
    say("\n".join(lines))
    return ExitCode.PASS if clean else ExitCode.HARNESS
