"""Requests over a run's time axis: how many of each outcome, how slow, and with whose keys. Pure.

Long runs are thinned by aggregation (wider bins), never by dropping samples.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from idchaos.experiment import Outcome
from idchaos.verdict.series.axis import Floats, Ints, TimeAxis
from idchaos.verdict.stats import Bools

NOT_SENT = "not_sent"
"""Shown beside the outcomes: due, but dropped by the load generator before it was sent."""
STACK_ORDER = (
    Outcome.OK,
    Outcome.DENIED,
    Outcome.WRONGLY_DENIED,
    Outcome.UNAVAILABLE,
    Outcome.WRONGLY_ACCEPTED,
    NOT_SENT,
)
GOOD = frozenset({Outcome.OK.value, Outcome.DENIED.value})
MOST_KEYS = 7
QUANTILES = (0.5, 0.95, 0.99)
NO_USERS = ("revocation", "attacker", "thief")
"""Flows whose requests nobody waits for."""


@dataclass(frozen=True)
class Stack:
    """Rates per second, ``layers[name]`` of shape ``(bins,)``, to be stacked in the order given."""

    layers: dict[str, Floats]
    totals: dict[str, int]

    def without(self, names: Collection[str]) -> Stack:
        """The other layers."""
        kept = [name for name in self.layers if name not in names]
        return Stack({name: self.layers[name] for name in kept}, {name: self.totals[name] for name in kept})

    @property
    def peak(self) -> float:
        """The greatest rate of all layers together; 0 without any."""
        return float(np.sum(list(self.layers.values()), axis=0).max()) if self.layers else 0.0


@dataclass(frozen=True)
class Quantiles:
    """``levels[q]``: seconds, shape ``(bins,)``, NaN where a bin has no answered request."""

    levels: dict[float, Floats]
    samples: int


def outcomes(samples: pd.DataFrame, axis: TimeAxis) -> Stack:
    """Every request, at the second it was due, by outcome. Empty layers are left out."""
    if samples.empty:
        return Stack({}, {})
    where = axis.index(samples["due_at"].to_numpy(dtype=np.float64))
    sent = np.isfinite(samples["sent_at"].to_numpy(dtype=np.float64))
    column = samples["outcome"]
    masks = ((str(name), (column == str(name)).to_numpy(dtype=bool) & sent) for name in STACK_ORDER[:-1])
    return _stack(chain(masks, [(NOT_SENT, ~sent)]), where, axis)


def latencies(samples: pd.DataFrame, axis: TimeAxis) -> Quantiles:
    """Order statistics of raw latencies (from when a request was due) of traffic through the gateways.

    Canaries, revocation probes and attackers are no users and stay out; without gateway traffic, all sent counts.
    The quantile of ``n`` samples at ``q`` is the ``ceil(q n)``-th smallest: a latency that really occurred.
    """
    if samples.empty:
        return Quantiles({}, 0)
    users = (samples["canary"] == "").to_numpy(bool) & ~samples["flow"].isin(NO_USERS).to_numpy(bool)
    through = users & (samples["replica"] != "").to_numpy(bool)
    chosen = through if through.any() else users
    latency = samples["latency_s"].to_numpy(dtype=np.float64)
    where = axis.index(samples["due_at"].to_numpy(dtype=np.float64))
    keep = chosen & np.isfinite(latency) & (where >= 0)
    latency, where = latency[keep], where[keep]
    if not len(latency):
        return Quantiles({}, 0)
    latency = latency[np.lexsort((latency, where))]
    counts = np.bincount(where, minlength=axis.bins)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    levels: dict[float, Floats] = {}
    for level in QUANTILES:
        rank = np.maximum(np.ceil(level * counts).astype(np.int64) - 1, 0)
        picked = latency[np.minimum(starts + rank, len(latency) - 1)]
        levels[level] = np.where(counts > 0, picked, np.nan)
    return Quantiles(levels, len(latency))


def accepted_by_kid(samples: pd.DataFrame, axis: TimeAxis) -> Stack:
    """Accepted requests per second by the key of their token; the rarest keys together as ``others``."""
    if samples.empty or "kid" not in samples:
        return Stack({}, {})
    accepted = (samples["decision"] == "accept").to_numpy(bool) & (samples["replica"] != "").to_numpy(bool)
    accepted &= (samples["kid"] != "").to_numpy(bool)
    kid = samples["kid"][accepted]
    counts = kid.value_counts()
    named = sorted((str(name) for name, count in counts.items() if count), key=lambda name: (-counts[name], name))
    named = named[:MOST_KEYS]
    where = axis.index(samples["due_at"].to_numpy(dtype=np.float64)[accepted])
    masks = ((name, (kid == name).to_numpy(bool)) for name in sorted(named))
    return _stack(chain(masks, [("others", ~kid.isin(named).to_numpy(bool))]), where, axis)


def _stack(masks: Iterable[tuple[str, Bools]], where: Ints, axis: TimeAxis) -> Stack:
    layers: dict[str, Floats] = {}
    totals: dict[str, int] = {}
    for name, mask in masks:
        bins = where[mask & (where >= 0)]
        if len(bins):
            layers[name] = np.bincount(bins, minlength=axis.bins) / axis.widths
            totals[name] = len(bins)
    return Stack(layers, totals)
