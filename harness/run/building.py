"""What most scenarios share: phases, everyday traffic, canaries, and the objectives and invariants about them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from idchaos.experiment import (
    TAIL,
    TAILS,
    Bound,
    CanaryPlan,
    Invariant,
    LoadPlan,
    Objective,
    Phase,
    PhaseName,
    Stream,
)
from idchaos.graph import TokenFormat
from idchaos.indicators import SETTLING_S
from idchaos.load.canaries import catalogue
from idchaos.load.canaries.catalogue import kinds
from idchaos.load.flows.base import Flow
from idchaos.load.flows.catalogue import planned
from idchaos.settings import CommonSettings
from idchaos.topologies import TOPOLOGIES

CLOCK_SLACK_S = 5.0
"""All parts go by one host's clock, and claims are whole seconds. A canary may be on its way for as long as the time
limit of a request; the slack is at least that.
"""
SHORTEST_SOUND_LIFE = 0.5
"""A sound validator refreshes keys no sooner than after this share of their life."""
REPORTING_SLACK_S = 2.0
"""Counters are reported now and then: their growth may be that of a window which is so much longer."""
POLL_AGAIN_S = 3.0
"""The time limit of a poll that nobody answers, and the pause until the next."""
EXPIRY_SLACK_S = 1.0
"""Time claims are whole seconds, and clocks of one machine differ by less."""
LONG_FOR_A_CODE_S = 30.0
"""Codes are not kept for longer than that, however long they live."""
OF_SOUND_KEY_SETS = ("id_token_unverifiable", "logout_untold")
"""Kinds that are no breach of the IdP's where the fault itself is that published keys are wrong, or not published."""
AFTER_A_FAULT_TOO = (*TAILS, PhaseName.RECOVERY)
"""The phases whose tails are asked for by who asks :func:`as_even_as_before`."""
TAIL_SAMPLES = 450
"""So many requests are planned for each replica, or its p99 is not asked for: 299 tell it, if chance sends as many."""
TAIL_ERROR, SPARE = 0.05, 2.2
"""So many times the requests that tell a share if none fails are planned: two that fail leave it told."""
CACHE_SLACK_S = 1.0
"""A cache may be older than its life by the fetch that replaces it."""


def phases(settings: CommonSettings, fault_s: float, recovery_s: float | None = None) -> tuple[Phase, ...]:
    """Warm-up, baseline, fault, recovery."""
    return (
        Phase(name=PhaseName.WARMUP, duration_s=settings.phases.warmup_s),
        Phase(name=PhaseName.BASELINE, duration_s=settings.phases.baseline_s),
        Phase(name=PhaseName.FAULT, duration_s=fault_s),
        Phase(name=PhaseName.RECOVERY, duration_s=recovery_s or settings.phases.recovery_s),
    )


def withdrawal_lag_s(settings: CommonSettings) -> float:
    """How long a withdrawn key may still be in use: a cache's life and the fetch that ends it."""
    return settings.gateway.jwks_cache_s + settings.gateway.jwks_timeout_s + CACHE_SLACK_S


def recovery_after_withdrawal_s(settings: CommonSettings, settle_s: float) -> float:
    """How long to watch when a key is withdrawn ``settle_s`` before the end of the fault phase: caches have their time
    to forget it, and then its tokens are tried.
    """
    return settings.phases.recovery_s + max(0.0, withdrawal_lag_s(settings) - settle_s)


def revocation_window_s(settings: CommonSettings) -> float:
    """How long a revoked token may still pass: the age of the list, plus the slack of its refresh."""
    return max(settings.gateway.revocation_cache_s, settings.gateway.introspection_cache_s) + CACHE_SLACK_S


