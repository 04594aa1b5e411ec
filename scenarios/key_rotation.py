"""A signing key is rotated while traffic flows: how many good tokens are refused, and is the old key forgotten?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import Objective, PhaseName, Plan
from idchaos.faults.keys import KeyRotation
from idchaos.run.building import (
    AFTER_A_FAULT_TOO,
    CACHE_SLACK_S,
    OF_SOUND_KEY_SETS,
    api_latency,
    api_success,
    as_even_as_before,
    at_most,
    every_run,
    everyday_load,
    invariants,
    phases,
    recovery_after_withdrawal_s,
    withdrawal_lag_s,
)
from idchaos.run.idp_recovery import idp_as_quick_as_before
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import Need
from idchaos.values import Value

Mode = Literal["overlap", "abrupt", "publish_late", "emergency"]


class RotationSettings(Value):
    """How the rotation is done."""

    mode: Mode = Field("overlap", description="how; in an emergency the old key is compromised")
    late_s: float = seconds(3, at_least=0.1, why="with publish_late: signing begins this long before publishing")
    to_alg: Literal["", "RS256", "ES256", "EdDSA"] = Field(
        "", description="algorithm of the new key; default: that of the old one"
    )
    settle_s: float = seconds(4, at_least=0.5, why="how long traffic is watched after the last act")
    lead_s: float | None = Field(
        None, ge=0, le=86_400, description="with overlap: publish this long before signing; default: the cache's life"
    )
    overlap_s: float | None = Field(
        None, ge=0, le=86_400, description="keep the old key published this long; default: the tokens' life plus leeway"
    )


class KeyRotationSettings(CommonSettings):
    """All settings."""

    rotation: RotationSettings = RotationSettings()


def fault(settings: KeyRotationSettings) -> KeyRotation:
    """The rotation as a fault."""
    gateway, rotation = settings.gateway, settings.rotation
    # Publish before use for at least the largest validator cache; keep the old key for the tokens' life, leeway,
    # and clock error: what the guide calls staggered rotation.
    lead = gateway.jwks_cache_s + CACHE_SLACK_S if rotation.lead_s is None else rotation.lead_s
    overlap = settings.tokens.access_ttl_s + CACHE_SLACK_S if rotation.overlap_s is None else rotation.overlap_s
    algorithm = settings.tokens.signing_alg
    return KeyRotation(
        mode=rotation.mode,
        alg=algorithm,
        to_alg=rotation.to_alg,
        lead_s=lead,
        overlap_s=overlap,
        late_s=rotation.late_s,
        allowed_lag_s=withdrawal_lag_s(settings),
    )


def objectives(settings: KeyRotationSettings) -> tuple[Objective, ...]:
    """What each mode may cost: nothing when keys overlap; one cooldown when they don't."""
    gateway, rotation = settings.gateway, settings.rotation
    window = gateway.jwks_cooldown_s + gateway.jwks_timeout_s
    recovery = api_success(settings, PhaseName.RECOVERY)
    match rotation.mode:
        case "overlap":
            return api_success(settings, PhaseName.FAULT), api_latency(settings, PhaseName.FAULT), recovery
        case "abrupt":
            return refusals(settings, window), recovery
        case "publish_late":
            return refusals(settings, rotation.late_s + window), recovery
        case "emergency":
            lag = fault(settings).allowed_lag_s
            return (
                refusals(settings, window),
                at_most(
                    min(lag, settings.slo.withdrawn_key_s),
                    "s",
                    "retired_key_acceptance",
                    name="withdrawn_key_acceptance",
                    phase="all",
                    why="Tokens of a compromised key were accepted for longer than a cache lives.",
                ),
                recovery,
            )


def refusals(settings: KeyRotationSettings, limit_s: float) -> Objective:
    """Good tokens may be refused, or left undecided, for this long after the new key began to sign."""
    return at_most(
        min(limit_s, settings.slo.refusals_s),
        "s",
        "refusal_window",
        name="refusal_window",
        phase=PhaseName.FAULT,
        why="A new key stayed unknown for longer than one refetch takes.",
    )


def design(settings: KeyRotationSettings) -> Experiment:
    """Traffic goes on through every act of the rotation."""
    rotation = fault(settings)
    without = OF_SOUND_KEY_SETS if settings.rotation.mode == "publish_late" else ()
    settle_s = settings.rotation.settle_s
    spans = phases(settings, rotation.steps()[-1] + settle_s, recovery_after_withdrawal_s(settings, settle_s))
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=settings.rotation.mode,
            phases=spans,
            load=everyday_load(settings, without=without),
            objectives=(
                *objectives(settings),
                *as_even_as_before(settings),
                idp_as_quick_as_before(settings),
                *every_run(settings, spans),
            ),
            invariants=invariants(without),
            tails=AFTER_A_FAULT_TOO,
        ),
        faults={PhaseName.FAULT: (rotation,)},
    )


SCENARIO = Scenario(
    name="key_rotation",
    summary="A signing key is rotated in mid-flight: with overlap, abruptly, published late, or as an emergency.",
    covers=("F2", "M1"),
    settings=KeyRotationSettings,
    variants={mode: {"rotation.mode": mode} for mode in ("overlap", "abrupt", "publish_late", "emergency")},
    variant_of=lambda settings: settings.rotation.mode,
    design=design,
    needs=(Need.KEYS,),
    profiles={
        # The fault lasts as long as old tokens live: short ones keep a demonstration short.
        "quick": {"tokens.access_ttl_s": 8, "gateway.jwks_cache_s": 3},
        "ci": {"tokens.access_ttl_s": 12, "gateway.jwks_cache_s": 4},
        "gameday": {"rotation.settle_s": 120},
    },
)
