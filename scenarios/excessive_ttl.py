"""How long do tokens and sessions live, and how long is what was stolen good for, when nobody notices the theft?

A stolen access token is good until it expires, and for the leeway of whoever validates it. A stolen refresh token gives
new ones for as long as its session may last, as a copy of the browser's cookies does, and the last of them lives on::

    window = session_max_s + access_ttl_s + leeway_s
"""

from __future__ import annotations

from pydantic import Field

from idchaos.experiment import PhaseName, Plan, Stream
from idchaos.load.flows.theft import Theft
from idchaos.run.building import CACHE_SLACK_S, api_success, at_most, every_run, everyday_load, invariants, phases
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.values import Value

WATCH_S = 2.0
"""How long thieves are watched after the last moment at which they should have succeeded."""


class PolicySettings(Value):
    """What an organisation allows, whatever its IdP is set to."""

    access_token_max_s: float = seconds(6, at_least=1, why="longest life of an access token")
    session_max_s: float = seconds(10, at_least=2, why="longest time after a login that its session may be refreshed")
    theft_access_max_s: float = seconds(10, at_least=1, why="longest time that a stolen access token may be good for")
    theft_session_max_s: float = seconds(20, at_least=1, why="the same of a stolen refresh token, and of cookies")


class TheftSettings(Value):
    """What thieves do."""

    rate: float = Field(20, gt=0, le=1_000, description="requests per second with what was stolen")


class ExcessiveTtlSettings(CommonSettings):
    """All settings."""

    policy: PolicySettings = PolicySettings()
    theft: TheftSettings = TheftSettings()


def design(settings: ExcessiveTtlSettings) -> Experiment:
    """Nothing is broken on purpose. Tokens are stolen as the fault phase begins, and used to the end of the run."""
    policy = settings.policy
    longest = max(policy.theft_access_max_s, policy.theft_session_max_s)
    spans = phases(settings, longest + CACHE_SLACK_S, max(settings.phases.recovery_s, WATCH_S))
    starts = settings.phases.warmup_s + settings.phases.baseline_s
    thief = Stream(flow="thief", rate=settings.theft.rate, arrivals="constant", starts_s=starts)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="stolen",
            phases=spans,
            load=everyday_load(settings, extra=[thief], flows=[Theft()], session_max_s=policy.session_max_s),
            objectives=(
                at_most(
                    policy.access_token_max_s,
                    "s",
                    "token_lifetime_max",
                    name="lifetimes_within_policy",
                    phase="all",
                    why="Whoever gets such a token has it for longer than anybody decided.",
                ),
                at_most(
                    0,
                    "count",
                    "sessions_beyond_policy",
                    name="sessions_within_policy",
                    phase="all",
                    why="A session that never ends needs to be stolen only once.",
                ),
                *(
                    at_most(
                        limit,
                        "s",
                        f"theft_window_max{{way={loot}}}",
                        name=f"theft_of_{loot}_ends",
                        phase="all",
                        why=why,
                    )
                    for loot, limit, why in (
                        ("access", policy.theft_access_max_s, "A stolen access token was good for too long."),
                        ("session", policy.theft_session_max_s, "A stolen session could be kept up for too long."),
                        ("browser", policy.theft_session_max_s, "Stolen cookies logged the thief in for too long."),
                    )
                ),
                api_success(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={},
    )


_SHORT = {"tokens.access_ttl_s": 6, "tokens.session_max_s": 10, "gateway.leeway_s": 2, "load.sessions": 80}

SCENARIO = Scenario(
    name="excessive_ttl",
    summary="How long do tokens and sessions live, and how long is what was stolen good for?",
    covers=("F8", "B5", "M10"),
    settings=ExcessiveTtlSettings,
    variants={"stolen": {}},
    variant_of=lambda _: "stolen",
    design=design,
    decided=tuple(f"policy.{name}" for name in PolicySettings.model_fields),
    profiles={
        # A theft lasts as long as lifetimes do: short ones keep a demonstration short.
        "quick": _SHORT,
        "ci": _SHORT,
        "gameday": {
            "tokens.access_ttl_s": 60,
            "tokens.session_max_s": 300,
            "policy.access_token_max_s": 60,
            "policy.session_max_s": 300,
            "policy.theft_access_max_s": 75,
            "policy.theft_session_max_s": 375,
            "load.sessions": 1000,
        },
    },
)