def everyday_load(
    settings: CommonSettings,
    *,
    clock_error_s: float = 0.0,
    opaque_share: float = 0.0,
    extra: Sequence[Stream] = (),
    flows: Iterable[Flow] = (),
    session_max_s: float | None = None,
    without: tuple[str, ...] = (),
    around: tuple[str, ...] = (),
) -> LoadPlan:
    """Sessions that log in, call APIs, refresh and log out; machine clients; canaries of every kind.

    ``clock_error_s``: the greatest clock error that the run causes; canaries lie beyond it. ``opaque_share``: of the
    API requests, those with opaque tokens beside JWTs, where there are both. ``flows``: how arrivals of ``extra`` are
    sent, where their flow has settings or is the scenario's own. ``around``: canaries that are sent to
    services directly as well.
    """
    load = settings.load
    slack = max(CLOCK_SLACK_S, load.timeout_s)
    ramp = min(1.0, settings.phases.warmup_s)
    issues_both = len(TOPOLOGIES[settings.topology].formats) > 1
    opaque = load.rate * opaque_share if issues_both else 0.0
    sent = tuple(kind for kind in kinds() if kind not in without)
    canaries = CanaryPlan(
        kinds=sent,
        once=tuple(kind.name for kind in kinds().values() if kind.once),
        clock_margin_s=settings.gateway.leeway_s + abs(clock_error_s) + slack,
        early_margin_s=settings.gateway.early_leeway_s + abs(clock_error_s) + slack,
        expired_after_s=settings.gateway.leeway_s + abs(clock_error_s) + EXPIRY_SLACK_S,
        retired_after_s=settings.gateway.jwks_cache_s + CACHE_SLACK_S,
        code_life_s=min(LONG_FOR_A_CODE_S, settings.tokens.code_ttl_s - EXPIRY_SLACK_S / 2),
        codes_expired_after_s=settings.tokens.code_ttl_s + abs(clock_error_s) + EXPIRY_SLACK_S,
        replayed_after_s=settings.tokens.refresh_grace_s,
        revoked_after_s=revocation_window_s(settings),
        around=around,
        everywhere=tuple(name for name in sent if kinds()[name].everywhere),
        seldom=tuple(name for name in sent if kinds()[name].costs_a_login and not kinds()[name].rare),
        rare=tuple(name for name in sent if kinds()[name].rare),
        twice=tuple(name for name in sent if kinds()[name].twice),
        ways={name: ways for name in sent if (ways := kinds()[name].each_way)},
    )
    streams = [
        Stream(flow="api", rate=load.rate - opaque, arrivals=load.arrivals, ramp_s=ramp),
        Stream(flow="login", rate=load.login_rate, arrivals=load.arrivals),
        Stream(flow="machine", rate=load.machine_rate, arrivals=load.arrivals),
        Stream(flow="canary", rate=load.canaries_per_kind * len(canaries.slots), arrivals="constant"),
    ]
    if opaque:
        streams.append(Stream(flow="opaque", rate=opaque, arrivals=load.arrivals, ramp_s=ramp))
    return LoadPlan(
        streams=(*streams, *extra),
        sessions=load.sessions,
        typo_share=load.typo_share,
        refresh_at=load.refresh_at,
        refresh_jitter=load.refresh_jitter,
        retry_s=load.retry_s,
        timeout_s=load.timeout_s,
        max_in_flight=load.max_in_flight,
        canaries=canaries,
        flows=planned((*streams, *extra), flows),
        session_max_s=session_max_s,
    )


def invariants(without: tuple[str, ...] = ()) -> tuple[Invariant, ...]:
    """Every invariant whose canaries are sent."""
    return tuple(
        Invariant(name=name, canaries=names)
        for name, names in catalogue.invariants().items()
        if not set(names) & set(without)
    )


def everyday_format(settings: CommonSettings) -> TokenFormat:
    """The format of the access tokens that everyday sessions have."""
    return TOPOLOGIES[settings.topology].everyday_format


def warm_success(settings: CommonSettings, phase: PhaseName) -> Objective:
    """Good API requests with a live token succeed, whatever becomes of sessions that ran out of one."""
    return Objective(
        name=f"warm_success_{phase}",
        sli=f"success_rate{{flow=api,format={everyday_format(settings)}}}",
        phase=phase,
        bound=Bound(op=">=", limit=settings.slo.success),
        why="Users with live tokens were refused or got no answer: a gateway needs the IdP for each request.",
    )


def warm_latency(settings: CommonSettings, phase: PhaseName) -> Objective:
    """Good API requests with a live token are answered in time."""
    return Objective(
        name=f"warm_latency_{phase}",
        sli=f"latency_p95{{flow=api,format={everyday_format(settings)}}}",
        phase=phase,
        bound=Bound(op="<=", limit=settings.slo.latency_p95_s, unit="s"),
        why="Users with live tokens waited: p95 counts from when a request was due.",
    )


