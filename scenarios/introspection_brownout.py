"""Introspection falters: do opaque tokens suffer no more than they must, JWTs not at all, and does nobody fail open?"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from idchaos.errors import UsageError
from idchaos.experiment import Objective, PhaseName, Plan
from idchaos.faults.base import Fault
from idchaos.faults.idp_errors import EndpointFault
from idchaos.faults.link_effects import Mode as LinkMode
from idchaos.faults.network import LinkFault
from idchaos.faults.odd_answers import OddAnswers
from idchaos.run.building import (
    AFTER_A_FAULT_TOO,
    api_latency,
    api_success,
    as_even_as_before,
    at_least,
    at_most,
    every_run,
    everyday_load,
    invariants,
    nothing_left_behind,
    phases,
    recovers,
)
from idchaos.run.idp_recovery import idp_as_quick_as_before
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.targets.base import EndpointError
from idchaos.topologies import TOPOLOGIES, Need
from idchaos.values import Value

Mode = Literal["partial", "slow", "down", "timeouts", "fractional", "unreadable"]
BEYOND_PATIENCE_S = 10.0
"""Longer than any gateway waits for introspection."""


class BrownoutSettings(Value):
    """How introspection falters, and what is promised meanwhile."""

    mode: Mode = Field("partial", description="what becomes of introspection requests")
    at: Literal["endpoint", "link"] = Field(
        "endpoint", description="where: the IdP's introspection endpoint, or the gateways' links to the IdP"
    )
    share: float = Field(0.5, ge=0.05, le=0.95, description="with partial: of introspection requests, those that fail")
    latency_s: float = seconds(1, at_least=0.05, why="with slow: how much later answers come")
    opaque_share: float = Field(0.2, gt=0, lt=1, description="of API requests, those with opaque tokens")
    opaque_success: float = Field(
        0.75,
        gt=0,
        lt=1,
        description="with partial: least share of requests with opaque tokens that cached answers save",
    )
    # What hangs when introspection is well again still takes a gateway's whole time limit, 2 s.
    recovery_s: float = seconds(
        3, at_least=0.1, why="requests with opaque tokens must all succeed this soon afterwards"
    )


class BrownoutFault(Value):
    """How long it lasts."""

    duration_s: float = seconds(12, at_least=1, why="how long introspection falters")


class IntrospectionBrownout(CommonSettings):
    """All settings."""

    brownout: BrownoutSettings = BrownoutSettings()
    fault: BrownoutFault = BrownoutFault()


def fault(settings: IntrospectionBrownout) -> Fault:
    """The brownout as a fault at the introspection endpoint, or on the way there.

    Raises:
        UsageError: no link can do that.
    """
    brownout = settings.brownout
    if brownout.at == "link":
        return on_the_way(settings)
    match brownout.mode:
        case "partial":
            error, label = EndpointError(status=503, share=brownout.share), "503"
        case "slow":
            error, label = EndpointError(delay_s=brownout.latency_s), f"answers {brownout.latency_s:g} s late"
        case "down":
            error, label = EndpointError(status=503), "503"
        case "timeouts":
            error, label = EndpointError(delay_s=BEYOND_PATIENCE_S), "no answer in time"
        case "fractional":
            return OddAnswers.of("fractional_exp")
        case "unreadable":
            return OddAnswers.of("unreadable")
    return EndpointFault(endpoints=("introspect",), error=error, label=label)


def on_the_way(settings: IntrospectionBrownout) -> LinkFault:
    """The same on the links by which gateways ask, as far as a link can do it.

    Raises:
        UsageError: it can't.
    """
    brownout = settings.brownout
    modes: dict[Mode, LinkMode] = {"slow": "slow", "down": "reset", "timeouts": "timeout"}
    if brownout.mode not in modes:
        raise UsageError(
            f"brownout.mode={brownout.mode}: no link does that so that it could be proved; should be one of"
            f" {', '.join(modes)}, or brownout.at=endpoint"
        )
    links = TOPOLOGIES[settings.topology].links_to_idp
    return LinkFault(links=links, mode=modes[brownout.mode], latency_s=brownout.latency_s)


def opaque_flow(settings: IntrospectionBrownout) -> str:
    """Which flow has tokens that are asked about: where there are no two kinds, that of everyday sessions."""
    return "opaque" if len(TOPOLOGIES[settings.topology].formats) > 1 else "api"


def bulkhead(settings: IntrospectionBrownout) -> tuple[Objective, ...]:
    """What needs no introspection must not feel it, where there is such traffic."""
    if opaque_flow(settings) == "api":
        return tuple(as_even_as_before(settings))
    return (
        api_success(settings, PhaseName.FAULT),
        api_latency(settings, PhaseName.FAULT),
        api_success(settings, PhaseName.RECOVERY),
        *as_even_as_before(settings),
    )


def opaque_objectives(settings: IntrospectionBrownout) -> tuple[Objective, ...]:
    """What cached answers must carry. A share of failures is thinned by them; slow answers are answers; and when
    introspection is down for longer than answers live, requests with opaque tokens must fail: nothing is promised.
    """
    brownout, flow = settings.brownout, opaque_flow(settings)
    if brownout.mode == "partial":
        return (
            at_least(
                brownout.opaque_success,
                f"success_rate{{flow={flow}}}",
                name="opaque_carried_by_cache",
                phase=PhaseName.FAULT,
                why="Users with opaque tokens met every failure of introspection: no cached answer stood in.",
            ),
        )
    if brownout.mode == "fractional":
        return (
            at_least(
                settings.slo.success,
                f"success_rate{{flow={flow}}}",
                name="opaque_success",
                phase=PhaseName.FAULT,
                why="Opaque tokens were refused for a time with fractions of a second, which RFC 7519 allows.",
            ),
        )
    if brownout.mode == "slow":
        return (
            at_least(
                0.99,
                f"success_rate{{flow={flow}}}",
                name="opaque_success",
                phase=PhaseName.FAULT,
                why="Slow introspection was taken for none.",
            ),
            at_most(
                brownout.latency_s + settings.slo.latency_p95_s,
                "s",
                f"latency_p99{{flow={flow}}}",
                name="opaque_latency",
                phase=PhaseName.FAULT,
                why="Requests with opaque tokens waited longer than introspection took: they queued.",
            ),
        )
    return ()


def asked_once(settings: IntrospectionBrownout) -> Objective:
    """An IdP that is in trouble must not be asked several times for what it was asked before."""
    return at_most(
        settings.slo.introspections_per_request,
        "times",
        "introspections_per_request",
        name="introspections_bounded",
        phase=PhaseName.FAULT,
        why="Whoever gets no answer asks again at once: the IdP has several times its load when it can bear it least.",
    )


def design(settings: IntrospectionBrownout) -> Experiment:
    """Traffic with JWTs and with opaque tokens goes on meanwhile; then introspection is well."""
    spans = phases(settings, settings.fault.duration_s)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=settings.brownout.mode,
            phases=spans,
            load=everyday_load(settings, opaque_share=settings.brownout.opaque_share),
            objectives=(
                *opaque_objectives(settings),
                recovers(
                    settings.brownout.recovery_s,
                    opaque_flow(settings),
                    why="Opaque tokens were refused although introspection was well again.",
                ),
                *bulkhead(settings),
                asked_once(settings),
                idp_as_quick_as_before(settings),
                *nothing_left_behind(settings),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
            tails=AFTER_A_FAULT_TOO,
        ),
        faults={PhaseName.FAULT: (fault(settings),)},
    )


SCENARIO = Scenario(
    name="introspection_brownout",
    summary="Introspection fails for a share, is slow, odd, or down: JWTs must not feel it, and nobody may fail open.",
    covers=("M1", "M2", "M7"),
    settings=IntrospectionBrownout,
    variants={mode: {"brownout.mode": mode} for mode in get_args(Mode)},
    variant_of=lambda settings: settings.brownout.mode,
    design=design,
    needs=(Need.INTROSPECTION,),
    of_ones_own={"brownout.at": "link", "brownout.mode": "down"},
    profiles={"quick": {"gateway.introspection_cache_s": 4}, "ci": {"gateway.introspection_cache_s": 4}},
)
