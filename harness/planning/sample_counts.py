"""How many samples a plan will give, of each SLI and of each canary. Pure.

Arrivals are random, so a plan gives a range: :data:`SURE` on each side, from the Poisson distribution. Samples of one
replica or service are a thinned stream, which is Poisson again. Sessions refresh at random moments of known spread
(:func:`refreshes`); their number scatters less than a Poisson count, so the range is on the safe side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from idchaos.experiment import PhaseName, Plan, Stream
from idchaos.graph import TokenFormat
from idchaos.indicators import SETTLING_S, TOKEN_FLOWS, Selector
from idchaos.planning.arrivals import expected_arrivals
from idchaos.values import Value

SURE = 0.9999
"""Chance that a count is not below ``at_least``, and that it is not above ``at_most``."""
LOGIN_LEAD_S = (0.0, 1.0, 2.0)
"""Sessions log in shortly before the load starts; how long before, nobody knows beforehand."""
MOST_BIRTHS = 20_000

When = PhaseName | Literal["all"]
Floats = NDArray[np.float64]


class Setup(Value):
    """What a plan does not say of itself: the system that the load meets."""

    access_ttl_s: float
    replicas: tuple[str, ...]
    routes: tuple[tuple[str, str], ...]
    """(path, service)."""
    everyday_format: TokenFormat = "jwt"
    """Of the access tokens of everyday sessions."""


class Count(Value):
    """A planned number of samples: its mean, and the range in which it will lie."""

    mean: float
    at_least: int
    at_most: int


@dataclass(frozen=True)
class _Source:
    """One kind of sample that a plan gives: what it is, and how many there are between two moments."""

    flow: str
    endpoint: str
    count: Callable[[float, float], float]
    format: str = ""
    called: bool = False
    """Whether it is a call of an API, spread evenly over replicas and routes."""
    steady: bool = False
    """Whether it comes at even intervals, so that chance has no part in how many there are."""


def _sources(plan: Plan, setup: Setup, lead_s: float) -> Iterator[_Source]:
    """Everything that counts as good traffic, if sessions log in ``lead_s`` before the load."""
    for stream in plan.load.streams:
        flow = plan.load.flow(stream.flow)
        for source in flow.sources if flow else ():  # nothing is promised of what nobody said how to send
            yield _Source(
                source.flow,
                source.endpoint,
                _scaled(_counter(stream), source.each * (len(setup.replicas) if source.per_replica else 1)),
                setup.everyday_format if source.format == "everyday" else source.format,
                called=source.called,
                steady=source.steady and stream.arrivals == "constant",
            )
    yield _Source("refresh", "token", lambda start, end: refreshes(plan, setup.access_ttl_s, start, end, lead_s))


def _scaled(count: Callable[[float, float], float], factor: float) -> Callable[[float, float], float]:
    return lambda start, end: factor * count(start, end)


def _counter(stream: Stream) -> Callable[[float, float], float]:
    """Mean arrivals of a stream between two offsets from the start of the load."""

    def until(moment: float) -> float:
        end = moment if stream.ends_s is None else min(moment, stream.ends_s)
        return expected_arrivals(stream, end - stream.starts_s) if end > stream.starts_s else 0.0

    return lambda start, end: max(0.0, until(end) - until(start))


def window(plan: Plan, phase: When) -> tuple[float, float] | None:
    """A phase's planned start and end, as offsets from the start of the load; ``all`` is what follows the warm-up."""
    starts = plan.phase_starts()
    spans = {each.name: (starts[each.name], starts[each.name] + each.duration_s) for each in plan.phases}
    if phase != "all":
        return spans.get(phase)
    judged = [span for name, span in spans.items() if name is not PhaseName.WARMUP]
    return (judged[0][0], judged[-1][1]) if judged else None


