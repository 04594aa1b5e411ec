"""The key set is odd: keys that nobody knows, several of one name, or an answer that should not be read."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from idchaos.experiment import Bound, Objective, PhaseName, Plan
from idchaos.faults.odd_answers import OddAnswers
from idchaos.faults.transforms import CHANGES, changes_at
from idchaos.run.building import (
    OF_SOUND_KEY_SETS,
    api_latency,
    api_success,
    at_most,
    every_run,
    everyday_load,
    invariants,
    phases,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import Need
from idchaos.values import Value

Odd = Literal[
    "unknown_kty", "unknown_curve", "enc_twin", "duplicate_kid", "no_kid", "new_material", "hundred_keys",
    "cache_control", "gzip", "gzip_bomb", "oversized", "redirect", "retry_after", "drip", "short_body",
]  # fmt: skip
SHORT_OF_KEYS_S = 3
"""Of a key set that a sound reader goes by: so long keys may be used that were not fetched again. Who can't read it is
soon without any, and is noticed by everybody.
"""
FETCHES_AT_ENDS = 2
"""One may be on its way when the fault begins, and one be due as it ends."""


class OddSettings(Value):
    """How the key set is odd."""

    transform: Odd = Field("unknown_kty", description="how the key set is changed on its way out")
    duration_s: float = seconds(12, at_least=1, why="how long; beyond gateway.jwks_cache_s, or nobody asks")
    retry_after_s: int = Field(4, ge=1, le=30, description="with retry_after: for how long it wants to be left alone")
    max_age_s: int = Field(0, ge=0, le=10**9, description="with cache_control: how long it says that it may be kept")


class OddJwks(CommonSettings):
    """All settings."""

    fault: OddSettings = OddSettings()


def objectives(settings: OddJwks) -> tuple[Objective, ...]:
    """Users don't notice, whether keys are read or kept. Under new material old tokens are nobody's, so users must only
    be well again when they have new ones.
    """
    odd = settings.fault.transform
    recovery = api_success(settings, PhaseName.RECOVERY)
    if odd == "new_material":
        return (recovery,)
    unnoticed = api_success(settings, PhaseName.FAULT), api_latency(settings, PhaseName.FAULT), recovery
    if odd == "retry_after":
        return (*unnoticed, left_alone(settings))
    return (*unnoticed, keys_read(settings)) if CHANGES[odd].legitimate else unnoticed


def keys_read(settings: OddJwks) -> Objective:
    """Hardly any fetch of keys fails: one in two that are due would be too many."""
    apart_s = max(settings.gateway.jwks_cache_s, settings.gateway.jwks_cooldown_s)
    return Objective(
        name="keys_are_read",
        sli="jwks_fetch_failures",
        phase=PhaseName.FAULT,
        bound=Bound(op="<=", limit=60 / (2 * apart_s), unit="1/min"),
        why="A key set that the standard allows was not understood: the next key rotation logs everybody out.",
    )


def left_alone(settings: OddJwks) -> Objective:
    """No validator asks more often than it was told to."""
    asked, lasts_s = settings.fault.retry_after_s, settings.fault.duration_s
    return at_most(
        (lasts_s / asked + FETCHES_AT_ENDS) / lasts_s,
        "1/s",
        "jwks_fetch_rate_max",
        name="left_alone",
        phase=PhaseName.FAULT,
        why="Keys were fetched although their endpoint had asked to be left alone: that keeps an IdP down.",
    )


def design(settings: OddJwks) -> Experiment:
    """Traffic goes on while the key set is odd; then it is as it was."""
    odd = settings.fault
    spans = phases(settings, odd.duration_s)
    fault = OddAnswers.of(odd.transform, retry_after_s=odd.retry_after_s, max_age_s=odd.max_age_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=odd.transform,
            phases=spans,
            load=everyday_load(settings, without=OF_SOUND_KEY_SETS),
            objectives=(*objectives(settings), *every_run(settings, spans)),
            invariants=invariants(OF_SOUND_KEY_SETS),
        ),
        faults={PhaseName.FAULT: (fault,)},
    )


def _variant(odd: str) -> dict[str, Any]:
    if odd == "new_material":
        return {"fault.transform": odd, "tokens.access_ttl_s": 8}
    short = {"gateway.jwks_stale_s": SHORT_OF_KEYS_S} if changes_at("jwks")[odd].legitimate else {}
    return {"fault.transform": odd, **short}


SCENARIO = Scenario(
    name="odd_jwks",
    summary="The JWKS is odd: unknown keys, twins, a hundred, compressed, a bomb, a redirect, a drip, a short body.",
    covers=("F1", "F2", "M1", "M2", "M4"),
    settings=OddJwks,
    variants={odd: _variant(odd) for odd in changes_at("jwks")},
    variant_of=lambda settings: settings.fault.transform,
    design=design,
    needs=(Need.KEYS,),
)
