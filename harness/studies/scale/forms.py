"""Closed forms at scale, which the simulation is tested against. Pure; times in seconds, rates per second."""

from __future__ import annotations

import math

from idchaos.studies.scale.fleet import Idp, Keys, Sessions


def backlog(sessions: Sessions, outage_s: float) -> float:
    """Sessions that wait at an outage's end: those that fell due in it, N min(1, L / interval).

    Exact while the outage is shorter than the shortest interval between two refreshes, or longer than the longest.
    """
    return sessions.number * min(1.0, outage_s / sessions.interval_s)


def herd_rps(sessions: Sessions, outage_s: float) -> float:
    """Attempts per second when the IdP is back: the backlog, each once in its last wait, beside the usual.

    Exact for waits that do not grow; with back-off, the waits of those who fell due last are still short.
    """
    return backlog(sessions, outage_s) / sessions.waiting.waits_s()[-1] + sessions.usual_rps


def drain_s(sessions: Sessions, idp: Idp, outage_s: float) -> float | None:
    """How long until nobody waits: backlog / (capacity - arrivals), if refusing costs nothing and whoever waits asks
    often enough to keep the IdP busy. ``None``: never, what arrives is all it can do.

    Nobody comes twice meanwhile, so when all sessions are served once it is over in any case: N / capacity.
    """
    spare = idp.capacity_rps - sessions.usual_rps
    if spare <= 0:
        return None
    return min(backlog(sessions, outage_s) / spare, sessions.number / idp.capacity_rps)


def capacity_rps(sessions: Sessions, outage_s: float, within_s: float) -> float:
    """What the IdP must be able to do for :func:`drain_s` to be so short: arrivals + backlog / time, or what serves
    all sessions once in that time.
    """
    return min(sessions.usual_rps + backlog(sessions, outage_s) / within_s, sessions.number / within_s)


def goodput_rps(idp: Idp, offered_rps: float) -> float:
    """What is served at most when so much is asked: refusing the rest takes its share of the capacity c, so that
    served + cost x (offered - served) = c.
    """
    if offered_rps <= idp.capacity_rps or idp.refusal_cost == 0:
        return idp.capacity_rps
    return max(0.0, (idp.capacity_rps - idp.refusal_cost * offered_rps) / (1 - idp.refusal_cost))


def collapses(sessions: Sessions, idp: Idp, outage_s: float) -> bool:
    """Whether refusing the herd leaves the IdP less than what keeps arriving, so that the herd grows to be everybody:
    a failure that stays when its cause is gone (metastable: Bronson et al., HotOS 2021).
    """
    return goodput_rps(idp, herd_rps(sessions, outage_s)) <= sessions.usual_rps


def together_rps(sessions: Sessions, within_s: float) -> float:
    """Peak of refreshes per second in the first life after all sessions began within so short a time: N over the wider
    of that time and the span of jitter, T j.
    """
    return sessions.number / max(within_s, sessions.access_ttl_s * sessions.refresh_jitter)


def without_keys(keys: Keys, outage_s: float) -> float:
    """The share of gateways that have no keys to go by at an outage's end: those whose cache ran out, and was stale too
    long. With caches at any moment of their lives, min(1, (L - S) / C); with fetches ahead of time by up to j C, the
    first j C of it are borne by more and more of them: (x - j C / 2) / (C (1 - j / 2)), or x^2 / (2 j C) above the line
    while x = L - S is less than j C.
    """
    if keys.edges:
        return without_keys(keys.model_copy(update={"edges": 0}), max(0.0, outage_s - keys.edge_stale_s))
    over_s, ahead_s = max(0.0, outage_s - keys.stale_s), keys.cache_jitter * keys.cache_s
    if over_s >= keys.cache_s:
        return 1.0
    share = over_s - ahead_s / 2 if over_s >= ahead_s else over_s**2 / (2 * ahead_s)
    return share / (keys.cache_s * (1 - keys.cache_jitter / 2))


def usual_fetches_rps(keys: Keys) -> float:
    """Key fetches per second that the IdP sees when all is well: V / C; with a CDN, edges / TTL of the edge."""
    at_gateways = keys.gateways / (keys.cache_s * (1 - keys.cache_jitter / 2))
    if keys.edges:
        # An edge whose copy ran out waits for the next gateway of its region that asks (renewal theory).
        return keys.edges / (keys.edge_ttl_s + keys.edges / at_gateways)
    return at_gateways * (1 if keys.single_flight else 1 + keys.calls_rps * keys.latency_s)


def last_of(number: float, period_s: float, share: float) -> float:
    """When all of so many pollers with even, independent phases have polled, with a probability: P share^(1/n)."""
    return period_s * math.pow(share, 1 / number)