def samples(plan: Plan, setup: Setup, selector: Selector, phase: When) -> Count:
    """How many samples an SLI will have in a phase. Selectors whose share nobody knows beforehand (a
    key, a session, an error) are left out of account.
    """
    span = window(plan, phase)
    if span is None:
        return Count(mean=0.0, at_least=0, at_most=0)
    if selector.name.startswith("settled_"):
        span = (min(span[0] + SETTLING_S, span[1]), span[1])
    if selector.name.startswith("revocation_lag"):
        return _count(_probed(plan, setup, selector, span))
    where = {key: frozenset(values) for key, values in selector.where}
    if selector.name in TOKEN_FLOWS:
        where = _narrowed(where, flow=frozenset(TOKEN_FLOWS[selector.name]), endpoint=frozenset({"token"}))
    if selector.name == "token_validation_success_rate":  # what a gateway was asked
        where = _narrowed(where, endpoint=frozenset(path for path, _ in setup.routes))
    if selector.name in ("registration_error_rate", "registration_completion_rate"):
        where = _narrowed(where, endpoint=frozenset({"register"}))
    if selector.name == "login_success_rate":  # each login counts once
        where = _narrowed(where, flow=frozenset({"login"}), endpoint=frozenset({"token"}))
    means = [
        sum(
            share * source.count(*span)
            for source in _sources(plan, setup, lead)
            if (share := _share(source, setup, where))
        )
        for lead in LOGIN_LEAD_S
    ]
    if selector.name.endswith("_worst"):  # each replica is judged by its own
        return _count(means[1] / max(1, len(setup.replicas)))
    fitting = [(source, _share(source, setup, where)) for source in _sources(plan, setup, 0.0)]
    counted = [source for source, share in fitting if share]
    if counted and all(source.steady and share == 1 for source, share in fitting if share):
        least, most = math.floor(means[1]) - len(counted), math.ceil(means[1]) + len(counted)
        return Count(mean=round(means[1], 3), at_least=max(0, least), at_most=most)
    return Count(mean=round(means[1], 3), at_least=_count(min(means)).at_least, at_most=_count(max(means)).at_most)


def _narrowed(where: Mapping[str, frozenset[str]], **more: frozenset[str]) -> dict[str, frozenset[str]]:
    return {**where, **{key: values & where.get(key, values) for key, values in more.items()}}


def _share(source: _Source, setup: Setup, where: Mapping[str, frozenset[str]]) -> float:
    """Which part of a source's samples fits the selectors."""
    share = 1.0
    for key, values in where.items():
        if key == "flow":
            share *= source.flow in values
        elif key == "format":
            share *= source.format in values
        elif key == "canary":
            share *= "" in values
        elif key == "replica":
            share *= _part([name in values for name in setup.replicas]) if source.called else 0.0
        elif key == "endpoint" and not source.called:
            share *= source.endpoint in values
        elif key == "endpoint":
            share *= _part([path in values for path, _ in setup.routes])
        elif key == "service":
            share *= _part([service in values for _, service in setup.routes]) if source.called else 0.0
    return share


def _part(fits: list[bool]) -> float:
    return sum(fits) / len(fits) if fits else 0.0


def _probed(plan: Plan, setup: Setup, selector: Selector, span: tuple[float, float]) -> float:
    """Pairs of a revoked token and a replica that is asked about it."""
    where = _narrowed({key: frozenset(values) for key, values in selector.where}, flow=frozenset({"revocation"}))
    polled = [source for source in _sources(plan, setup, 0.0) if source.called]
    return sum(_share(source, setup, where) * source.count(*span) for source in polled)


def _count(mean: float) -> Count:
    return Count(
        mean=round(mean, 3),
        at_least=_poisson_quantile(1 - SURE, mean),
        at_most=_poisson_quantile(SURE, mean),
    )


def _poisson_quantile(q: float, mean: float) -> int:
    """The least count that a Poisson count of that mean does not exceed with a chance of ``q``."""
    if mean <= 0:
        return 0
    count = max(0, math.floor(special.pdtrik(q, mean)))
    return count if special.pdtr(count, mean) >= q else count + 1


def mean_for(least: int) -> float:
    """The mean that surely gives ``least``: P(N < n) of a Poisson count is 1 - P(Gamma(n) <= mean)."""
    return float(special.gammaincinv(least, SURE))