def recovers(limit_s: float, flow: str, *, why: str) -> Objective:
    """After healing, the last bad request of a flow comes within this time."""
    return at_most(
        limit_s, "s", f"recovery_time{{flow={flow}}}", name=f"{flow}_recovery", phase=PhaseName.RECOVERY, why=why
    )


def api_success(settings: CommonSettings, phase: PhaseName) -> Objective:
    """Good API requests succeed."""
    return Objective(
        name=f"api_success_{phase}",
        sli="success_rate{flow=api}",
        phase=phase,
        bound=Bound(op=">=", limit=settings.slo.success),
        why="Users with good tokens were refused, or got no answer.",
    )


def api_latency(settings: CommonSettings, phase: PhaseName) -> Objective:
    """API requests are answered in time."""
    return Objective(
        name=f"api_latency_{phase}",
        sli="latency_p95{flow=api}",
        phase=phase,
        bound=Bound(op="<=", limit=settings.slo.latency_p95_s, unit="s"),
        why="Users waited: p95 counts from when a request was due.",
    )


def every_run(settings: CommonSettings, spans: Iterable[Phase]) -> tuple[Objective, ...]:
    """What is asked of every run, whatever its fault: honest answers, and no stampede on the IdP's keys."""
    asked = (
        at_most(
            0,
            "count",
            "refusals_told_as_errors",
            name="refusals_are_4xx",
            phase="all",
            why="A bad token that is answered with 5xx wakes people up, and hides real outages among refusals.",
        ),
        at_most(
            0,
            "count",
            "outages_told_as_refusals",
            name="outages_are_5xx",
            phase="all",
            why="An outage that is answered with 4xx logs good users out, and one with 500 looks like a bug: only 502, "
            "503 and 504 say that somebody else is away.",
        ),
        at_most(
            0,
            "count",
            "refusals_that_mislead",
            name="refusals_say_what_helps",
            phase="all",
            why="Clients refresh when they are told 401, and only then: an expired token that is answered with 403 "
            "locks its user out, and a scope that lacks, with 401, has clients refresh for ever.",
        ),
    )
    # A sound validator asks again when keys have aged, or a cooldown after the last time, whatever tokens it is sent.
    apart_s = min(settings.gateway.jwks_cooldown_s, SHORTEST_SOUND_LIFE * settings.gateway.jwks_cache_s)
    lasting_s = sum(span.duration_s for span in spans if span.name is not PhaseName.WARMUP)
    own = ((lasting_s + REPORTING_SLACK_S) / apart_s + 1) / lasting_s if apart_s else math.inf
    return (
        *asked,
        at_most(
            min(own, settings.slo.key_fetches_per_s),
            "1/s",
            "jwks_fetch_rate_max",
            name="key_fetches_bounded",
            phase="all",
            why="Whoever can send junk, or waits for keys, can make a validator flood the IdP.",
        ),
        at_most(
            settings.slo.latency_p50_s,
            "s",
            "latency_p50{flow=api}",
            name="api_latency_p50_recovery",
            phase=PhaseName.RECOVERY,
            why="Users wait although the fault is over: something was not put back. p95 leaves room for that.",
        ),
        *_tails(settings, spans),
    )


def caught_up(settings: CommonSettings, spans: Iterable[Phase]) -> Iterator[Objective]:
    """When the recovery ends, those who decide go by keys and revocations that they got after the fault; left out where
    the recovery is too short for a sound one to have asked again.
    """
    gateway = settings.gateway
    ask_again_s = {"key_cache_age": gateway.jwks_cooldown_s + gateway.jwks_timeout_s, "revocations_age": POLL_AGAIN_S}
    live_s = {"key_cache_age": gateway.jwks_cache_s, "revocations_age": gateway.revocation_cache_s}
    recovery_s = sum(span.duration_s for span in spans if span.name is PhaseName.RECOVERY)
    for sli, again_s in ask_again_s.items():
        if recovery_s >= again_s + REPORTING_SLACK_S:
            yield at_most(
                live_s[sli] + again_s + REPORTING_SLACK_S,
                "s",
                sli,
                name=f"{sli}_recovery",
                phase=PhaseName.RECOVERY,
                why="After the fault somebody never asked again, or ever more rarely: what was decided since goes by "
                "old keys or revocations, and the next rotation or revocation goes unheard.",
            )


