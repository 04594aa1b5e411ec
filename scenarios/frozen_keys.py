"""Keys are rotated twice and nobody is restarted: does a validator that has long been up still learn of new keys?"""

from __future__ import annotations

from pydantic import Field

from idchaos.experiment import PhaseName, Plan
from idchaos.faults.keys import KeyRotation
from idchaos.faults.rotations import Rotations
from idchaos.run.building import (
    CACHE_SLACK_S,
    api_latency,
    api_success,
    every_run,
    everyday_load,
    invariants,
    phases,
    recovery_after_withdrawal_s,
    withdrawal_lag_s,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import Need
from idchaos.values import Value


class RotationSettings(Value):
    """How often, and how soon after one another."""

    times: int = Field(2, ge=1, le=20, description="how many rotations")
    gap_s: float = seconds(1, at_least=0.5, why="from when a new key signs to when the next one is published")
    settle_s: float = seconds(3, at_least=0.5, why="how long traffic is watched after the last act")


class FrozenKeys(CommonSettings):
    """All settings."""

    rotation: RotationSettings = RotationSettings()


def fault(settings: FrozenKeys) -> Rotations:
    """Staggered rotations: each new key is published for a cache's life before it signs, and each old one is kept for
    a token's life afterwards.
    """
    algorithm, lead_s = settings.tokens.signing_alg, settings.gateway.jwks_cache_s + CACHE_SLACK_S
    return Rotations(
        rotations=tuple(
            KeyRotation(
                mode="overlap",
                alg=algorithm,
                after_s=(number - 1) * (lead_s + settings.rotation.gap_s),
                lead_s=lead_s,
                overlap_s=settings.tokens.access_ttl_s + CACHE_SLACK_S,
                late_s=0,
                allowed_lag_s=withdrawal_lag_s(settings),
            )
            for number in range(1, settings.rotation.times + 1)
        )
    )


def design(settings: FrozenKeys) -> Experiment:
    """Traffic goes on through all rotations, and nobody may notice any."""
    rotations = fault(settings)
    settle_s = settings.rotation.settle_s
    spans = phases(settings, rotations.steps()[-1] + settle_s, recovery_after_withdrawal_s(settings, settle_s))
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="rotations",
            phases=spans,
            load=everyday_load(settings),
            objectives=(
                api_success(settings, PhaseName.FAULT),
                api_latency(settings, PhaseName.FAULT),
                api_success(settings, PhaseName.RECOVERY),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (rotations,)},
    )


SCENARIO = Scenario(
    name="frozen_keys",
    summary="Keys are rotated twice without a restart: a validator that never reloads them refuses everybody.",
    covers=("F2", "M1"),
    settings=FrozenKeys,
    variants={"rotations": {}},
    variant_of=lambda _: "rotations",
    design=design,
    needs=(Need.KEYS,),
    profiles={
        # Rotations last as long as old tokens live: short ones keep a demonstration short.
        "quick": {"tokens.access_ttl_s": 8, "gateway.jwks_cache_s": 3},
        "ci": {"tokens.access_ttl_s": 10, "gateway.jwks_cache_s": 4},
        "gameday": {"rotation.times": 4, "rotation.gap_s": 60, "rotation.settle_s": 120},
    },
)
