"""A gateway is restarted at the worst of times: does it fail closed, come back soon, and remember what was revoked?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import Objective, PhaseName, Plan
from idchaos.faults.base import Fault
from idchaos.faults.clock import ClockSkew
from idchaos.faults.keys import KeyRotation
from idchaos.faults.network import LinkFault
from idchaos.faults.process import ProcessFault
from idchaos.run.building import (
    CACHE_SLACK_S,
    api_success,
    at_least,
    at_most,
    every_run,
    everyday_load,
    invariants,
    phases,
    readiness,
    recovers,
    recovery_after_withdrawal_s,
    withdrawal_lag_s,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import TOPOLOGIES, Need
from idchaos.values import Value

During = Literal["none", "outage", "skew", "rotation"]


class ColdSettings(Value):
    """When the gateway is restarted, and what is promised."""

    during: During = Field("outage", description="what else is wrong: no keys to be had, the IdP's clock, a rotation")
    after_s: float = seconds(1, at_least=0.2, why="how long that has lasted when the gateway is restarted")
    skew_s: float = Field(3, ge=-60, le=60, description="with skew: the IdP's clock is ahead by this much")
    restart_s: float = seconds(4, at_least=0.5, why="a restarted replica must serve this soon, where keys can be had")
    recovery_s: float = seconds(3, at_least=0.1, why="with outage: it must serve this soon after keys can be had again")


class ColdFault(Value):
    """How long what else is wrong lasts."""

    duration_s: float = seconds(12, at_least=2, why="how long the fault phase lasts; a rotation may take longer")


class ColdStart(CommonSettings):
    """All settings."""

    cold: ColdSettings = ColdSettings()
    fault: ColdFault = ColdFault()


def replicas(settings: ColdStart) -> tuple[str, str]:
    """The one that goes on, and the one that is restarted: two that stand in for each other."""
    graph = TOPOLOGIES[settings.topology].graph
    return next(
        (members[0], members[1])
        for members in graph.replicas.values()
        if set(members[:2]) <= set(graph.keepers_of_keys)
    )


def backdrop(settings: ColdStart) -> tuple[Fault, ...]:
    """What else is wrong."""
    gateway, algorithm = settings.gateway, settings.tokens.signing_alg
    match settings.cold.during:
        case "none":
            return ()
        case "outage":
            return (LinkFault(links=("gateway-to-idp",), mode="refused"),)
        case "skew":
            return (ClockSkew(component=TOPOLOGIES[settings.topology].graph.idp, offsets_s=(settings.cold.skew_s,)),)
        case "rotation":
            return (
                KeyRotation(
                    mode="overlap",
                    alg=algorithm,
                    lead_s=gateway.jwks_cache_s + CACHE_SLACK_S,
                    overlap_s=settings.tokens.access_ttl_s + CACHE_SLACK_S,
                    late_s=0,
                    allowed_lag_s=withdrawal_lag_s(settings),
                ),
            )


def restart(settings: ColdStart) -> ProcessFault:
    """The restart: with a rotation when the new key begins to sign, since nobody can have it cached."""
    after_s = settings.cold.after_s
    if settings.cold.during == "rotation":
        after_s += settings.gateway.jwks_cache_s + CACHE_SLACK_S
    _, cold = replicas(settings)
    return ProcessFault(component=cold, how="restart", after_s=after_s)


def length_s(settings: ColdStart) -> float:
    """How long the fault phase lasts: through every act."""
    last = max(step for fault in (*backdrop(settings), restart(settings)) for step in fault.steps())
    return max(settings.fault.duration_s, last + settings.cold.restart_s)


def objectives(settings: ColdStart) -> tuple[Objective, ...]:
    """The other replica must not notice. The restarted one must be back soon: at once where keys can be had, else (it
    has none, and must refuse to decide) when they can be had again.
    """
    warm_replica, cold_replica = replicas(settings)
    warm = at_least(
        settings.slo.success,
        f"success_rate{{flow=api,replica={warm_replica}}}",
        name="warm_replica",
        phase=PhaseName.FAULT,
        why="The replica that was not restarted failed as well.",
    )
    if settings.cold.during == "outage":
        back = recovers(
            settings.cold.recovery_s,
            "api",
            why="The restarted replica did not come back when it could have had keys.",
        )
        return warm, back
    back = at_most(
        settings.cold.restart_s,
        "s",
        f"unserved_time{{flow=api,replica={cold_replica}}}",
        name="cold_replica_back",
        phase=PhaseName.FAULT,
        why="The restarted replica failed for longer than a restart takes.",
    )
    return warm, back, api_success(settings, PhaseName.RECOVERY)


def design(settings: ColdStart) -> Experiment:
    """Traffic goes on at both replicas while one is restarted."""
    clock_error_s = abs(settings.cold.skew_s) if settings.cold.during == "skew" else 0.0
    rotating = settings.cold.during == "rotation"
    recovery_s = recovery_after_withdrawal_s(settings, settings.cold.restart_s) if rotating else None
    spans = phases(settings, length_s(settings), recovery_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=settings.cold.during,
            phases=spans,
            load=everyday_load(settings, clock_error_s=clock_error_s),
            objectives=(*objectives(settings), readiness(settings), *every_run(settings, spans)),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (*backdrop(settings), restart(settings))},
    )


SCENARIO = Scenario(
    name="cold_start",
    summary="A gateway restarts while keys can't be had, a clock is off, or a key is rotated: closed, and back soon.",
    covers=("F1", "F2", "F4", "M1", "M7"),
    settings=ColdStart,
    variants={during: {"cold.during": during} for during in ("outage", "skew", "rotation", "none")},
    variant_of=lambda settings: settings.cold.during,
    design=design,
    needs=(Need.REPLICAS,),
    profiles={
        # What was revoked before the restart must still be of age after it, and be asked about often.
        "quick": {"tokens.access_ttl_s": 20, "gateway.revocation_cache_s": 1, "load.canaries_per_kind": 1.4},
        "ci": {"load.canaries_per_kind": 1.4},
    },
)
