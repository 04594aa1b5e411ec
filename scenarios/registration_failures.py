"""Clients register themselves at an IdP that limits them, fails, is slow or down: who gets in, and who else suffers?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import Objective, PhaseName, Plan, Stream
from idchaos.faults.idp_errors import EndpointFault
from idchaos.load.flows.registration import Registration
from idchaos.run.building import (
    api_latency,
    api_success,
    at_least,
    at_most,
    every_run,
    everyday_load,
    invariants,
    phases,
    recovers,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, IdpSettings, seconds
from idchaos.targets.base import EndpointError
from idchaos.values import Value

Mode = Literal["rate_limited", "errors", "latency", "down"]


class RegistrationSettings(Value):
    """What happens, and what clients make of it."""

    mode: Mode = Field("rate_limited", description="what becomes of registrations")
    rate: float = Field(4, gt=0, le=500, description="clients that register per second, throughout")
    storm: float = Field(80, gt=0, le=1_000, description="with rate_limited: those per second as the fault begins")
    storm_s: float = seconds(2, at_least=0.5, why="with rate_limited: how long the storm lasts")
    share: float = Field(0.5, ge=0.05, le=0.95, description="with errors: the share of registrations that fail")
    latency_s: float = seconds(1, at_least=0.05, why="with latency: how much later each is answered")
    honours_retry_after: bool = Field(True, description="whether clients wait as long as they are asked to")
    longest_wait_s: float = seconds(2, at_least=0.1, why="clients that are not told when come back after this at most")
    attempts: int = Field(8, ge=1, le=200, description="how often a client tries")
    completed: float = Field(0.9, gt=0, lt=1, description="least share of clients that are registered in the end")
    recovery_s: float = seconds(3, at_least=0.1, why="registrations must all succeed this soon after healing")


class RegistrationFault(Value):
    """How long it lasts."""

    duration_s: float = seconds(12, at_least=1, why="how long the IdP limits, fails or is slow")


class RegistrationFailures(CommonSettings):
    """All settings."""

    idp: IdpSettings = IdpSettings(registrations_per_s=30, registrations_burst=10)
    registration: RegistrationSettings = RegistrationSettings()
    fault: RegistrationFault = RegistrationFault()


def faults(settings: RegistrationFailures) -> tuple[EndpointFault, ...]:
    """What is done to the endpoint. A rate limit is no fault: the IdP defends itself."""
    asked = settings.registration
    match asked.mode:
        case "rate_limited":
            return ()
        case "errors":
            error, label = EndpointError(status=503, share=asked.share), "503"
        case "latency":
            error, label = EndpointError(delay_s=asked.latency_s), f"answers {asked.latency_s:g} s late"
        case "down":
            error, label = EndpointError(status=503), "503"
    return (EndpointFault(endpoints=("register",), error=error, label=label),)


def promises(settings: RegistrationFailures) -> tuple[Objective, ...]:
    """What is asked of registrations themselves."""
    asked = settings.registration
    completed = at_least(
        asked.completed,
        "registration_completion_rate",
        name="registered_in_the_end",
        phase=PhaseName.FAULT,
        why="Clients gave up: whoever deployed them has a service that can't log in.",
    )
    if asked.mode == "rate_limited":
        told = at_most(
            0,
            "count",
            "limits_untold",
            name="limits_told",
            phase="all",
            why="Who is not told when to come back comes back at once, and so do all the others.",
        )
        return completed, told
    why = "Clients could not register although the IdP was well again."
    return completed, recovers(asked.recovery_s, "registration", why=why)


def streams(settings: RegistrationFailures) -> tuple[Stream, ...]:
    """Clients register all the time, and, at an IdP that limits them, many more of them at once."""
    asked = settings.registration
    steady = Stream(flow="registration", rate=asked.rate, arrivals="constant")
    if asked.mode != "rate_limited":
        return (steady,)
    starts = settings.phases.warmup_s + settings.phases.baseline_s
    ends = starts + min(asked.storm_s, settings.fault.duration_s)
    return steady, Stream(flow="registration", rate=asked.storm, arrivals="constant", starts_s=starts, ends_s=ends)


def design(settings: RegistrationFailures) -> Experiment:
    """Everyday traffic goes on beside it, and must not notice."""
    asked = settings.registration
    spans = phases(settings, settings.fault.duration_s)
    found = faults(settings)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=asked.mode,
            phases=spans,
            load=everyday_load(
                settings,
                extra=streams(settings),
                flows=[
                    Registration(
                        attempts=asked.attempts,
                        longest_wait_s=asked.longest_wait_s,
                        honours_retry_after=asked.honours_retry_after,
                    )
                ],
            ),
            objectives=(
                *promises(settings),
                at_most(
                    0.1,
                    "share",
                    "token_issuance_error_rate{flow=login|machine}",
                    name="tokens_issued_meanwhile",
                    phase=PhaseName.FAULT,
                    why="Registrations took the tokens of those who were registered long ago.",
                ),
                api_success(settings, PhaseName.FAULT),
                api_latency(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: found} if found else {},
    )


SCENARIO = Scenario(
    name="registration_failures",
    summary="Clients register themselves at an IdP that limits them, fails, is slow or is down.",
    covers=("M8",),
    settings=RegistrationFailures,
    variants={
        "rate_limited": {"registration.mode": "rate_limited"},
        "errors": {"registration.mode": "errors"},
        "latency": {"registration.mode": "latency"},
        "down": {"registration.mode": "down"},
    },
    variant_of=lambda settings: settings.registration.mode,
    design=design,
    # An outage outlasts a few attempts: whoever gives up before its end is not registered in the end.
    profiles={
        "ci": {"registration.attempts": 12},
        "gameday": {"registration.attempts": 60, "registration.longest_wait_s": 20},
    },
)
