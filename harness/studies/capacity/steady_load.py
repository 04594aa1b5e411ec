"""Nothing goes wrong; for a while there is so much of one kind of traffic. The run of a study of capacity."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import Bound, Objective, PhaseName, Plan, Stream
from idchaos.run.building import at_most, everyday_load, phases
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, LoadSettings, seconds
from idchaos.values import Value
from idchaos.verdict.stats import samples_needed

RAMP_S = 1.0
ROOM = 1.25
"""Arrivals come at random: so many times as long as the samples that a verdict takes would come in on average."""


class Everyday(LoadSettings):
    """Beside what is asked about: little, and hardly a canary."""

    rate: float = Field(20, gt=0, le=20_000, description="API requests per second, over both gateways")
    login_rate: float = Field(0.2, gt=0, le=1_000, description="new logins per second")
    machine_rate: float = Field(1, gt=0, le=5_000, description="client-credentials tokens per second")
    canaries_per_kind: float = Field(
        0.01, gt=0, le=100, description="of each kind of request that must be refused, so many per second"
    )


class CapacitySettings(Value):
    """What there is much of."""

    flow: Literal["api", "opaque", "login", "machine"] = Field("api", description="which kind of traffic")
    rate: float = Field(200, gt=0, le=20_000, description="of that so many more per second")
    hold_s: float = seconds(10, at_least=2, why="how long it lasts; longer where so few come that nothing is shown")


class SteadyLoadSettings(CommonSettings):
    """All settings."""

    load: Everyday = Everyday()
    capacity: CapacitySettings = CapacitySettings()


def design(settings: SteadyLoadSettings) -> Experiment:
    """A baseline with little, then so much of it, then little again."""
    asked = settings.capacity
    holds_s = max(asked.hold_s, ROOM * samples_needed(settings.slo.success) / asked.rate)
    spans = phases(settings, RAMP_S + holds_s)
    starts_s = settings.phases.warmup_s + settings.phases.baseline_s
    much = Stream(
        flow=asked.flow,
        rate=asked.rate,
        arrivals=settings.load.arrivals,
        ramp_s=RAMP_S,
        starts_s=starts_s,
        ends_s=starts_s + RAMP_S + holds_s,
    )
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=asked.flow,
            phases=spans,
            load=everyday_load(settings, extra=(much,)),
            objectives=(
                Objective(
                    name="served",
                    sli=f"success_rate{{flow={asked.flow}}}",
                    phase=PhaseName.FAULT,
                    bound=Bound(op=">=", limit=settings.slo.success),
                    why="At this rate good requests were refused, or got no answer.",
                ),
                at_most(
                    settings.slo.latency_p95_s,
                    "s",
                    f"latency_p95{{flow={asked.flow}}}",
                    name="in_time",
                    phase=PhaseName.FAULT,
                    why="At this rate users waited: p95 counts from when a request was due.",
                ),
            ),
            invariants=(),
        ),
        faults={},
    )


SCENARIO = Scenario(
    name="steady_load",
    summary="Nothing goes wrong; for a while there is so much of one kind of traffic.",
    covers=(),
    settings=SteadyLoadSettings,
    variants={"api": {}, **{flow: {"capacity.flow": flow} for flow in ("opaque", "login", "machine")}},
    variant_of=lambda settings: settings.capacity.flow,
    design=design,
    profiles={
        "quick": {"phases.recovery_s": 2, "phases.baseline_s": 4},
        "ci": {"phases.recovery_s": 2, "capacity.hold_s": 20},
        "gameday": {"capacity.hold_s": 120},
    },
)
