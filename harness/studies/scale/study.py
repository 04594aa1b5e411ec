"""``study scale``: the cases that are simulated, and what comes of each. Pure but for how long the day took."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field, field_validator

from idchaos.studies.scale import forms
from idchaos.studies.scale.cadence import Cadence, Reached, cadences, published_before_s, reached
from idchaos.studies.scale.fleet import Idp, Keys, Outage, Sessions, Waiting
from idchaos.studies.scale.herd import Trace, simulate
from idchaos.studies.scale.stampede import Rotation, Stampede, outage_of_keys, rotation
from idchaos.values import Value

BEGINS_S = 60.0
DAY_S = 86_400.0
REFRESHES_PER_VCPU = 120.0
"""Keycloak's published sizing (26.2): a vCPU for each 120 refreshes per second."""
HEAD_ROOM = 1.5
"""Keycloak's sizing asks for 150 % beside."""
COOLDOWN_S = 1.0
MOST_TIMES, NEAR = 64.0, 0.02
JITTERS = (0.0, 0.1, 0.2, 0.4)
BEGIN_WITHIN_S = 60.0
STALE_S = 86_400.0


class Asked(Value):
    """What is asked."""

    sessions: int = Field(100_000_000, ge=1, le=1_000_000_000)
    gateways: int = Field(10_000, ge=1, le=1_000_000)
    regions: int = Field(5, ge=1, le=1_000)
    access_ttl_s: float = Field(900, ge=10, le=DAY_S)
    jwks_cache_s: float = Field(300, ge=1, le=DAY_S)
    calls_per_session_s: float = Field(0.05, gt=0, le=1_000)
    leeway_s: float = Field(5, ge=0, le=3_600)
    outages_s: tuple[float, ...] = Field((60.0, 600.0, 3_600.0), min_length=1)
    capacity: float = Field(2, gt=1, le=1_000)
    """Of the IdP, as a multiple of the usual refreshes."""
    refusal_cost: float = Field(0.02, ge=0, lt=1)
    recover_within_s: float = Field(300, ge=1, le=DAY_S)
    patience_s: float = Field(7_200, ge=60, le=DAY_S)
    """No longer after an outage is it simulated."""
    seed: int = Field(1, ge=0, lt=2**31)

    @field_validator("outages_s")
    @classmethod
    def _within_a_day(cls, outages_s: tuple[float, ...]) -> tuple[float, ...]:
        if max(outages_s) > DAY_S:
            raise ValueError("should be no longer than a day")
        return outages_s


BACK_OFF = Waiting(growth=2, jitter=0)
BOTH = Waiting(growth=2, jitter=0.5)
CLIENTS: tuple[tuple[str, float, Waiting], ...] = (
    ("no jitter, no back-off", 0.0, Waiting()),
    ("refreshes with jitter", 0.1, Waiting()),
    ("back-off to 60 s", 0.1, BACK_OFF),
    ("back-off with jitter", 0.1, BOTH),
)
"""How clients may behave: what they are called, the jitter of their refreshes, and how they wait."""


class HerdCase(Value):
    """Refreshes through one outage, by clients of one kind."""

    clients: str
    outage_s: float
    capacity_rps: float
    refusal_cost: float
    peak_rps: float
    peak_foretold_rps: float | None
    """By the closed form; ``None``: there is none for waits that grow, and for a herd that grows."""
    drained_s: float | None
    """``None``: not within the patience."""
    collapsed: bool
    """Whether, by the closed form, refusing the herd takes so much that it only grows."""
    drained_foretold_s: float | None
    """By the closed form: for clients that keep an IdP busy to which refusals cost nothing."""
    attempts_per_refresh: float
    wave_rps: float
    """Most attempts per second in the life after: those who got tokens together come together again."""
    refused_most: int
    refused_session_h: float


class CapacityCase(Value):
    """What the IdP must be able to do for everybody to be served in time after one outage, by clients that back off."""

    outage_s: float
    within_s: float
    needed_rps: float | None
    """Found by simulation, to a fiftieth; ``None``: not with 64 times the usual."""
    foretold_rps: float
    """By the closed form: if whoever waits kept the IdP busy. Back-off leaves some of it idle."""
    times: float | None
    """Of the usual."""
    vcpus: float | None


class TogetherCase(Value):
    """All sessions begin within a minute, as when a shift does: their first life after it."""

    jitter: float
    peak_rps: float
    peak_foretold_rps: float
    times: float
    """Of the usual."""


class KeysCase(Value):
    """Key fetches through one outage, by gateways of one kind."""

    gateways: str
    outage_s: float
    usual_rps: float
    worst_rps: float
    peak_rps: float
    without_share: float
    without_foretold: float
    healed_s: float | None


