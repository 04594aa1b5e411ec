"""One refresh token is used twice by its own client: in two tabs, or since an answer was lost. Who is logged out?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import Bound, Objective, PhaseName, Plan, Stream
from idchaos.faults.races import RefreshRaces
from idchaos.load.flows.races import LostAnswer, TwoTabs
from idchaos.run.building import api_success, every_run, everyday_load, invariants, phases
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, TokenSettings, seconds
from idchaos.values import Value

WHY = {
    "two_tabs": "Users with two tabs open were logged out.",
    "lost_answer": "Users whose connection broke at the wrong moment were logged out.",
}


class RaceTokens(TokenSettings):
    """As ever, but with a grace."""

    refresh_grace_s: float = seconds(3, why="how long a rotated refresh token may be replayed; 0: any race ends it all")


class RaceSettings(Value):
    """How many races, and how they go."""

    rate: float = Field(8, gt=0, le=200, description="races per second, of each kind")
    tabs: int = Field(2, ge=2, le=20, description="tabs that use the same refresh token at once")
    retry_after_s: float = seconds(0.2, why="how long after a lost answer a client asks again")
    survive: float = Field(0.95, gt=0, lt=1, description="least share of races after which the user is logged in")


class RaceFault(Value):
    """How long there are races."""

    duration_s: float = seconds(12, at_least=1, why="how long refreshes race")


class RefreshRaceSettings(CommonSettings):
    """All settings."""

    tokens: RaceTokens = RaceTokens()
    race: RaceSettings = RaceSettings()
    fault: RaceFault = RaceFault()


def survives(flow: Literal["two_tabs", "lost_answer"], settings: RefreshRaceSettings) -> Objective:
    """After the race, the session goes on: only the request after it is expected to be accepted."""
    return Objective(
        name=f"survives_{flow}",
        sli=f"success_rate{{flow={flow}}}",
        phase=PhaseName.FAULT,
        bound=Bound(op=">=", limit=settings.race.survive),
        why=WHY[flow],
    )


def design(settings: RefreshRaceSettings) -> Experiment:
    """Refreshes race during the fault phase. That a theft is still noticed after the grace, a canary shows."""
    starts = settings.phases.warmup_s + settings.phases.baseline_s
    ends = starts + settings.fault.duration_s
    flows: tuple[Literal["two_tabs", "lost_answer"], ...] = ("two_tabs", "lost_answer")
    races = tuple(Stream(flow=flow, rate=settings.race.rate, starts_s=starts, ends_s=ends) for flow in flows)
    spans = phases(settings, settings.fault.duration_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=variant_of(settings),
            phases=spans,
            load=everyday_load(
                settings,
                extra=races,
                flows=(TwoTabs(tabs=settings.race.tabs), LostAnswer(retry_after_s=settings.race.retry_after_s)),
            ),
            objectives=(
                *(survives(flow, settings) for flow in flows),
                api_success(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (RefreshRaces(grace_s=settings.tokens.refresh_grace_s),)},
    )


def variant_of(settings: RefreshRaceSettings) -> str:
    """Whether there is a grace at all."""
    return "grace" if settings.tokens.refresh_grace_s else "no_grace"


SCENARIO = Scenario(
    name="refresh_race",
    summary="One refresh token used twice by its own client, in two tabs or after a lost answer: who is logged out?",
    covers=("M5", "F7"),
    settings=RefreshRaceSettings,
    variants={"grace": {}},
    variant_of=variant_of,
    design=design,
    profiles={"ci": {"tokens.refresh_grace_s": 5}, "gameday": {"tokens.refresh_grace_s": 30}},
)
