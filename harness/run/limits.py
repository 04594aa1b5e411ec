"""What an experiment may be at a target that somebody else uses too, and at one that lacks what users need. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, Final

from idchaos.contract import NotObserved
from idchaos.errors import Unsuited
from idchaos.experiment import PhaseName, Plan
from idchaos.faults.base import Fault
from idchaos.faults.network import LinkFault
from idchaos.faults.process import ProcessFault
from idchaos.graph import Graph
from idchaos.load.engine.job import Roles
from idchaos.load.flows.catalogue import flows_in
from idchaos.planning.observability import without
from idchaos.run.scenario import Experiment, Scenario
from idchaos.targets.base import Target
from idchaos.targets.capabilities import BlastRadius, LimitsBlast, ReportsState, known_as
from idchaos.targets.endpoints import Endpoints
from idchaos.topologies import offers
from idchaos.undo.guardian import ACTS_S, UNLIMITED, Lease

EXPIRED: Final = "expired"
RIPE_S: Final = 2.0
"""An expired token is tried a moment after it may be."""
BESIDE: Final = ("login",)
"""Flows that everyday traffic has besides, and can do without."""
_OF_USERS: Final = re.compile(r"flow=(login|native_login|refresh|logout)|^refresh_")
"""SLIs that are about users who log in."""


def suiting(experiment: Experiment, target: Target, life_s: float) -> tuple[Experiment, tuple[NotObserved, ...]]:
    """The experiment as it can be at this target, and what was left out. ``life_s``: of an access token.

    Raises:
        Unsuited: it can't be; names what is lacking, or the limit.
    """
    check_links(experiment, target)
    plan, hidden = _with_whom_there_is(experiment.plan, target.endpoints)
    plan = _by_its_clocks(plan, target.endpoints)
    plan, untried = _grown_old_in_time(plan, target.endpoints, life_s)
    hidden += untried
    fitted = replace(experiment, plan=plan)
    limits = target.capability(LimitsBlast)
    return (fitted, hidden) if limits is None else (within(fitted, target, limits.blast_radius()), hidden)


def lease_at(target: Target) -> Lease:
    """How long a runner may be silent during a fault: where faults are limited, no longer than one may still last."""
    limits = target.capability(LimitsBlast)
    if limits is None:
        return UNLIMITED
    allowed = limits.blast_radius()
    return Lease(held_s=allowed.max_seconds, acts_s=ACTS_S + allowed.acts_s)


def check_links(experiment: Experiment, target: Target) -> None:
    """Refuse faults on links that the target has not.

    Raises:
        Unsuited: names them.
    """
    for fault in _faults(experiment):
        if not isinstance(fault, LinkFault):
            continue
        for name in fault.links:
            try:
                target.graph.links_of(name)
            except KeyError:
                raise Unsuited(f"--target {target.name}: {fault.title} needs a proxy on the link {name}") from None


def check_needs(scenario: Scenario[Any], graph: Graph, asked: str) -> None:
    """Refuse a system that has not what the scenario is about. ``asked``: the option that chose it.

    Raises:
        Unsuited: says what that is.
    """
    if lacking := [need for need in scenario.needs if need not in offers(graph)]:
        raise Unsuited(f"{asked}: {scenario.name} needs {' and '.join(lacking)}")


def check_decided(scenario: Scenario[Any], told: Collection[str], target: str) -> None:
    """Refuse a system of one's own of which it is not said what was decided about it: ours would be no measure.

    Raises:
        Unsuited: names the settings that are not among those that were ``told``.
    """
    untold = [name for name in scenario.decided if name not in told]
    if untold:
        settings = " ".join(f"--set {name}=..." for name in untold)
        raise Unsuited(f"--target {target}: {scenario.name} needs what you have decided: {settings}")


def check_capabilities(experiment: Experiment, target: Target) -> None:
    """Refuse faults that this very target can't carry out or prove.

    Raises:
        Unsuited: names the fault and the capabilities that are missing.
    """
    reports = target.capability(ReportsState)
    for fault in (fault for faults in experiment.faults.values() for fault in faults):
        missing = [known_as(need) for need in (*fault.needs, *fault.also_needs()) if target.capability(need) is None]
        if missing:
            raise Unsuited(f"--target {target.name}: {fault.title} needs a target where {', and where '.join(missing)}")
        if why_not := fault.why_not(target):
            raise Unsuited(f"--target {target.name}: {fault.title}: {why_not}")
        for fact, components in fault.asks(target.graph).items():
            mute = [name for name in components if reports is None or fact not in reports.tells(name)]
            if mute:
                raise Unsuited(f"--target {target.name}: {fault.title}: {', '.join(mute)} can't tell of {fact}")


def unprovable(experiment: Experiment, target: Target) -> tuple[NotObserved, ...]:
    """Faults of which nothing at a target could show that they were felt, and why not: such a run is INCONCLUSIVE."""
    faults = (fault for faults in experiment.faults.values() for fault in faults)
    reasons = ((fault.title, fault.unprovable(target)) for fault in faults)
    return tuple(NotObserved(name=f"fault {title}", why=why) for title, why in reasons if why)


def _with_whom_there_is(plan: Plan, endpoints: Endpoints) -> tuple[Plan, tuple[NotObserved, ...]]:
    roles = Roles.of(endpoints.clients)
    flows = flows_in(plan.load)
    lacking = {name: lacks for name, flow in flows.items() if (lacks := flow.lacks(roles, endpoints))}
    partly = tuple(
        NotObserved(name=f"a part of the flow {name}", why=f"there is not {lacks}")
        for name, flow in flows.items()
        for lacks in flow.leaves_out(roles)
    )
    if not lacking:
        return plan, partly
    about_users = [each.name for each in plan.objectives if _OF_USERS.search(each.sli)]
    if about_users or set(lacking) - set(BESIDE):
        flow = min(lacking, key=lambda name: name in BESIDE)
        raise Unsuited(f"{plan.scenario} needs {lacking[flow]} (flow {flow})")
    streams = tuple(each for each in plan.load.streams if each.flow not in lacking)
    described = tuple(each for each in plan.load.flows if each.name not in lacking)
    load = plan.load.model_copy(update={"streams": streams, "flows": described})
    declared = tuple(NotObserved(name=f"flow {flow}", why=f"there is not {lacks}") for flow, lacks in lacking.items())
    return plan.model_copy(update={"load": load}), declared + partly


def _by_its_clocks(plan: Plan, endpoints: Endpoints) -> Plan:
    """Tokens that must be refused are so by clocks that are as far off as may be."""
    if plan.load.canaries is None:
        return plan
    canaries = plan.load.canaries.by_clocks_apart(endpoints.clocks_within_s)
    return plan.model_copy(update={"load": plan.load.model_copy(update={"canaries": canaries})})


def _grown_old_in_time(plan: Plan, endpoints: Endpoints, life_s: float) -> tuple[Plan, tuple[NotObserved, ...]]:
    """Where no token can be made to order, an expired one has to be waited for: not tried where that takes too long."""
    canaries = plan.load.canaries
    makes = endpoints.idp_control_url or endpoints.signing_jwk
    if makes or canaries is None or EXPIRED not in canaries.kinds:
        return plan, ()
    before_fault_s = sum(each.duration_s for each in plan.phases if each.name in (PhaseName.WARMUP, PhaseName.BASELINE))
    after_s = canaries.clock_margin_s if canaries.expired_after_s is None else canaries.expired_after_s
    if life_s + after_s + RIPE_S <= before_fault_s:
        return plan, ()
    why = f"{EXPIRED}: a token lives for {life_s:g} s, and the baseline ends after {before_fault_s:g} s"
    return without(plan, (EXPIRED,)), (NotObserved(name="expired_tokens_refused", why=why),)


def within(experiment: Experiment, target: Target, allowed: BlastRadius) -> Experiment:
    """The experiment within a blast radius: faults of links hit no more replicas than that.

    Raises:
        Unsuited: it asks for more requests, or lasts longer; says what would do.
    """
    rate = sum(stream.rate for stream in experiment.plan.load.streams)
    if rate > allowed.max_rate:
        own = sum(stream.rate for stream in experiment.plan.load.streams if stream.flow == "api")
        left = max(1.0, own - (rate - allowed.max_rate))
        less = f"--rate {left:.0f}" if rate - own < allowed.max_rate else "also fewer canaries: load.canaries_per_kind"
        raise Unsuited(
            f"--target {target.name}: {rate:.0f} requests/s, and blast_radius.max_rate is {allowed.max_rate:g}: {less}"
        )
    for phase in experiment.plan.phases:
        if phase.name is PhaseName.FAULT and phase.duration_s > allowed.max_seconds:
            raise Unsuited(
                f"--target {target.name}: a fault phase of {phase.duration_s:g} s,"
                f" and blast_radius.max_seconds is {allowed.max_seconds:g}"
            )
    faults = {
        phase: tuple(_on_fewer(fault, target, allowed.replicas) for fault in found)
        for phase, found in experiment.faults.items()
    }
    return replace(experiment, faults=faults)


def _on_fewer(fault: Fault, target: Target, share: float) -> Fault:
    """The same fault at as many replicas as are allowed, the first ones: on their links, or at themselves.

    Raises:
        Unsuited: one replica is more already, a link is everybody's, or it is another replica.
    """
    graph, title = target.graph, fault.title
    if not isinstance(fault, (LinkFault, ProcessFault)) or share >= 1:
        return fault
    most = math.floor(share * len(graph.gateways))
    allowed = set(graph.gateways[:most])
    if isinstance(fault, LinkFault):
        kept = tuple(name for name in fault.proxies(graph) if _users_of(graph, name) <= allowed)
        fault = fault.model_copy(update={"links": kept})
    else:
        kept = (fault.component,) if fault.component not in set(graph.gateways) - allowed else ()  # the first ones
    if not kept:
        raise Unsuited(
            f"--target {target.name}: {title} hits more than"
            f" {most} of {len(graph.gateways)} replicas, which blast_radius.replicas = {share:g} allows"
        )
    return fault


def _users_of(graph: Graph, name: str) -> set[str]:
    """Whom a link's fault hits: the gateways at either end, or all of them where clients use it for the IdP."""
    link = next(each for each in graph.links if each.name == name)
    ends = {*link.consumers, link.provider}
    return ends & set(graph.gateways) or set(graph.gateways)


def _faults(experiment: Experiment) -> Iterator[Fault]:
    return (fault for faults in experiment.faults.values() for fault in faults)
