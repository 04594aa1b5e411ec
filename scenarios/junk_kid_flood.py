"""Tokens with made-up key names flood the gateways: are fetches bounded, is good traffic spared, also in a rotation?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import Objective, PhaseName, Plan, Stream
from idchaos.faults.base import Fault
from idchaos.faults.junk import JunkKids
from idchaos.faults.keys import KeyRotation
from idchaos.run.building import (
    CACHE_SLACK_S,
    api_latency,
    api_success,
    at_most,
    every_run,
    everyday_load,
    invariants,
    nothing_left_behind,
    phases,
    recovery_after_withdrawal_s,
    withdrawal_lag_s,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import TOPOLOGIES, Need
from idchaos.values import Value

COUNTING_SLACK = 1.5
"""Telemetry counts twice a second: of few fetches, one more or less at each end of a phase is much."""
SETTLE_S = 2.0


class FloodSettings(Value):
    """How much junk, and what it may cost."""

    rate: float = Field(100, gt=0, le=10_000, description="tokens with made-up kids per second, over both gateways")
    then_rotate: bool = Field(False, description="rotate the signing key while the flood spends the refetch budget")
    rotate_after_s: float = seconds(3, at_least=0.5, why="with then_rotate: how long the flood lasts before")
    latency_p99_s: float = seconds(0.5, at_least=0.001, why="greatest p99 latency of good API requests meanwhile")
    counted_by: Literal["gateways", "clients"] = Field(
        "gateways", description="who counts it: gateways prove it as a fault; of those that tell nothing, clients know"
    )


class FloodFault(Value):
    """How long it lasts."""

    duration_s: float = seconds(12, at_least=2, why="how long the flood lasts")


class JunkKidFlood(CommonSettings):
    """All settings."""

    flood: FloodSettings = FloodSettings()
    fault: FloodFault = FloodFault()


def faults(settings: JunkKidFlood) -> tuple[Fault, ...]:
    """The flood, where gateways can prove it (else it is load like any other), and the rotation in its midst."""
    counted = settings.flood.counted_by == "gateways"
    flood = (JunkKids(rate=settings.flood.rate),) if counted else ()
    if not settings.flood.then_rotate:
        return flood
    algorithm = settings.tokens.signing_alg
    rotation = KeyRotation(
        mode="abrupt",
        alg=algorithm,
        after_s=settings.flood.rotate_after_s,
        lead_s=0,
        overlap_s=settings.tokens.access_ttl_s + CACHE_SLACK_S,
        late_s=0,
        allowed_lag_s=withdrawal_lag_s(settings),
    )
    return *flood, rotation


def length_s(settings: JunkKidFlood) -> float:
    """How long the flood lasts: through every act of the rotation as well."""
    last = max((step for fault in faults(settings) for step in fault.steps()), default=0.0)
    return max(settings.fault.duration_s, last + SETTLE_S if settings.flood.then_rotate else 0.0)


def fetch_limit(settings: JunkKidFlood) -> float:
    """JWKS fetches per 1,000 requests that a validator answers: one in each cooldown, however many kids are unknown."""
    load = everyday_load(settings)
    asked = sum(stream.rate for stream in load.streams if stream.flow != "login") + settings.flood.rate
    per_validator = asked / len(TOPOLOGIES[settings.topology].deciders)
    # Without a cooldown, each request may cost a fetch.
    requests_per_fetch = max(1.0, settings.gateway.jwks_cooldown_s * per_validator)
    return round(COUNTING_SLACK * 1000 / requests_per_fetch, 2)


def objectives(settings: JunkKidFlood) -> tuple[Objective, ...]:
    """Fetches are bounded, good traffic is spared; a new key is known after one cooldown and one fetch."""
    fetches = at_most(
        fetch_limit(settings),
        "per 1,000",
        f"jwks_fetches_per_1000{{replica={'|'.join(TOPOLOGIES[settings.topology].deciders)}}}",
        name="fetches_bounded",
        phase=PhaseName.FAULT,
        why="Made-up key names cost the IdP a fetch each: whoever can send a request can flood it.",
    )
    p99 = at_most(
        settings.flood.latency_p99_s,
        "s",
        "latency_p99{flow=api}",
        name="api_latency_p99",
        phase=PhaseName.FAULT,
        why="Good requests waited for fetches that bad ones had caused.",
    )
    recovery = api_success(settings, PhaseName.RECOVERY)
    if not settings.flood.then_rotate:
        return fetches, p99, api_success(settings, PhaseName.FAULT), api_latency(settings, PhaseName.FAULT), recovery
    window = at_most(
        settings.gateway.jwks_cooldown_s + settings.gateway.jwks_timeout_s,
        "s",
        "refusal_window",
        name="refusal_window",
        phase=PhaseName.FAULT,
        why="The flood had spent the refetches that the new key needed.",
    )
    return fetches, p99, window, recovery


def design(settings: JunkKidFlood) -> Experiment:
    """Good traffic goes on meanwhile; then the flood is over."""
    starts = settings.phases.warmup_s + settings.phases.baseline_s
    flood = Stream(
        flow="junk",
        rate=settings.flood.rate,
        arrivals=settings.load.arrivals,
        starts_s=starts,
        ends_s=starts + length_s(settings),
    )
    recovery_s = recovery_after_withdrawal_s(settings, SETTLE_S) if settings.flood.then_rotate else None
    spans = phases(settings, length_s(settings), recovery_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="rotate" if settings.flood.then_rotate else "flood",
            phases=spans,
            load=everyday_load(settings, extra=(flood,)),
            objectives=(*objectives(settings), *nothing_left_behind(settings), *every_run(settings, spans)),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: found} if (found := faults(settings)) else {},
    )


SCENARIO = Scenario(
    name="junk_kid_flood",
    summary="Tokens with made-up kids flood the gateways, also while a key is rotated: fetches stay bounded.",
    covers=("F1", "F2", "M1", "M2", "M4"),
    settings=JunkKidFlood,
    variants={"flood": {"flood.then_rotate": False}, "rotate": {"flood.then_rotate": True}},
    variant_of=lambda settings: "rotate" if settings.flood.then_rotate else "flood",
    design=design,
    needs=(Need.KEYS,),
    of_ones_own={"flood.counted_by": "clients"},
    # A rotation lasts as long as old tokens live: short ones keep a demonstration short.
    profiles={"quick": {"tokens.access_ttl_s": 8}, "ci": {"tokens.access_ttl_s": 12}},
)
