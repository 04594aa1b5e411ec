"""``idchaos doctor``: a gateway or a system of one's own, tried before anything is broken."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from idchaos.commands import options
from idchaos.commands.lines import say
from idchaos.errors import ExitCode, TargetError, UsageError
from idchaos.targets.gateways.catalogue import adapter_named
from idchaos.targets.systems.file import describes_system

if TYPE_CHECKING:
    from idchaos.targets.gateways.checks import Finding


@click.command()
@click.argument("gateway", metavar="FILE|NAME")
@options.as_json
def command(*, gateway: str, as_json: bool) -> int:
    """See that a run would mean something: a good token passes, a bad one is refused, keys are fetched over their link,
    every replica answers.

    Of a gateway (init gateway), the stand-in IdP and services are started around it, and stopped again. Of a system
    (init target), discovery, clients, clocks, proxies and hooks are looked at where they are, and it is said which
    scenarios can run there.

    No load, no fault. Exit codes: 0 all is well, 1 something is not, 64 bad input.
    """
    runnable: Runnable | None = None
    if describes_system(gateway):
        with ThreadPoolExecutor(1) as beside:
            listed = beside.submit(scenarios_at, gateway)
            found = examined_system(Path(gateway))
            runnable = listed.result()
    else:
        found = examined(gateway)
    if as_json:
        told = [each.model_dump(exclude={"misleading"}) for each in found]
        document = told if runnable is None else {"findings": told, **runnable._asdict()}
        print(json.dumps(document, indent=2))
    else:
        for each in found:
            say(f"✓ {each.what}" if each.ok else f"✕ {each.what}: {each.advice}")
        if runnable is not None:
            _show(runnable)
    return ExitCode.PASS if all(each.ok for each in found) else ExitCode.FAIL


class Runnable(NamedTuple):
    """Which scenarios can be run at a system."""

    can_run: tuple[str, ...]
    lacks: dict[str, str]
    """Of each of the others, why not."""


def _show(runnable: Runnable) -> None:
    say(f"can run here: {', '.join(runnable.can_run) or 'nothing'}")
    for name, why in runnable.lacks.items():
        say(f"  not {name}: {why}")


def scenarios_at(file: str) -> Runnable:
    """What `run --all` would run at a system, and skip. Nothing is contacted."""
    from idchaos.run.launch import Request, prepare
    from idchaos.run.scenarios import all_scenarios

    can_run, lacks = [], {}
    for name in all_scenarios():
        try:
            prepare(Request(name, target=file))
        except UsageError as error:  # what the file says makes no sound experiment of it, or it lacks something
            lacks[name] = str(error).removeprefix(f"--target {file}: ")
        else:
            can_run.append(name)
    return Runnable(tuple(can_run), lacks)


def examined_system(file: Path) -> list[Finding]:
    """What was found at a system that stays. Its proxies lead to a recorder meanwhile; that is promised, and undone.

    Raises:
        UsageError: the file is wrong.
    """
    from idchaos.load.idp.visitor import Visitor
    from idchaos.run.launch import new_run_id
    from idchaos.targets.gateways.checks import Finding
    from idchaos.targets.systems.checks import examined as tried
    from idchaos.targets.systems.target import SystemTarget
    from idchaos.undo.ledger import Processes
    from idchaos.undo.safety import Safety

    run_id = new_run_id()
    target = SystemTarget(file, run_id)
    safety = Safety(run_id, (Processes(run_id=run_id),))
    found: list[Finding] = []
    left: list[str] = []
    with tempfile.TemporaryDirectory(prefix="idchaos-doctor-") as folder:
        try:
            found.extend(tried(target, Path(folder), safety.promise, Visitor))
        except TargetError as error:
            found.append(Finding(ok=False, what=str(error), advice="nothing can be run before that is right"))
        finally:
            left = target.stop() + safety.settle()
            safety.end(clean=not left)
    return found + [Finding(ok=False, what=each, advice="idchaos recover") for each in left]


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
    from idchaos.undo.safety import Safety

    adapter = adapter_named(gateway)
    if adapter is None:
        raise UsageError("doctor: the stand-ins need none; name a gateway of list --gateways, or a file of your own")
    run_id = new_run_id()
    settings = CommonSettings(topology=EDGE)
    known = settings.gateway.model_copy(update=dict(adapter.fixed))
    target = GatewayTarget(adapter, settings.model_copy(update={"gateway": known}), run_id)
    safety = Safety(run_id, adapter.undos(run_id))
    clean = False
    with tempfile.TemporaryDirectory(prefix="idchaos-doctor-") as folder:
        try:
            target.bring_up(Path(folder))
            return list(findings(target.endpoints, target.graph, target.control))
        finally:
            clean = not target.stop()
            safety.end(clean=clean)