class RotationCase(Value):
    """One rotation."""

    how: str
    lead_s: float
    peak_rps: float
    known_s: float | None
    refused: float
    """API calls."""


class Scaled(Value):
    """What was asked, and all that was found."""

    asked: Asked
    usual_rps: float
    calls_rps: float
    herds: tuple[HerdCase, ...]
    capacities: tuple[CapacityCase, ...]
    together: tuple[TogetherCase, ...]
    keys: tuple[KeysCase, ...]
    rotations: tuple[RotationCase, ...]
    cadences: tuple[Cadence, ...]
    published_before_s: float
    reached: tuple[Reached, ...]
    day_refreshes: int


@dataclass(frozen=True)
class Found:
    """The answer, the traces that are drawn, and how long the day took to simulate."""

    scaled: Scaled
    traces: dict[str, Trace]
    stampedes: dict[str, Stampede]
    day: Trace
    day_took_s: float


def sessions_of(asked: Asked, jitter: float, waiting: Waiting) -> Sessions:
    """The sessions, behaving so."""
    return Sessions(number=asked.sessions, access_ttl_s=asked.access_ttl_s, refresh_jitter=jitter, waiting=waiting)


def kinds_of_gateways(asked: Asked) -> Iterator[tuple[str, Keys]]:
    """How gateways may come by the keys: each has what the one before has, and one thing more."""
    keys = Keys(
        gateways=asked.gateways,
        cache_s=asked.jwks_cache_s,
        calls_rps=asked.sessions * asked.calls_per_session_s / asked.gateways,
    )
    yield "each call fetches", keys
    keys = keys.model_copy(update={"single_flight": True})
    yield "single flight", keys
    keys = keys.model_copy(update={"waiting": BOTH, "cache_jitter": 0.1})
    yield "back-off and jitter", keys
    keys = keys.model_copy(update={"stale_s": STALE_S})
    yield "stale keys while the IdP is away", keys
    yield "a CDN before the IdP", keys.model_copy(update={"edges": asked.regions})


def scaled(asked: Asked, tell: Callable[[str], None]) -> Found:
    """Simulate every case. ``tell`` hears what is being done."""
    herds, traces = [], {}
    for name, jitter, waiting in CLIENTS:
        for outage_s in asked.outages_s:
            tell(f"refreshes, {name}, an outage of {outage_s:g} s")
            case, trace = _herd(asked, name, sessions_of(asked, jitter, waiting), outage_s)
            herds.append(case)
            if outage_s == _middle(asked):
                traces[name] = trace
    kinds = tuple(kinds_of_gateways(asked))
    keys, stampedes = [], {}
    for name, kind in kinds:
        for outage_s in asked.outages_s:
            tell(f"keys, {name}, an outage of {outage_s:g} s")
            outage = Outage(at_s=BEGINS_S, length_s=outage_s)
            lasts_s = outage.ends_s + 120 + kind.waiting.most_s
            seen = outage_of_keys(kind, outage, lasts_s=lasts_s, seed=asked.seed)
            keys.append(_keys(name, kind, seen))
            if outage_s == _middle(asked):
                stampedes[name] = seen
    tell("rotations, and the capacity that recovering needs")
    best = sessions_of(asked, CLIENTS[-1][1], CLIENTS[-1][2])
    tell(f"a day of {asked.sessions:,} sessions")
    since = time.monotonic()
    day = simulate(
        best,
        _idp(asked, best),
        Outage(at_s=DAY_S / 2, length_s=min(max(asked.outages_s), DAY_S / 4)),
        lasts_s=DAY_S,
        seed=asked.seed,
    )
    took_s = time.monotonic() - since
    return Found(
        Scaled(
            asked=asked,
            usual_rps=best.usual_rps,
            calls_rps=asked.sessions * asked.calls_per_session_s,
            herds=tuple(herds),
            capacities=tuple(_capacity(asked, best, each) for each in asked.outages_s),
            together=tuple(_together(asked, each) for each in JITTERS),
            keys=tuple(keys),
            rotations=tuple(_rotations(asked, best, [kinds[-2][1], kinds[-1][1]])),
            cadences=cadences(kinds[-1][1], best, asked.leeway_s),
            published_before_s=published_before_s(kinds[-1][1]),
            reached=reached(kinds[-1][1], best, asked.leeway_s),
            day_refreshes=int(day.served.sum()),
        ),
        traces,
        stampedes,
        day,
        took_s,
    )


