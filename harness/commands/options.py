"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from idchaos.settings import PROFILES
from idchaos.topologies import DEFAULT_TOPOLOGY, TOPOLOGIES

Command = TypeVar("Command", bound=Callable[..., Any])

target = click.option(
    "--target",
    default="local",
    show_default=True,
    metavar="NAME|FILE",
    help="local (processes), docker, or a file that describes a system of your own.",
)
gateway = click.option(
    "--gateway",
    default="standin",
    show_default=True,
    metavar="NAME|FILE",
    help="Which gateway is tested: a name of list --gateways, or a file of your own.",
)
idp = click.option(
    "--idp",
    default="standin",
    show_default=True,
    metavar="NAME",
    help="Which IdP there is: a name of list --idps.",
)
topology = click.option(
    "--topology",
    default=DEFAULT_TOPOLOGY,
    show_default=True,
    help=f"Where it is decided whether a token is good: {', '.join(TOPOLOGIES)}.",
)
profile = click.option(
    "--profile", default="quick", show_default=True, help=f"How long and how much: {', '.join(PROFILES)}."
)
defects = click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="NAME",
    help="Let the stand-ins do something wrong, to see it caught; list --defects shows what.",
)
faults = click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Let this go wrong in the fault phase too; list --faults shows what there is.",
)
variant = click.option("--variant", metavar="NAME", help="One of the scenario's variants; `idchaos list` shows them.")
rate = click.option("--rate", type=float, help="API requests per second; short for --set load.rate=R.")
assignments = click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
strict = click.option(
    "--strict-observation",
    "strict",
    is_flag=True,
    help="No PASS where the target can't show all that is judged; short for --set slo.strict_observation=true.",
)
STRICT = {"slo.strict_observation": True}
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else there.")
reports = click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Where run directories are made.",
)


def system(command: Command) -> Command:
    """Which system is tested, and how."""
    for option in (defects, profile, topology, idp, gateway, target):
        command = option(command)
    return command
