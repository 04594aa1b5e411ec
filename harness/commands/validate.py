"""``idchaos validate``: can these scenarios decide their objectives, at this length and rate? Starts nothing."""

from __future__ import annotations

import json
from typing import Any

import click

from idchaos.commands import options
from idchaos.errors import ExitCode
from idchaos.settings import parse_assignments


@click.command()
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@options.variant
@options.target
@options.gateway
@options.idp
@options.topology
@options.profile
@options.faults
@options.rate
@options.assignments
@options.as_json
def command(
    *,
    scenarios: tuple[str, ...],
    variant: str | None,
    profile: str,
    rate: float | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **system: Any,
) -> int:
    """Say whether scenarios can decide their objectives, and what it would take. Starts nothing.

    Exit codes: 0 all can be decided, 2 not surely, 64 bad input.
    """
    from idchaos.commands.forecast import described, document, forecast
    from idchaos.commands.lines import say
    from idchaos.run.launch import Request, prepare
    from idchaos.run.scenarios import settings_of
    from idchaos.verdict.power import Decidable

    overrides = parse_assignments(assignments) | ({} if rate is None else {"load.rate": rate})
    prepared = [
        prepare(Request(name, profile=profile, overrides=settings_of(name, variant) | overrides, **system))
        for name in scenarios
    ]
    found = [forecast(each) for each in prepared]
    worst = Decidable.worst(each.decidable for each in found)
    if as_json:
        print(json.dumps(document(found, profile), indent=2))
    else:
        say("\n\n".join(described(each, profile) for each in found))
    return ExitCode.PASS if worst is Decidable.YES else ExitCode.INCONCLUSIVE
