"""A client secret is rotated, and reaches the instances in stages: are those that still have the old one locked out?"""

from __future__ import annotations

from pydantic import Field

from idchaos.experiment import PhaseName, Plan, Stream
from idchaos.faults.secret_rotation import SecretRotation
from idchaos.load.flows.attack import Leak, Rollout
from idchaos.run.building import api_success, at_least, at_most, every_run, everyday_load, invariants, phases
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.targets.standin.parties import PARTNERS
from idchaos.values import Value

FIRST_STAGE_S = 1.0
"""From the rotation until the first instances have the new secret: it is made before it is handed out."""
WATCH_S = 2.0
"""How long the old secret is tried after it must have ended."""


class RolloutSettings(Value):
    """How the new secret reaches the client's instances."""

    stages: int = Field(4, ge=1, le=20, description="shares of the instances that take the new secret one by one")
    every_s: float = seconds(1.5, why="from one stage to the next")
    overlap_s: float = seconds(8, why="how long the old secret stays good; 0: it ends at once")
    rate: float = Field(30, gt=0, le=1_000, description="tokens per second that the client's instances ask for")
    stale_rate: float = Field(8, gt=0, le=1_000, description="attempts per second with the old secret, to the end")
    success: float = Field(0.98, gt=0, lt=1, description="least share of the instances' token requests that succeed")
    slack_s: float = seconds(1, why="how far apart two attempts may be, and a request under way may end")


class StaleSecretSettings(CommonSettings):
    """All settings."""

    rollout: RolloutSettings = RolloutSettings()


def rolled_out_after_s(settings: StaleSecretSettings) -> float:
    """From the rotation until every instance has the new secret."""
    return FIRST_STAGE_S + (settings.rollout.stages - 1) * settings.rollout.every_s


def design(settings: StaleSecretSettings) -> Experiment:
    """The secret is rotated when the fault phase begins; it lasts until all have the new one and the old one is over.

    The old secret is tried from the baseline on: that it ends is only seen if it once was good.
    An overlap that is shorter than the roll-out is what this scenario is about, and so no error.
    """
    rollout = settings.rollout
    warm = settings.phases.warmup_s
    rotated = warm + settings.phases.baseline_s
    spans = phases(settings, max(rolled_out_after_s(settings), rollout.overlap_s + rollout.slack_s) + WATCH_S)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=variant_of(settings),
            phases=spans,
            load=everyday_load(
                settings,
                extra=(
                    Stream(flow="partner", rate=rollout.rate, arrivals="constant"),
                    Stream(flow="attacker", rate=rollout.stale_rate, arrivals="constant", starts_s=warm),
                ),
                flows=(
                    Rollout(starts_s=rotated + FIRST_STAGE_S, stages=rollout.stages, every_s=rollout.every_s),
                    Leak(ways=("mint",)),
                ),
            ),
            objectives=(
                at_least(
                    rollout.success,
                    "success_rate{flow=partner,endpoint=token}",
                    name="rollout_success",
                    phase=PhaseName.FAULT,
                    why="Instances were locked out: the old secret ended before they had the new one.",
                ),
                at_most(
                    rollout.overlap_s + rollout.slack_s,
                    "s",
                    "attacker_last_success{way=mint}",
                    name="old_secret_refused",
                    phase="all",
                    why="The old secret gave tokens after its time: whoever has a copy need not care for rotations.",
                ),
                api_success(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (SecretRotation(clients=PARTNERS, overlap_s=rollout.overlap_s),)},
    )


def variant_of(settings: StaleSecretSettings) -> str:
    """Whether two secrets are good for as long as the roll-out takes."""
    return "overlap" if settings.rollout.overlap_s > rolled_out_after_s(settings) else "short_overlap"


SCENARIO = Scenario(
    name="stale_secret",
    summary="A client secret is rotated and rolled out in stages: are instances with the old one locked out?",
    covers=("B2", "X2", "M3"),
    settings=StaleSecretSettings,
    variants={"overlap": {}, "short_overlap": {"rollout.overlap_s": 0}},
    variant_of=variant_of,
    design=design,
    profiles={
        "ci": {"rollout.every_s": 3, "rollout.overlap_s": 14},
        "gameday": {"rollout.every_s": 60, "rollout.overlap_s": 300},
    },
)
