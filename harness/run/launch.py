"""From names and settings to a run that is ready to be executed."""

from __future__ import annotations

import json
import platform
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from idchaos.contract import NotObserved
from idchaos.errors import Unsuited, UsageError
from idchaos.experiment import Plan
from idchaos.graph import Graph
from idchaos.load.canaries.catalogue import kinds
from idchaos.record.rundir import RunDirectory
from idchaos.run.added import check_separable, with_faults
from idchaos.run.declared import seen_by
from idchaos.run.instruments import Instruments
from idchaos.run.limits import check_capabilities, check_decided, check_needs, suiting, unprovable
from idchaos.run.progress import Observer
from idchaos.run.runner import Run
from idchaos.run.scenario import DEFAULT_PROFILE, Experiment, Scenario
from idchaos.run.scenarios import broken_design, is_of_a_user, scenario_named
from idchaos.run.versions import versions
from idchaos.settings import CommonSettings, differing, plain, profile
from idchaos.targets.base import Target
from idchaos.targets.gateways.catalogue import STAND_IN, adapter_named
from idchaos.targets.idps import catalogue as idps
from idchaos.targets.idps.hosted import Hosted
from idchaos.targets.own_settings import dotted
from idchaos.targets.standin import defects
from idchaos.targets.standin.guests import Guests
from idchaos.targets.systems.file import is_file, read
from idchaos.targets.systems.shape import graph_of, topology_of
from idchaos.topologies import DEFAULT_TOPOLOGY, EDGE, TOPOLOGIES, topology_named
from idchaos.undo.ledger import Containers, Processes, Undo

TARGETS = ("local", "docker")
DEFAULT_GATEWAY = STAND_IN
DEFAULT_IDP = idps.STAND_IN


@dataclass(frozen=True)
class Request:
    """What a user asks for, by name."""

    scenario: str
    target: str = "local"
    gateway: str = DEFAULT_GATEWAY
    idp: str = DEFAULT_IDP
    topology: str = DEFAULT_TOPOLOGY
    profile: str = DEFAULT_PROFILE
    overrides: Mapping[str, Any] = field(default_factory=dict)
    defects: tuple[str, ...] = ()
    """What the stand-ins are to do wrong: names of :data:`idchaos.targets.standin.defects.DEFECTS`."""
    faults: tuple[str, ...] = ()
    """What goes wrong beside the scenario's own faults: ``NAME[:key=value,...]``, see
    :mod:`idchaos.faults.catalogue`."""
    seed: int | None = None
    reports: Path = Path("reports")
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A request that was found to be sound: nothing has been started yet."""

    request: Request
    scenario: Scenario[Any]
    settings: CommonSettings
    experiment: Experiment
    graph: Graph
    """Of the system that it would be made at."""
    seed: int
    defects: tuple[str, ...] = ()
    not_observed: tuple[NotObserved, ...] = ()
    """What the scenario asks for, or every run is judged by, and this target can't show."""


def prepare(request: Request, scenario: Scenario[Any] | None = None) -> Prepared:
    """Check everything that can be checked before anything starts. Without ``scenario``, it is found by its name.

    Raises:
        Unsuited: the target lacks what the scenario needs.
        UsageError: what is wrong, where, and what would be right.
    """
    scenario = scenario or scenario_named(request.scenario)
    check_target(request.target, request.gateway, request.idp)
    profile(request.profile)
    chosen = defects.known(request.defects)
    topology = topology_named(_topology_of(request))
    defects.by_part(chosen, topology)
    if not is_file(request.target):
        if why_not := scenario.why_not_on(topology.name):
            raise Unsuited(f"--topology: {why_not}")
    else:
        check_needs(scenario, graph_of(read(Path(request.target))), _asked_of(request))
        check_decided(scenario, request.overrides, request.target)
        request = replace(request, overrides={**scenario.of_ones_own, **request.overrides})
    request = replace(request, overrides=_with_fixed(request))
    settings = scenario.fill(request.profile, request.overrides, topology=topology.name)
    _check_others(request, settings)
    designed = _designed(scenario, settings, request)
    target, _ = make_target(request.target, settings, new_run_id(), chosen, gateway=request.gateway, idp=request.idp)
    experiment = with_faults(designed, request.faults, target.graph)
    check_needs(scenario, target.graph, _asked_of(request))
    check_capabilities(experiment, target)
    experiment, left_out = suiting(experiment, target, settings.tokens.access_ttl_s)
    check_separable(experiment, target.graph)
    experiment, hidden = seen_by(experiment, target)
    hidden += left_out + unprovable(experiment, target)
    seed = secrets.randbelow(2**31) if request.seed is None else request.seed
    return Prepared(request, scenario, settings, experiment, target.graph, seed, chosen, hidden)


