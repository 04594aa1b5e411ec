"""Requests to log in are tampered with: does a code, or even an error, ever go where it should not?"""

from __future__ import annotations

from pydantic import Field

from idchaos.experiment import PhaseName, Plan, Stream
from idchaos.run.building import api_success, at_least, at_most, every_run, everyday_load, invariants, phases
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, LoadSettings, seconds
from idchaos.values import Value


class TamperingLoad(LoadSettings):
    """As ever, but with more canaries: there are some forty ways to tamper with a redirect URI."""

    canaries_per_kind: float = Field(
        2, gt=0, le=100, description="of each kind of request that must be refused, so many per second"
    )
    native_rate: float = Field(8, gt=0, le=200, description="logins per second from apps at a port of the moment")


class TamperingFault(Value):
    """How long requests are tampered with."""

    duration_s: float = seconds(12, at_least=1, why="how long requests to log in are tampered with")
    native_success: float = Field(0.95, gt=0, lt=1, description="least share of native apps' requests that succeed")


class RedirectTamperingSettings(CommonSettings):
    """All settings."""

    load: TamperingLoad = TamperingLoad()
    fault: TamperingFault = TamperingFault()


def design(settings: RedirectTamperingSettings) -> Experiment:
    """Nothing is broken on purpose. Beside what is tampered with, the users of web and native apps log in as ever: who
    refuses everything protects nobody.
    """
    spans = phases(settings, settings.fault.duration_s)
    starts = settings.phases.warmup_s + settings.phases.baseline_s
    native = Stream(
        flow="native_login",
        rate=settings.load.native_rate,
        arrivals=settings.load.arrivals,
        # Not in the baseline, which nobody could be let into who refuses them all.
        starts_s=starts,
        ends_s=starts + settings.fault.duration_s,
    )
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="tampered",
            phases=spans,
            load=everyday_load(settings, extra=[native]),
            objectives=(
                at_most(
                    0,
                    "count",
                    "tampered_redirects_accepted",
                    name="no_way_leads_elsewhere",
                    phase="all",
                    why="A code that goes to another page is a stolen session; an open redirect is a phisher's link.",
                ),
                at_least(
                    settings.fault.native_success,
                    "success_rate{flow=native_login}",
                    name="native_apps_log_in",
                    phase=PhaseName.FAULT,
                    why="A native app can't choose its port: one that is bound to it fails on a busy machine.",
                ),
                at_most(
                    0,
                    "count",
                    "unbound_answers{error_code=state_mismatch}",
                    name="states_echoed",
                    phase="all",
                    why="Without its state a client can't tell its user's login from one that was slipped to it.",
                ),
                at_most(
                    0,
                    "count",
                    "unbound_answers{error_code=iss_mismatch}",
                    name="issuers_named",
                    phase="all",
                    why="A client of several IdPs that are not told apart sends one's code to another (mix-up).",
                ),
                api_success(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={},
    )


SCENARIO = Scenario(
    name="redirect_tampering",
    summary="Requests to log in are tampered with: does a code, or even an error, ever go where it should not?",
    covers=("F6", "B4", "X5", "X6", "X7"),
    settings=RedirectTamperingSettings,
    variants={"tampered": {}},
    variant_of=lambda _: "tampered",
    design=design,
)
