"""Tokens for one service are replayed at every other one: does each check that it is meant?"""

from __future__ import annotations

from pydantic import Field

from idchaos.experiment import Canary, PhaseName, Plan
from idchaos.run.building import api_success, at_most, every_run, everyday_load, invariants, phases
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, LoadSettings, seconds
from idchaos.values import Value


class AudienceLoad(LoadSettings):
    """As ever, but with more canaries: there are many ways to be for somebody else."""

    canaries_per_kind: float = Field(
        2.4, gt=0, le=100, description="of each kind of request that must be refused, so many per second"
    )


class ReplayFault(Value):
    """How long tokens are replayed."""

    duration_s: float = seconds(12, at_least=1, why="how long tokens are replayed at other services")


class AudienceConfusionSettings(CommonSettings):
    """All settings."""

    load: AudienceLoad = AudienceLoad()
    fault: ReplayFault = ReplayFault()


def design(settings: AudienceConfusionSettings) -> Experiment:
    """Nothing is broken on purpose: everyday tokens name both services, and go on being accepted at both.
    Services are asked directly, too: they take no one but a gateway for a gateway.
    """
    spans = phases(settings, settings.fault.duration_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="replayed",
            phases=spans,
            load=everyday_load(settings, around=(Canary.WRONG_AUDIENCE, Canary.IDENTITY_HEADERS)),
            objectives=(
                at_most(
                    0,
                    "count",
                    "audience_confusion",
                    name="no_service_takes_anothers_tokens",
                    phase="all",
                    why="Whoever gets a token for one service, or runs it, can act at another in the user's name.",
                ),
                at_most(
                    0,
                    "count",
                    "audience_confusion_around",
                    name="nor_around_the_gateways",
                    phase="all",
                    why="Whoever reaches a service directly can act there with a token for another.",
                ),
                api_success(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={},
    )


SCENARIO = Scenario(
    name="audience_confusion",
    summary="Tokens for one service are replayed at every other, through the gateway and around it: who checks?",
    covers=("F5", "B3", "X3"),
    settings=AudienceConfusionSettings,
    variants={"replayed": {}},
    variant_of=lambda _: "replayed",
    design=design,
)
