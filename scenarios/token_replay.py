"""What may be used once is used again, later and at the same moment: is it refused, and does somebody notice?"""

from __future__ import annotations

from pydantic import Field

from idchaos.errors import UsageError
from idchaos.experiment import PhaseName, Plan, Stream
from idchaos.load.flows.parallel import ParallelReplay
from idchaos.run.building import api_success, at_most, every_run, everyday_load, invariants, phases
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, LoadSettings, seconds
from idchaos.values import Value


class ReplayLoad(LoadSettings):
    """As ever, but with more canaries: codes, refresh tokens and assertions that were used before are among them."""

    canaries_per_kind: float = Field(
        1.4, gt=0, le=100, description="of each kind of request that must be refused, so many per second"
    )


class ReplayFault(Value):
    """How, and for how long, things are used again."""

    duration_s: float = seconds(
        12, at_least=1, why="how long codes, refresh tokens and assertions are used in parallel"
    )
    rate: float = Field(6, gt=0, le=200, description="of them per second")
    at_once: int = Field(3, ge=2, le=20, description="how many use each of them at the same moment")


class TokenReplaySettings(CommonSettings):
    """All settings."""

    load: ReplayLoad = ReplayLoad()
    fault: ReplayFault = ReplayFault()


def design(settings: TokenReplaySettings) -> Experiment:
    """Nothing is broken on purpose. In every phase what was used before comes again, one after the other; in the fault
    phase it is used by several at the same moment as well.

    Raises:
        UsageError: the IdP has a grace, within which parallel refreshes are no replays.
    """
    if settings.tokens.refresh_grace_s:
        raise UsageError(
            f"tokens.refresh_grace_s={settings.tokens.refresh_grace_s:g}: within a grace a refresh token may be used"
            " twice; should be 0 here (idchaos run refresh_race looks at graces)"
        )
    spans = phases(settings, settings.fault.duration_s)
    starts = settings.phases.warmup_s + settings.phases.baseline_s
    parallel = Stream(
        flow="parallel_replay",
        rate=settings.fault.rate,
        arrivals="constant",
        starts_s=starts,
        ends_s=starts + settings.fault.duration_s,
    )
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="replayed",
            phases=spans,
            load=everyday_load(settings, extra=[parallel], flows=[ParallelReplay(at_once=settings.fault.at_once)]),
            objectives=(
                at_most(
                    1,
                    "count",
                    "parallel_uses_accepted",
                    name="used_once_at_once",
                    phase=PhaseName.FAULT,
                    why="Who looks first and marks it as used later gives the thief tokens beside the user.",
                ),
                at_most(
                    0,
                    "count",
                    "unbound_answers{error_code=nonce_mismatch}",
                    name="nonces_are_own",
                    phase="all",
                    why="An ID token that is bound to no login can be put into anyone's.",
                ),
                at_most(
                    0,
                    "count",
                    "replays_unnoticed",
                    name="replays_noticed",
                    phase="all",
                    why="A replay is the sign of a theft. Refused and not counted, nobody looks for the thief.",
                ),
                api_success(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={},
    )


SCENARIO = Scenario(
    name="token_replay",
    summary="What may be used once is used again, later and at the same moment: is it refused and noticed?",
    covers=("F7", "M6", "X4"),
    settings=TokenReplaySettings,
    variants={"replayed": {}},
    variant_of=lambda _: "replayed",
    design=design,
)
