"""A key that still signs vanishes from the JWKS and comes back: how soon after that is everybody served again?"""

from __future__ import annotations

from idchaos.experiment import PhaseName, Plan
from idchaos.faults.key_removal import KeyRemoval
from idchaos.run.building import (
    OF_SOUND_KEY_SETS,
    api_latency,
    every_run,
    everyday_load,
    invariants,
    phases,
    recovers,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import Need
from idchaos.values import Value


class RemovalSettings(Value):
    """How long the key is missing."""

    duration_s: float = seconds(12, at_least=1, why="how long; beyond gateway.jwks_cache_s, or nobody asks")


class RemovalPromises(Value):
    """What is promised afterwards."""

    recovery_s: float = seconds(3, at_least=0.1, why="every replica must accept all good tokens this soon afterwards")


class LiveKeyRemoved(CommonSettings):
    """All settings."""

    fault: RemovalSettings = RemovalSettings()
    removal: RemovalPromises = RemovalPromises()


def design(settings: LiveKeyRemoved) -> Experiment:
    """Good tokens are refused once a cache has lost the key: nobody could know better, so nothing is promised of them
    while it is missing. But now every request names an unknown key, which must not become a storm of fetches; and when
    the key is back, the refusals must end.
    """
    spans = phases(settings, settings.fault.duration_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="removed",
            phases=spans,
            load=everyday_load(settings, without=OF_SOUND_KEY_SETS),
            objectives=(
                api_latency(settings, PhaseName.FAULT),
                recovers(
                    settings.removal.recovery_s,
                    "api",
                    why="Good tokens were refused long after their key was back.",
                ),
                *every_run(settings, spans),
            ),
            invariants=invariants(OF_SOUND_KEY_SETS),
        ),
        faults={PhaseName.FAULT: (KeyRemoval(),)},
    )


SCENARIO = Scenario(
    name="live_key_removed",
    summary="The key that signs vanishes from the JWKS, then returns: no storm of fetches, and a short tail.",
    covers=("F2", "M1", "M4"),
    settings=LiveKeyRemoved,
    variants={"removed": {}},
    variant_of=lambda _: "removed",
    design=design,
    needs=(Need.KEYS,),
)