def refreshes(plan: Plan, life_s: float, start: float, end: float, lead_s: float = 0.0) -> float:
    """Mean number of refreshes between two offsets from the start of the load.

    A session refreshes between ``refresh_at`` - ``refresh_jitter`` and ``refresh_at`` of its token's life, at random,
    and again after each refresh: a renewal process with the mean number of renewals M(age) (Cox, Renewal Theory, 1962,
    chapter 4). The first sessions are ``lead_s`` old when the load starts, each login replaces the oldest one, so a
    session lives for (sessions / login rate), and the k-th of the first ones for k / login rate.
    """
    flows = {stream.flow for stream in plan.load.streams}
    opaque = max(1, plan.load.sessions // 4) if "opaque" in flows else 0
    if not flows & {"api", "login"}:
        opaque = plan.load.sessions if "opaque" in flows else 0
    jwt = max(1, plan.load.sessions - opaque) if flows & {"api", "login"} else 0
    logins = sum(stream.rate for stream in plan.load.streams if stream.flow == "login")
    renewals = _renewals(life_s, plan.load.refresh_at, plan.load.refresh_jitter, end + lead_s)
    first = np.arange(1, jwt + 1) / logins if logins else np.full(jwt, np.inf)
    found = opaque * (renewals(np.array([end + lead_s])) - renewals(np.array([start + lead_s]))).sum()
    found += _between(renewals, np.full(jwt, -lead_s), first + lead_s, start, end).sum()
    if logins and end > 0:
        number = max(1, min(MOST_BIRTHS, math.ceil(logins * end)))
        births = (np.arange(number) + 0.5) * end / number
        weight = logins * end / number
        found += weight * _between(renewals, births, np.full(number, jwt / logins), start, end).sum()
    return float(found)


def _between(renewals: Callable[[Floats], Floats], births: Floats, lives: Floats, start: float, end: float) -> Floats:
    """Renewals between two moments of those born at ``births``, who live for ``lives``."""
    return renewals(np.clip(end - births, 0, lives)) - renewals(np.clip(start - births, 0, lives))


def _renewals(life_s: float, refresh_at: float, jitter: float, until: float) -> Callable[[Floats], Floats]:
    """M(age): on a grid over the first lives; later, when the moments have mixed, a straight line."""
    low, high = max(0.05, refresh_at - jitter) * life_s, max(0.05, refresh_at) * life_s
    mean = (low + high) / 2
    step = max((high - low) / 20, mean / 1000)
    span = min(until, 30 * mean)
    ages = np.arange(0.0, span + 2 * step, step)
    first = np.clip((ages - low) / (high - low), 0, 1) if high > low else (ages >= low).astype(float)
    density = np.diff(first, append=first[-1])
    total, power = first.copy(), first
    for _ in range(math.ceil(span / low)):
        power = np.convolve(density, power)[: len(ages)]
        total += power
    return lambda age: np.interp(age, ages, total) + np.maximum(age - ages[-1], 0.0) / mean


def canaries(plan: Plan, start: float, end: float, kind: str = "") -> Count:
    """Canaries of one kind between two moments. Slots come in shuffled rounds, each once a round: n arrivals in a row
    hold at least (n - slots + 1) / slots whole rounds, and touch at most (n + 2 slots - 2) / slots. Those that take
    turns in a slot come in some of these rounds, and those with two slots twice in each.
    """
    slots = plan.load.canaries.slots if plan.load.canaries else ((kind,),)
    mine = [slot for slot in slots if kind in slot] or [slots[0]]
    kinds, times, turns = len(slots), len(mine), len(mine[0])
    mean = low = high = 0.0
    for stream in plan.load.streams:
        if stream.flow != "canary":
            continue
        expected = _counter(stream)(start, max(start, end))
        count = _count(expected)
        steady = stream.arrivals == "constant"
        mean += expected
        low += max(0, math.floor(expected) - 1) if steady else count.at_least
        high += math.ceil(expected) + 1 if steady and expected else count.at_most
    least = times * max(0, (int(low) - kinds + 1) // kinds) // turns
    most = -(-(times * ((int(high) + 2 * kinds - 2) // kinds)) // turns) if high else 0
    return Count(mean=round(times * mean / kinds / turns, 3), at_least=least, at_most=most)
