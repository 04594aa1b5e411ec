"""After an outage of the token endpoint all sessions want tokens at once: are they a herd, and how soon is it over?"""

from __future__ import annotations

from pydantic import Field

from idchaos.experiment import PhaseName, Plan
from idchaos.faults.idp_errors import EndpointFault
from idchaos.run.building import at_most, every_run, everyday_load, invariants, phases, recovers
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.targets.base import EndpointError
from idchaos.values import Value


class HerdSettings(Value):
    """What is promised: clients that spread their refreshes and wait between attempts make no herd."""

    peak: float = Field(2.5, gt=1, le=1000, description="greatest peak over mean of refreshes per second afterwards")
    attempts: float = Field(4, gt=1, le=1000, description="greatest number of attempts per refresh in the outage")
    drain_s: float = seconds(8, at_least=0.5, why="every session must have a live token this soon after healing")
    latency_p95_s: float = seconds(1, at_least=0.001, why="greatest p95 latency of a refresh afterwards")


class HerdFault(Value):
    """How long no token is to be had."""

    duration_s: float = seconds(8, at_least=1, why="how long the token endpoint fails; about as long as tokens live")


class RefreshHerd(CommonSettings):
    """All settings. Jitter is ``load.refresh_jitter``, the clients' back-off ``load.retry_s``."""

    herd: HerdSettings = HerdSettings()
    fault: HerdFault = HerdFault()


def design(settings: RefreshHerd) -> Experiment:
    """Tokens expire while none are to be had; afterwards traffic is watched until they are due once more, when sessions
    that got theirs together come together again.
    """
    herd = settings.herd
    recovery_s = settings.tokens.access_ttl_s + max(settings.phases.recovery_s, 2 * settings.load.retry_s)
    fault = EndpointFault(endpoints=("token",), error=EndpointError(status=503), label="503")
    spans = phases(settings, settings.fault.duration_s, recovery_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="outage",
            phases=spans,
            load=everyday_load(settings),
            objectives=(
                at_most(
                    herd.attempts,
                    "times",
                    "refresh_attempts",
                    name="retries_bounded",
                    phase=PhaseName.FAULT,
                    why="Clients did not back off: they multiplied the load of an IdP that was in trouble.",
                ),
                at_most(
                    herd.peak,
                    "times",
                    "token_request_peak{flow=refresh}",
                    name="no_herd",
                    phase=PhaseName.RECOVERY,
                    why="Sessions refreshed all at once: the IdP must be built for the peak, or fails again.",
                ),
                at_most(
                    herd.latency_p95_s,
                    "s",
                    "latency_p95{flow=refresh}",
                    name="refresh_latency",
                    phase=PhaseName.RECOVERY,
                    why="Refreshes queued at the IdP.",
                ),
                recovers(herd.drain_s, "api", why="Sessions still had no live token long after the IdP was well."),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (fault,)},
    )


SCENARIO = Scenario(
    name="refresh_herd",
    summary="No tokens for as long as tokens live, then everybody wants one: jitter and back-off against the herd.",
    covers=("M2", "M3", "M5"),
    settings=RefreshHerd,
    variants={"outage": {}},
    variant_of=lambda _: "outage",
    design=design,
    profiles={
        # Few logins and many sessions, so that refreshes are most of what the IdP is asked for.
        "quick": {
            "fault.duration_s": 8,
            "tokens.access_ttl_s": 10,
            "load.sessions": 200,
            "load.login_rate": 1,
            "load.refresh_jitter": 0.4,
            "load.retry_s": 4,
        },
        "ci": {
            "fault.duration_s": 14,
            "tokens.access_ttl_s": 14,
            "load.sessions": 300,
            "load.login_rate": 1,
            "load.refresh_jitter": 0.4,
            "load.retry_s": 6,
            "herd.drain_s": 11,
        },
        "gameday": {
            "load.sessions": 2000,
            "load.refresh_jitter": 0.4,
            "load.retry_s": 60,
            "herd.attempts": 12,
            "herd.drain_s": 120,
        },
    },
)
