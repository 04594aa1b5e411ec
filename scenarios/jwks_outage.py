"""The JWKS can't be fetched for a while: do users notice?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import PhaseName, Plan
from idchaos.faults.base import Fault
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, GARBAGE, EndpointFault
from idchaos.faults.network import LinkFault
from idchaos.run.building import (
    AFTER_A_FAULT_TOO,
    api_latency,
    api_success,
    as_even_as_before,
    caught_up,
    every_run,
    everyday_load,
    invariants,
    nothing_left_behind,
    phases,
    readiness,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import TOPOLOGIES, Need
from idchaos.values import Value

Mode = Literal["refused", "timeout", "reset", "slow", "error_5xx", "garbage", "empty"]


class OutageSettings(Value):
    """How the JWKS fails."""

    mode: Mode = Field("refused", description="what a key fetch meets")
    duration_s: float = seconds(12, at_least=1, why="how long it fails; beyond gateway.jwks_cache_s, or nobody asks")
    latency_s: float = seconds(3, at_least=0.05, why="with mode slow: how much later answers come")


class JwksOutage(CommonSettings):
    """All settings."""

    fault: OutageSettings = OutageSettings()


def fault(settings: JwksOutage) -> Fault:
    """The outage as a fault: on the validators' links, or at the IdP's endpoint."""
    match settings.fault.mode:
        case "error_5xx":
            return EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503")
        case "garbage":
            return EndpointFault(endpoints=("jwks",), error=GARBAGE, label="HTML instead of keys")
        case "empty":
            return EndpointFault(endpoints=("jwks",), error=EMPTY, label="an empty key set")
        case mode:
            return LinkFault(
                links=TOPOLOGIES[settings.topology].links_to_idp, mode=mode, latency_s=settings.fault.latency_s
            )


def design(settings: JwksOutage) -> Experiment:
    """Traffic with JWTs goes on while no validator gets keys; then keys are back."""
    spans = phases(settings, settings.fault.duration_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=settings.fault.mode,
            phases=spans,
            load=everyday_load(settings),
            objectives=(
                api_success(settings, PhaseName.FAULT),
                api_latency(settings, PhaseName.FAULT),
                api_success(settings, PhaseName.RECOVERY),
                *caught_up(settings, spans),
                *as_even_as_before(settings),
                *nothing_left_behind(settings),
                readiness(settings),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
            tails=AFTER_A_FAULT_TOO,
        ),
        faults={PhaseName.FAULT: (fault(settings),)},
    )


SCENARIO = Scenario(
    name="jwks_outage",
    summary="The JWKS can't be fetched: refused, black hole, reset, slow, 5xx, HTML, or an empty set.",
    covers=("F1", "M1", "M2", "M4"),
    settings=JwksOutage,
    variants={
        mode: {"fault.mode": mode} for mode in ("refused", "timeout", "reset", "slow", "error_5xx", "garbage", "empty")
    },
    variant_of=lambda settings: settings.fault.mode,
    design=design,
    needs=(Need.KEYS,),
)
