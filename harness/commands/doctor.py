"""``idchaos doctor``: a gateway of one's own, tried with a handful of requests before anything is broken."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idchaos.commands import options
from idchaos.errors import ExitCode, UsageError
from idchaos.targets.gateways.catalogue import adapter_named

if TYPE_CHECKING:
    from idchaos.targets.gateways.checks import Finding


@click.command()
@click.argument("gateway", metavar="FILE|NAME")
@options.as_json
def command(*, gateway: str, as_json: bool) -> int:
    """Start the stand-in IdP and services, and your gateway between them, and see that a run would mean something:
    a good token passes, a bad one is refused, keys are fetched over their link, every replica answers.

    No load, no fault; everything is stopped again. Exit codes: 0 all is well, 1 something is not, 64 bad input.
    """
    found = examined(gateway)
    if as_json:
        print(json.dumps([each.model_dump(exclude={"misleading"}) for each in found], indent=2))
    else:
        for each in found:
            print(f"✓ {each.what}" if each.ok else f"✕ {each.what}: {each.advice}")
    return ExitCode.PASS if all(each.ok for each in found) else ExitCode.FAIL


def examined(gateway: str) -> list[Finding]:
    """What was found, in the order in which it was tried.

    Raises:
        UsageError: there is no such gateway, or its file is wrong.
        TargetError: it does not start; nothing is left running.
    """
    from idchaos.run.launch import new_run_id
    from idchaos.settings import CommonSettings
    from idchaos.targets.gateways.checks import findings
    from idchaos.targets.gateways.target import GatewayTarget
    from idchaos.topologies import EDGE
    from idchaos.undo.ledger import Processes
    from idchaos.undo.safety import Safety

    adapter = adapter_named(gateway)
    if adapter is None:
        raise UsageError("doctor: the stand-ins need none; name a gateway of list --gateways, or a file of your own")
    run_id = new_run_id()
    settings = CommonSettings(topology=EDGE)
    known = settings.gateway.model_copy(update=dict(adapter.fixed))
    target = GatewayTarget(adapter, settings.model_copy(update={"gateway": known}), run_id)
    safety = Safety(run_id, (Processes(run_id=run_id),))
    clean = False
    with tempfile.TemporaryDirectory(prefix="idchaos-doctor-") as folder:
        try:
            target.bring_up(Path(folder))
            return list(findings(target.endpoints, target.graph, target.control))
        finally:
            clean = not target.stop()
            safety.end(clean=clean)
