"""The IdP is gone altogether, for clients and validators: are running sessions carried over, are logins back soon?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.experiment import PhaseName, Plan
from idchaos.faults.network import LinkFault
from idchaos.run.building import (
    api_success,
    at_least,
    caught_up,
    every_run,
    everyday_load,
    invariants,
    phases,
    recovers,
    warm_latency,
    warm_success,
)
from idchaos.run.idp_recovery import idp_as_quick_as_before, sessions_survive
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import TOPOLOGIES, Need
from idchaos.values import Value

Mode = Literal["refused", "timeout", "reset"]


class OutageSettings(Value):
    """How the IdP is gone."""

    mode: Mode = Field("refused", description="what a connection to the IdP meets")
    duration_s: float = seconds(12, at_least=1, why="how long it is gone; beyond gateway.jwks_cache_s, or nobody asks")


class OutagePromises(Value):
    """What is promised meanwhile and afterwards."""

    kept: float = Field(0.995, gt=0, lt=1, description="least share of API calls for which a session has a live token")
    login_recovery_s: float = seconds(2, at_least=0.1, why="logins must all succeed this soon after healing")
    sessions_lost: int = Field(0, ge=0, description="how many sessions may be refused that nobody has ended")


class IdpOutage(CommonSettings):
    """All settings."""

    fault: OutageSettings = OutageSettings()
    outage: OutagePromises = OutagePromises()


def design(settings: IdpOutage) -> Experiment:
    """Nobody can log in or refresh, and no validator gets keys; API calls go on. Then the IdP is back."""
    spans = phases(settings, settings.fault.duration_s)
    links = ("client-to-idp", *TOPOLOGIES[settings.topology].links_to_idp)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=settings.fault.mode,
            phases=spans,
            load=everyday_load(settings),
            objectives=(
                warm_success(settings, PhaseName.FAULT),
                warm_latency(settings, PhaseName.FAULT),
                at_least(
                    settings.outage.kept,
                    "success_rate{flow=api}",
                    name="sessions_kept",
                    phase=PhaseName.FAULT,
                    why="Sessions ran out of live tokens: what is left of a token's life when its refresh is due is"
                    " shorter than the outage.",
                ),
                recovers(
                    settings.outage.login_recovery_s, "login", why="People could not log in although the IdP was back."
                ),
                api_success(settings, PhaseName.RECOVERY),
                sessions_survive(settings.outage.sessions_lost),
                idp_as_quick_as_before(settings),
                *caught_up(settings, spans),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (LinkFault(links=links, mode=settings.fault.mode),)},
    )


SCENARIO = Scenario(
    name="idp_outage",
    summary="The IdP is gone for everybody: refused, a black hole, or reset. Sessions go on; logins must come back.",
    covers=("F1", "M1", "M3", "M4", "M5"),
    settings=IdpOutage,
    variants={mode: {"fault.mode": mode} for mode in ("refused", "timeout", "reset")},
    variant_of=lambda settings: settings.fault.mode,
    design=design,
    needs=(Need.KEYS,),
    profiles={
        # A token must outlive the outage from whenever its refresh was due: life x (1 - refresh_at) beyond it.
        "quick": {"tokens.access_ttl_s": 30, "load.refresh_at": 0.5},
        "ci": {"tokens.access_ttl_s": 40, "load.refresh_at": 0.5},
        "gameday": {"tokens.access_ttl_s": 1300, "load.refresh_at": 0.5},
    },
)
