"""The IdP's metadata are odd: keys at another place, an issuer spelled otherwise, or none to be had at the start."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import Objective, PhaseName, Plan
from idchaos.faults.base import Fault
from idchaos.faults.idp_errors import ERROR_5XX, EndpointFault
from idchaos.faults.odd_answers import OddAnswers
from idchaos.faults.process import ProcessFault
from idchaos.run.building import (
    OF_SOUND_KEY_SETS,
    api_latency,
    api_success,
    at_least,
    every_run,
    everyday_load,
    invariants,
    phases,
    recovers,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import TOPOLOGIES, Need
from idchaos.values import Value

Odd = Literal["other_jwks_uri", "issuer_respelled", "down_at_boot"]
RESTARTED_AFTER_S = 1.0


class OddSettings(Value):
    """How the metadata are odd, and what is promised."""

    transform: Odd = Field("other_jwks_uri", description="how the metadata are odd")
    duration_s: float = seconds(12, at_least=2, why="how long; beyond gateway.jwks_cache_s, or nobody asks")
    recovery_s: float = seconds(3, at_least=0.1, why="with down_at_boot: it must serve this soon when they can be had")


class OddDiscovery(CommonSettings):
    """All settings."""

    fault: OddSettings = OddSettings()


def deciders(settings: OddDiscovery) -> tuple[str, ...]:
    """Who decides by keys: the last of them is restarted without metadata, the others go on."""
    graph = TOPOLOGIES[settings.topology].graph
    return tuple(name for name in graph.validators_of_tokens if name in graph.keepers_of_keys)


def faults(settings: OddDiscovery) -> tuple[Fault, ...]:
    """What happens to the metadata, and to whom."""
    match settings.fault.transform:
        case "down_at_boot":
            down = EndpointFault(endpoints=("discovery",), error=ERROR_5XX, label="503")
            return down, ProcessFault(component=deciders(settings)[-1], how="restart", after_s=RESTARTED_AFTER_S)
        case transform:
            return (OddAnswers.of(transform),)


def objectives(settings: OddDiscovery) -> tuple[Objective, ...]:
    """Keys are followed to where they went, and nobody is led astray. A replica that could not learn where the keys are
    does so as soon as it can.
    """
    if settings.fault.transform != "down_at_boot":
        return (
            api_success(settings, PhaseName.FAULT),
            api_latency(settings, PhaseName.FAULT),
            api_success(settings, PhaseName.RECOVERY),
        )
    back = recovers(
        settings.fault.recovery_s,
        "api",
        why="A replica that was started without metadata did not come back when they could be had.",
    )
    warm = [name for name in deciders(settings)[:-1] if name in TOPOLOGIES[settings.topology].graph.gateways]
    return (*(_goes_on(settings, name) for name in warm), back)


def _goes_on(settings: OddDiscovery, replica: str) -> Objective:
    return at_least(
        settings.slo.success,
        f"success_rate{{flow=api,replica={replica}}}",
        name="warm_replica",
        phase=PhaseName.FAULT,
        why="A replica that knew where the keys are failed as well.",
    )


def design(settings: OddDiscovery) -> Experiment:
    """Traffic goes on while the metadata are odd; then they are as they were."""
    spans = phases(settings, settings.fault.duration_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=settings.fault.transform,
            phases=spans,
            load=everyday_load(settings, without=OF_SOUND_KEY_SETS),
            objectives=(*objectives(settings), *every_run(settings, spans)),
            invariants=invariants(OF_SOUND_KEY_SETS),
        ),
        faults={PhaseName.FAULT: faults(settings)},
    )


SCENARIO = Scenario(
    name="odd_discovery",
    summary="The IdP's metadata name another place for its keys or another issuer, or can't be had at the start.",
    covers=("F1", "F2", "M1", "M7"),
    settings=OddDiscovery,
    variants={
        # Who does not follow the keys is soon without any.
        "other_jwks_uri": {"fault.transform": "other_jwks_uri", "gateway.jwks_stale_s": 4},
        "issuer_respelled": {"fault.transform": "issuer_respelled"},
        "down_at_boot": {"fault.transform": "down_at_boot"},
    },
    variant_of=lambda settings: settings.fault.transform,
    design=design,
    needs=(Need.KEYS, Need.METADATA),
    profiles={
        # What was revoked before the restart must still be of age after it, and be asked about often.
        "quick": {"gateway.revocation_cache_s": 1, "load.canaries_per_kind": 2},
        "ci": {"load.canaries_per_kind": 2},
    },
)
