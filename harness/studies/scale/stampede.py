"""Gateways that fetch keys, through an outage of the IdP and through a rotation, each simulated by itself.

Whoever asks in one step is answered within it: fetches take far less than a step of a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idchaos.studies.scale.fleet import Keys, Outage
from idchaos.studies.scale.waits import Shares

Times = NDArray[np.float64]
NEVER = np.inf


@dataclass(frozen=True, eq=False)
class Stampede:
    """What an outage does to gateways and to the IdP's JWKS endpoint; a step is a second."""

    asked: NDArray[np.int64]
    """Fetches that gateways sent in each second."""
    reached: NDArray[np.int64]
    """Those that came to the IdP."""
    without: NDArray[np.int64]
    """Gateways without keys to go by: all that they are asked they refuse."""
    outage: Outage

    @property
    def peak_rps(self) -> float:
        """Most fetches in a second that come to the IdP when it is back."""
        return float(self.reached[round(self.outage.ends_s) :].max())

    @property
    def worst_rps(self) -> float:
        """Most fetches in a second towards the IdP at any time, whether it was there or not."""
        return float(self.reached.max())

    @property
    def without_most(self) -> int:
        """The most gateways without keys at one moment."""
        return int(self.without.max())

    @property
    def healed_s(self) -> float | None:
        """How long after the outage every gateway has keys again; ``None``: not within what was simulated."""
        whole = np.flatnonzero(self.without[round(self.outage.ends_s) :] == 0)
        return None if len(whole) == 0 else float(whole[0])


def outage_of_keys(keys: Keys, outage: Outage, *, lasts_s: float, seed: int) -> Stampede:
    """Gateways from a steady state on."""
    fleet = _Gateways(keys, np.random.default_rng(seed))
    columns = np.zeros((3, round(lasts_s)), dtype=np.int64)
    for now in range(columns.shape[1]):
        there = not outage.at_s <= now < outage.ends_s
        columns[:, now] = fleet.second(float(now), there)
    asked, reached, without = columns
    return Stampede(asked, reached, without, outage)


class _Gateways:
    """Each gateway's next fetch, until when its keys are good, and how often it failed; the same of each edge."""

    def __init__(self, keys: Keys, rng: np.random.Generator) -> None:
        self._keys, self._rng = keys, rng
        # At a random moment a cache is anywhere in its life.
        life = self._life(keys.gateways)
        self._next = life * rng.random(keys.gateways)
        self._until = self._next + (keys.cache_s - life)
        self._failed = np.zeros(keys.gateways, dtype=np.int64)
        self._waits = np.array(keys.waiting.waits_s())
        self._edge_of = np.arange(keys.gateways) % max(1, keys.edges)
        self._edge_until = keys.edge_ttl_s * rng.random(keys.edges)
        self._edge_next = np.zeros(keys.edges)

    def second(self, now: float, there: bool) -> tuple[int, int, int]:
        """Fetches sent, fetches at the IdP, gateways without keys. ``there``: whether the IdP answers."""
        asking = np.flatnonzero(self._next < now + 1)
        sent = self._fetches(asking, now)
        if self._keys.edges:
            good, reached = self._through_edges(asking, now, there)
        else:
            good, reached = np.full(len(asking), there), int(sent.sum())
        got, lost = asking[good], asking[~good]
        at = np.maximum(now, self._next)
        self._next[got] = at[got] + self._life(len(got))
        self._until[got] = at[got] + self._keys.cache_s
        self._failed[got] = 0
        wait = self._waits[np.minimum(self._failed[lost], len(self._waits) - 1)]
        jitter = self._keys.waiting.jitter
        self._next[lost] = at[lost] + np.maximum(1.0, wait * (1 - jitter + 2 * jitter * self._rng.random(len(lost))))
        self._failed[lost] += 1
        if not self._keys.single_flight:
            # Nobody waits for another: the next call that needs keys asks at once.
            self._next[lost] = np.where(self._cold(lost, now), now + 1, self._next[lost])
        return int(sent.sum()), reached, int((self._until + self._keys.stale_s <= now + 1).sum())

    def _cold(self, those: NDArray[np.int64], now: float) -> NDArray[np.bool_]:
        return self._until[those] + self._keys.stale_s <= now

    def _life(self, number: int) -> Times:
        return self._keys.cache_s * (1 - self._keys.cache_jitter * self._rng.random(number))

    def _fetches(self, asking: NDArray[np.int64], now: float) -> NDArray[np.int64]:
        """How many fetches each of them sends: one; without single flight, each call that comes before it is answered
        sends one too, and where there are no keys every call of the second does.
        """
        if self._keys.single_flight:
            return np.ones(len(asking), dtype=np.int64)
        calls = np.where(self._cold(asking, now), self._keys.calls_rps, self._keys.calls_rps * self._keys.latency_s)
        return 1 + self._rng.poisson(calls)

    def _through_edges(self, asking: NDArray[np.int64], now: float, there: bool) -> tuple[NDArray[np.bool_], int]:
        """Whether each gets keys from its edge; an edge asks the IdP once, whoever asks it (request collapsing)."""
        edges = np.unique(self._edge_of[asking])
        stale = edges[(self._edge_until[edges] <= now) & (self._edge_next[edges] <= now)]
        if there:
            self._edge_until[stale] = now + self._keys.edge_ttl_s
        else:
            self._edge_next[stale] = now + 1
        usable = self._edge_until + self._keys.edge_stale_s > now
        return usable[self._edge_of[asking]], len(stale)