def as_even_as_before(settings: CommonSettings) -> Iterator[Objective]:
    """After a fault no replica keeps one user in a hundred waiting or refuses them, once what waited for its end has
    settled; each is left out where requests are too few to tell.
    """
    each_s = settings.load.rate / len(TOPOLOGIES[settings.topology].deciders)
    recovery_s = settings.phases.recovery_s
    if (recovery_s - SETTLING_S) * each_s >= TAIL_SAMPLES:
        yield at_most(
            settings.slo.latency_p99_s,
            "s",
            f"settled_latency_p99_worst{{flow=api,format={everyday_format(settings)}}}",
            name=f"{TAIL}{PhaseName.RECOVERY}",
            phase=PhaseName.RECOVERY,
            why="A replica has not recovered: now and then a request waits, as if for what was away. It may keep a dead"
            " connection, or try again in the foreground.",
        )
    if recovery_s * each_s >= SPARE * math.log(TAIL_ERROR) / math.log(settings.slo.success):
        yield at_least(
            settings.slo.success,
            f"success_rate_worst{{flow=api,format={everyday_format(settings)}}}",
            name="api_success_worst_recovery",
            phase=PhaseName.RECOVERY,
            why="A replica has not recovered: its users fare worse than all taken together.",
        )


def readiness(settings: CommonSettings) -> Objective:
    """A replica that could serve says so, and one that could not does not."""
    return at_most(
        settings.slo.readiness_s,
        "s",
        "readiness_mistaken",
        name="readiness_told_rightly",
        phase="all",
        why="A replica called itself ready and decided nothing, or served everybody and called itself unready: traffic "
        "is sent where nobody is served, or an outage of the IdP takes away those who would get over it.",
    )


def nothing_left_behind(settings: CommonSettings) -> tuple[Objective, ...]:
    """Whoever can make a validator fail, or ask, again and again must not fill it up."""
    return (
        at_most(
            settings.slo.files_left_open,
            "count",
            "files_left_open",
            name="nothing_left_open",
            phase="all",
            why="A component keeps what it opened for requests that failed: it will run out of files, and stop.",
        ),
        at_most(
            settings.slo.memory_growth_mib,
            "MiB",
            "memory_growth",
            name="memory_bounded",
            phase="all",
            why="A component remembers something of each request: it will run out of memory, and be killed.",
        ),
    )


def _tails(settings: CommonSettings, spans: Iterable[Phase]) -> Iterator[Objective]:
    """No replica keeps one user in a hundred waiting before anything is wrong; left out where requests are too few
    to tell.
    """
    each_s = settings.load.rate / len(TOPOLOGIES[settings.topology].deciders)
    for span in spans:
        if span.name in TAILS and span.duration_s * each_s >= TAIL_SAMPLES:
            yield at_most(
                settings.slo.latency_p99_s,
                "s",
                "latency_p99_worst{flow=api}",
                name=f"{TAIL}{span.name}",
                phase=span.name,
                why="One request in a hundred was far slower than the others at a replica, with no fault there to cause"
                " it: neither medians nor p95, nor a mean over replicas, shows that.",
            )


def at_most(
    limit: float,
    unit: Literal["share", "s", "1/s", "per 1,000", "times", "count", "MiB"],
    sli: str,
    *,
    name: str,
    phase: PhaseName | Literal["all"],
    why: str,
) -> Objective:
    """An objective with an upper bound."""
    return Objective(name=name, sli=sli, phase=phase, bound=Bound(op="<=", limit=limit, unit=unit), why=why)


def at_least(limit: float, sli: str, *, name: str, phase: PhaseName | Literal["all"], why: str) -> Objective:
    """An objective with a lower bound on a share."""
    return Objective(name=name, sli=sli, phase=phase, bound=Bound(op=">=", limit=limit), why=why)
