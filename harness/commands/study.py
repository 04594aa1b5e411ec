"""``idchaos study``: many runs that answer one question."""

from __future__ import annotations

import click

from idchaos.commands.help import Group
from idchaos.commands.study_capacity import capacity
from idchaos.commands.study_scale import scale
from idchaos.commands.study_thresholds import thresholds
from idchaos.commands.study_ttl import ttl


@click.group(cls=Group)
def command() -> None:
    """Answer a question by many runs. What was finished is kept, and found again."""


command.add_command(thresholds)
command.add_command(ttl)
command.add_command(scale)
command.add_command(capacity)