@dataclass(frozen=True, eq=False)
class Rotation:
    """What one rotation does, from when the new key signs; a step is a second."""

    fetches: NDArray[np.int64]
    """That unknown kids caused at the IdP, beside the usual ones."""
    unknowing: NDArray[np.int64]
    """Gateways that do not have the new key yet."""
    refused: Shares
    """API calls refused in each second: by an unknown key."""

    @property
    def peak_rps(self) -> float:
        """Most fetches in a second that it caused at the IdP."""
        return float(self.fetches.max())

    @property
    def known_s(self) -> float | None:
        """When the last gateway had the key; ``None``: not within what was simulated."""
        known = np.flatnonzero(self.unknowing == 0)
        return None if len(known) == 0 else float(known[0])


def rotation(keys: Keys, *, lead_s: float, interval_s: float, cooldown_s: float, lasts_s: float, seed: int) -> Rotation:
    """A key is published ``lead_s`` before it signs. A gateway hears of it by its next usual fetch, or when a call
    brings a token of it: then it asks at once, and not again within a cooldown. An edge may still have the old keys.

    ``interval_s``: a session's time between two tokens, in which the share of new ones rises to all.
    """
    rng = np.random.default_rng(seed)
    edge_knows = keys.edge_ttl_s * rng.random(keys.edges) - lead_s if keys.edges else np.full(1, -lead_s)
    edge_of = np.arange(keys.gateways) % len(edge_knows)
    usual = keys.cache_s * rng.random(keys.gateways) - lead_s
    knows = np.where(usual >= edge_knows[edge_of], usual, usual + keys.cache_s)
    asks = np.zeros(keys.gateways)
    fetches, unknowing = np.zeros((2, round(lasts_s)), dtype=np.int64)
    refused = np.zeros(len(fetches))
    for now in range(len(fetches)):
        calls = keys.calls_rps * min(1.0, (now + 0.5) / interval_s)
        ignorant = knows > now
        unknowing[now] = int(ignorant.sum())
        met = ignorant & (rng.random(keys.gateways) < 1 - np.exp(-calls))
        refused[now] = calls * unknowing[now]
        asking = np.flatnonzero(met & (asks <= now))
        asks[asking] = now + cooldown_s
        there = asking[edge_knows[edge_of[asking]] <= now + 1]
        knows[there] = now + 1
        if not keys.edges:
            extra = 0 if keys.single_flight else int(rng.poisson(calls * keys.latency_s, len(asking)).sum())
            fetches[now] = len(asking) + extra
    return Rotation(fetches, unknowing, refused)