def _asked_of(request: Request) -> str:
    """The option that chose the system."""
    if is_file(request.target):
        return f"--target {request.target}"
    foreign = request.gateway != DEFAULT_GATEWAY or request.idp == DEFAULT_IDP
    return f"--gateway {request.gateway}" if foreign else f"--idp {request.idp}"


def _topology_of(request: Request) -> str:
    return topology_for(request.gateway, request.topology, request.target, request.idp)


def _check_others(request: Request, settings: CommonSettings) -> None:
    """Refuse settings that an IdP or a gateway of somebody else's making has no way to follow.

    Raises:
        Unsuited: names what it can't do.
    """
    idp, gateway = idps.adapter_named(request.idp), adapter_named(request.gateway)
    profile_there = settings.tokens.profile if idp is None else idp.profile
    if idp is not None and (why_not := idp.why_not(settings)):
        raise Unsuited(f"--idp {request.idp}: {why_not}")
    if gateway is not None and (why_not := gateway.why_not(profile_there)):
        raise Unsuited(f"--gateway {request.gateway}: {why_not}")


def _designed(scenario: Scenario[Any], settings: CommonSettings, request: Request) -> Experiment:
    """The experiment that settings amount to. Each is in its own range by now; together they may make no sense.

    Raises:
        UsageError: names the settings without which all would be well, or the line of a user's file that failed.
    """
    try:
        return scenario.design(settings)
    except (ValidationError, ArithmeticError) as error:
        if is_of_a_user(scenario) and not _is_sound(scenario, request, {}):
            raise broken_design(scenario, error) from None
        reason = plain(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else str(error)
        all_but = {name: {k: v for k, v in request.overrides.items() if k != name} for name in request.overrides}
        culprits = [name for name, rest in all_but.items() if _is_sound(scenario, request, rest)]
        named = ", ".join(
            f"{name}={json.dumps(request.overrides[name], default=str)}" for name in culprits or request.overrides
        )
        raise UsageError(f"{named or scenario.name}: makes no sound experiment: {reason}") from None
    except (Exception, SystemExit) as error:
        raise broken_design(scenario, error) from error


def _is_sound(scenario: Scenario[Any], request: Request, overrides: Mapping[str, Any]) -> bool:
    try:
        topology = topology_named(_topology_of(request)).name
        scenario.design(scenario.fill(request.profile, overrides, topology=topology))
    except Exception:  # whatever a user's own design does with other settings
        return False
    return True


def _with_fixed(request: Request) -> dict[str, Any]:
    """The overrides, and the settings of the gateway that are as they are in it.

    Raises:
        UsageError: another value is asked for.
    """
    fixed = _fixed(request)
    for name, value in fixed.items():
        if request.overrides.get(name, value) != value:
            raise UsageError(f"{name}={request.overrides[name]}: in {_asked_of(request)} it is {value:g}")
    return {**request.overrides, **fixed}


def _fixed(request: Request) -> Mapping[str, float]:
    """Settings that are as they are in what is tested, by their dotted names."""
    if is_file(request.target):
        told = read(Path(request.target)).settings.items()
        return {dotted(name): value for name, value in told}
    adapter = adapter_named(request.gateway)
    return {f"gateway.{name}": value for name, value in adapter.fixed.items()} if adapter is not None else {}


def check_target(target: str, gateway: str, idp: str = DEFAULT_IDP) -> None:
    """Refuse what is neither a known target nor a known gateway or IdP.

    Raises:
        UsageError: names what there is.
    """
    if is_file(target):
        read(Path(target))
        if gateway != DEFAULT_GATEWAY:
            raise UsageError(f"--gateway {gateway}: --target {target} has gateways of its own")
        if idp != DEFAULT_IDP:
            raise UsageError(f"--idp {idp}: --target {target} has an IdP of its own")
        return
    if target not in TARGETS:
        raise UsageError(f"--target: {target!r} is unknown; there are {', '.join(TARGETS)}, or a file: my.toml")
    if adapter_named(gateway) is not None and target != "local":
        raise UsageError(f"--gateway {gateway}: needs --target local, for it is started on this machine")
    if idps.adapter_named(idp) is not None and target != "local":
        raise UsageError(f"--idp {idp}: needs --target local, for it is started on this machine")


def topology_for(gateway: str, topology: str, target: str = "local", idp: str = DEFAULT_IDP) -> str:
    """The topology that a gateway or an IdP is tried in: what the default means for one of somebody else's making, and
    for a whole system of somebody else's.

    Raises:
        UsageError: it is asked for in another one.
    """
    if (gateway, idp) == (DEFAULT_GATEWAY, DEFAULT_IDP) and not is_file(target):
        return topology
    there = topology_of(read(Path(target))) if is_file(target) else EDGE
    if topology not in (DEFAULT_TOPOLOGY, there):
        own = _asked_of(Request("", target, gateway, idp))
        raise UsageError(f"--topology {topology}: {own} is tried in the topology {there} alone")
    return there


def target_type(name: str) -> type:
    """The class of a target."""
    if name == "docker":
        from idchaos.targets.standin.compose import ComposeTarget

        return ComposeTarget
    from idchaos.targets.standin.local import LocalTarget

    return LocalTarget


def make_target(
    name: str,
    settings: CommonSettings,
    run_id: str,
    wrong: tuple[str, ...] = (),
    guests: Guests | None = None,
    *,
    gateway: str = DEFAULT_GATEWAY,
    idp: str = DEFAULT_IDP,
) -> tuple[Target, tuple[Undo, ...]]:
    """A target of that name with the defects ``wrong``, not started, and what the ledger must promise before it is."""
    if is_file(name):
        from idchaos.targets.systems.target import SystemTarget

        if wrong:
            raise UsageError(f"--defect {wrong[0]}: --target {name} can't be told to be wrong")
        return SystemTarget(Path(name), run_id), (Processes(run_id=run_id),)
    topology = topology_named(settings.topology)
    adapter, of_idp = adapter_named(gateway), idps.adapter_named(idp)
    hosted = Hosted(of_idp, settings) if of_idp is not None else None
    if hosted is not None:
        _check_whose(wrong, TOPOLOGIES[EDGE].graph.idps, f"--idp {idp}")
    if adapter is not None:
        from idchaos.targets.gateways.target import GatewayTarget

        _check_whose(wrong, TOPOLOGIES[EDGE].graph.gateways, f"--gateway {gateway}")
        by_part = defects.by_part(wrong, TOPOLOGIES[EDGE])
        return GatewayTarget(adapter, settings, run_id, by_part, guests, hosted=hosted), adapter.undos(run_id)
    if hosted is not None:
        from idchaos.targets.standin.local import LocalTarget

        by_part = defects.by_part(wrong, topology)
        return LocalTarget(settings, run_id, by_part, guests, hosted=hosted), (Processes(run_id=run_id),)
    target: Target = target_type(name)(settings, run_id, defects.by_part(wrong, topology), guests)
    processes = Processes(run_id=run_id)
    return target, (Containers(run_id=run_id), processes) if name == "docker" else (processes,)


def _check_whose(wrong: tuple[str, ...], foreign: tuple[str, ...], asked: str) -> None:
    """Refuse defects of components that are none of ours.

    Raises:
        UsageError: one would be such a component's.
    """
    for name in wrong:
        if set(defects.by_part((name,), TOPOLOGIES[EDGE])) & set(foreign):
            raise UsageError(f"--defect {name}: {asked} can't be told to be wrong, only be configured so")


def new_run_id() -> str:
    """An identifier that no other run has."""
    return secrets.token_hex(6)


def assemble(
    prepared: Prepared, observer: Observer | None = None, at: tuple[Target, tuple[Undo, ...]] | None = None
) -> tuple[Run, RunDirectory]:
    """A run that was not started, and its directory. ``at``: a target of one's own, and what ends it.

    Raises:
        StoreError: the directory can't be made.
    """
    request, run_id = prepared.request, new_run_id()
    target, undos = at or make_target(
        request.target, prepared.settings, run_id, prepared.defects, gateway=request.gateway, idp=request.idp
    )
    directory = RunDirectory.create(request.reports, prepared.scenario.name, manifest(prepared, target))
    execution = Run(
        prepared.experiment,
        target,
        directory,
        Instruments.of(run_id, directory),
        run_id=run_id,
        undos=undos,
        seed=prepared.seed,
        late_p99_s=prepared.settings.slo.late_p99_s,
        observer=observer,
    )
    return execution, directory


def manifest(prepared: Prepared, target: Target) -> dict[str, Any]:
    """``manifest.json``: everything that is needed to understand, and to repeat, the run."""
    request, plan = prepared.request, prepared.experiment.plan
    return {
        "schema": 1,
        "scenario": plan.scenario,
        "variant": plan.variant,
        "summary": prepared.scenario.summary,
        "profile": request.profile,
        "target": target.name,
        "gateway": request.gateway,
        "idp": request.idp,
        "topology": prepared.settings.topology,
        "graph": target.graph.model_dump(mode="json"),
        "not_observed": [each.model_dump() for each in prepared.not_observed],
        "seed": prepared.seed,
        "defects": list(prepared.defects),
        "settings": prepared.settings.model_dump(mode="json"),
        "changed_settings": differing(prepared.settings),
        "plan": plan.model_dump(mode="json"),
        "canaries": explained(plan),
        "faults": [
            {"name": fault.title, "phase": phase}
            for phase, faults in prepared.experiment.faults.items()
            for fault in faults
        ],
        "added_faults": list(request.faults),
        "command": shlex.join(request.command),
        "repeat": repeat_command(prepared),
        "versions": versions(),
        "host": {"system": platform.platform(), "machine": platform.machine(), "python": platform.python_version()},
    }


def explained(plan: Plan) -> dict[str, dict[str, str]]:
    """What each planned kind of bad token is, why it is surely bad, and what a breach means: for who reads a report."""
    known = kinds()
    planned = [str(kind) for invariant in plan.invariants for kind in invariant.canaries]
    return {
        name: {"what": kind.made, "bad": kind.bad, "why": kind.why, "source": kind.source}
        for name in dict.fromkeys(planned)
        if (kind := known.get(name))
    }


def repeat_command(prepared: Prepared) -> str:
    """The command that runs the same plan again."""
    request = prepared.request
    words = ["idchaos", "run", request.scenario, "--target", request.target, "--profile", request.profile]
    if request.gateway != DEFAULT_GATEWAY:
        words += ["--gateway", request.gateway]
    if request.idp != DEFAULT_IDP:
        words += ["--idp", request.idp]
    if request.topology != DEFAULT_TOPOLOGY:
        words += ["--topology", request.topology]
    words += ["--seed", str(prepared.seed)]
    for name in prepared.defects:
        words += ["--defect", name]
    for fault in request.faults:
        words += ["--fault", fault]
    for name, value in request.overrides.items():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(words)
