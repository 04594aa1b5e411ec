"""A share of the IdP's answers fail, or come late: who notices, and how soon are logins back?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.errors import UsageError
from idchaos.experiment import Objective, PhaseName, Plan
from idchaos.faults.base import Fault
from idchaos.faults.idp_errors import EndpointFault
from idchaos.faults.network import LinkFault
from idchaos.run.building import (
    api_success,
    at_least,
    at_most,
    every_run,
    everyday_load,
    invariants,
    phases,
    recovers,
    warm_latency,
    warm_success,
)
from idchaos.run.idp_recovery import sessions_survive
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.targets.base import EndpointError
from idchaos.topologies import TOPOLOGIES
from idchaos.values import Value

Mode = Literal["errors", "latency", "timeouts"]
ENDPOINTS = ("authorize", "login", "token")
"""What people and machines log in by. Keys and the list of revoked tokens are still served."""
ANSWERED_LATE_BUT_ANSWERED = 0.05
BEYOND_PATIENCE_S = 1.0
LAST_LOGIN_S = 3.0
"""After the last request that hung has timed out: for the logins that follow it."""


class BrownoutSettings(Value):
    """How the IdP falters, and what is promised meanwhile."""

    mode: Mode = Field("errors", description="what becomes of the requests that are hit")
    at: Literal["endpoint", "link"] = Field(
        "endpoint",
        description="where: the IdP's endpoints, or everybody's links to the IdP, whole and with latency alone",
    )
    share: float = Field(0.3, ge=0.05, le=0.95, description="of the requests to authorize, login and token: those hit")
    latency_s: float = seconds(1, at_least=0.05, why="with latency: how much later answers come")
    kept: float = Field(0.99, gt=0, lt=1, description="least share of API calls for which a session has a live token")
    login_recovery_s: float = seconds(2, at_least=0.1, why="logins must all succeed this soon after healing")
    sessions_lost: int = Field(0, ge=0, description="how many sessions may be refused that nobody has ended")


class BrownoutFault(Value):
    """How long it lasts."""

    duration_s: float = seconds(12, at_least=1, why="how long the IdP falters")


class IdpBrownout(CommonSettings):
    """All settings."""

    brownout: BrownoutSettings = BrownoutSettings()
    fault: BrownoutFault = BrownoutFault()


def fault(settings: IdpBrownout) -> Fault:
    """The brownout as a fault at the three endpoints, each request hit by itself, or on the way to all of them.

    Raises:
        UsageError: no link can do that.
    """
    brownout = settings.brownout
    if brownout.at == "link":
        if brownout.mode != "latency":
            raise UsageError(f"brownout.mode={brownout.mode}: with brownout.at=link it should be latency")
        links = ("client-to-idp", *TOPOLOGIES[settings.topology].links_to_idp)
        return LinkFault(links=links, mode="slow", latency_s=brownout.latency_s)
    match brownout.mode:
        case "errors":
            error, label = EndpointError(status=503, share=brownout.share), "503"
        case "latency":
            error = EndpointError(delay_s=brownout.latency_s, share=brownout.share)
            label = f"answers {brownout.latency_s:g} s late"
        case "timeouts":
            # The IdP does what it was asked, when nobody listens any more: the refresh token is used up.
            delay_s = settings.load.timeout_s + BEYOND_PATIENCE_S
            error, label = EndpointError(delay_s=delay_s, share=brownout.share), "no answer in time"
    return EndpointFault(endpoints=ENDPOINTS, error=error, label=label)


def token_errors(settings: IdpBrownout) -> Objective:
    """Token requests fail as often as the IdP does, but no oftener: a quarter of the rest is left for chance."""
    share = settings.brownout.share
    late = settings.brownout.mode == "latency" and settings.brownout.latency_s < settings.load.timeout_s
    return at_most(
        ANSWERED_LATE_BUT_ANSWERED if late else share + (1 - share) / 4,
        "share",
        "token_issuance_error_rate",
        name="token_errors_in_proportion",
        phase=PhaseName.FAULT,
        why="More token requests failed than the brownout explains: something multiplied it.",
    )


def back_to_normal(settings: IdpBrownout) -> tuple[float, Objective]:
    """How long is watched after healing, and when every API call must succeed again: at once, unless requests that hang
    keep sessions waiting for as long as their clients are patient.
    """
    if settings.brownout.mode != "timeouts":
        return settings.phases.recovery_s, api_success(settings, PhaseName.RECOVERY)
    limit_s = settings.load.timeout_s + LAST_LOGIN_S
    why = "Sessions were still without tokens when the last request that hung had timed out."
    return settings.phases.recovery_s + limit_s, recovers(limit_s, "api", why=why)


def design(settings: IdpBrownout) -> Experiment:
    """Traffic, refreshes and new logins go on meanwhile; then the IdP is well."""
    brownout = settings.brownout
    recovery_s, recovery = back_to_normal(settings)
    spans = phases(settings, settings.fault.duration_s, recovery_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=brownout.mode,
            phases=spans,
            load=everyday_load(settings),
            objectives=(
                warm_success(settings, PhaseName.FAULT),
                warm_latency(settings, PhaseName.FAULT),
                at_least(
                    brownout.kept,
                    "success_rate{flow=api}",
                    name="sessions_kept",
                    phase=PhaseName.FAULT,
                    why="Sessions ran out of live tokens: a refresh must begin early enough to be tried again.",
                ),
                token_errors(settings),
                recovers(
                    brownout.login_recovery_s, "login", why="People could not log in although the IdP was well again."
                ),
                recovery,
                sessions_survive(brownout.sessions_lost),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (fault(settings),)},
    )


SCENARIO = Scenario(
    name="idp_brownout",
    summary="A share of the IdP's login and token requests fail, are slow, or get no answer in time.",
    covers=("M1", "M2", "M3", "M5"),
    settings=IdpBrownout,
    variants={
        "errors": {"brownout.mode": "errors"},
        "latency": {"brownout.mode": "latency"},
        # A refresh token whose answer was lost is used up: that session must log in anew, in the midst of it all.
        "timeouts": {"brownout.mode": "timeouts", "brownout.kept": 0.9},
    },
    variant_of=lambda settings: settings.brownout.mode,
    design=design,
    of_ones_own={"brownout.at": "link", "brownout.mode": "latency"},
    profiles={
        # Refreshing at half of a token's life leaves the other half for more attempts. More logins, so that
        # they can be judged at all; more sessions, so that these do not replace each other before they refresh.
        "quick": {"load.refresh_at": 0.5, "load.login_rate": 5, "load.sessions": 100, "load.machine_rate": 10},
        "ci": {"load.refresh_at": 0.5, "load.login_rate": 5, "load.sessions": 200, "load.machine_rate": 10},
        "gameday": {"load.refresh_at": 0.5, "load.login_rate": 5, "load.sessions": 1500, "load.machine_rate": 10},
    },
)