def _middle(asked: Asked) -> float:
    return sorted(asked.outages_s)[len(asked.outages_s) // 2]


def _idp(asked: Asked, sessions: Sessions) -> Idp:
    return Idp(capacity_rps=asked.capacity * sessions.usual_rps, refusal_cost=asked.refusal_cost)


def _herd(asked: Asked, name: str, sessions: Sessions, outage_s: float) -> tuple[HerdCase, Trace]:
    idp, outage = _idp(asked, sessions), Outage(at_s=BEGINS_S, length_s=outage_s)
    lasts_s = outage.ends_s + asked.patience_s
    trace = simulate(sessions, idp, outage, lasts_s=lasts_s, seed=asked.seed, then_s=2 * sessions.interval_s)
    grows = sessions.waiting.growth > 1 or forms.collapses(sessions, idp, outage_s)
    case = HerdCase(
        clients=name,
        outage_s=outage_s,
        capacity_rps=idp.capacity_rps,
        refusal_cost=idp.refusal_cost,
        peak_rps=trace.peak_rps,
        peak_foretold_rps=None if grows else forms.herd_rps(sessions, outage_s),
        collapsed=forms.collapses(sessions, idp, outage_s),
        drained_s=trace.drained_s,
        drained_foretold_s=forms.drain_s(sessions, idp, outage_s),
        attempts_per_refresh=trace.attempts_per_refresh,
        wave_rps=trace.wave_rps(sessions.interval_s),
        refused_most=trace.refused_most,
        refused_session_h=trace.refused_session_s / 3_600,
    )
    return case, trace


def needed_rps(asked: Asked, sessions: Sessions, outage_s: float) -> float | None:
    """The least capacity, to a fiftieth, with which everybody is served in time; ``None``: not even 64 times the usual.

    By bisection, on a logarithmic scale: the simulation decides.
    """
    outage, within_s = Outage(at_s=BEGINS_S, length_s=outage_s), asked.recover_within_s

    def enough(times: float) -> bool:
        idp = Idp(capacity_rps=times * sessions.usual_rps, refusal_cost=asked.refusal_cost)
        trace = simulate(sessions, idp, outage, lasts_s=outage.ends_s + within_s, seed=asked.seed, then_s=1)
        return trace.drained_s is not None

    low, high = 1.0, MOST_TIMES
    if not enough(high):
        return None
    while high / low > 1 + NEAR:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high * sessions.usual_rps


def _capacity(asked: Asked, sessions: Sessions, outage_s: float) -> CapacityCase:
    needed = needed_rps(asked, sessions, outage_s)
    return CapacityCase(
        outage_s=outage_s,
        within_s=asked.recover_within_s,
        needed_rps=needed,
        foretold_rps=forms.capacity_rps(sessions, outage_s, asked.recover_within_s),
        times=None if needed is None else needed / sessions.usual_rps,
        vcpus=None if needed is None else needed / REFRESHES_PER_VCPU * (1 + HEAD_ROOM),
    )


def _together(asked: Asked, jitter: float) -> TogetherCase:
    sessions = sessions_of(asked, jitter, BOTH)
    endless = Idp(capacity_rps=10 * sessions.number)
    life_s = asked.access_ttl_s
    trace = simulate(sessions, endless, None, lasts_s=life_s, seed=asked.seed, begun_within_s=BEGIN_WITHIN_S)
    peak = float(trace.offered.max())
    return TogetherCase(
        jitter=jitter,
        peak_rps=peak,
        peak_foretold_rps=forms.together_rps(sessions, BEGIN_WITHIN_S),
        times=peak / sessions.usual_rps,
    )


def _keys(name: str, kind: Keys, seen: Stampede) -> KeysCase:
    return KeysCase(
        gateways=name,
        outage_s=seen.outage.length_s,
        usual_rps=float(seen.reached[: int(seen.outage.at_s)].mean()),
        worst_rps=seen.worst_rps,
        peak_rps=seen.peak_rps,
        without_share=seen.without_most / kind.gateways,
        without_foretold=forms.without_keys(kind, seen.outage.length_s),
        healed_s=seen.healed_s,
    )


def _rotations(asked: Asked, sessions: Sessions, kinds: Sequence[Keys]) -> Iterator[RotationCase]:
    for kind in kinds:
        behind = ", behind the CDN" if kind.edges else ""
        early_s = published_before_s(kind)
        for lead_s, how in ((0.0, "published as it signs"), (early_s, f"published {early_s:g} s before it signs")):
            found: Rotation = rotation(
                kind,
                lead_s=lead_s,
                interval_s=sessions.interval_s,
                cooldown_s=COOLDOWN_S,
                lasts_s=early_s + 60,
                seed=asked.seed,
            )
            yield RotationCase(
                how=how + behind,
                lead_s=lead_s,
                peak_rps=found.peak_rps,
                known_s=found.known_s,
                refused=float(found.refused.sum()),
            )
