"""When requests are due, and what each is about: all drawn from the seed before anything is sent.

An arrival process of rate :math:`\\lambda(t)` is a unit-rate process run through the inverse of
:math:`\\Lambda(t) = \\int_0^t \\lambda` (time warping: Lewis and Shedler 1979; Çinlar 1975, section 4.7). With a linear
ramp of length ``r`` to the rate ``R``::

    Λ(t) = R t² / 2r          for t ≤ r
    Λ(t) = R (t - r/2)        for t > r
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from idchaos.experiment import LoadPlan, Stream

Floats: TypeAlias = NDArray[np.float64]

_ROW = np.dtype(
    [("due", "<f8"), ("stream", "<u2"), ("session", "<u4"), ("route", "<u2"), ("replica", "<u2"), ("kind", "<u2")]
)
_ROWS_AT_ONCE = 256


class Arrival(NamedTuple):
    """One request that is due. The last four are indices, drawn from the seed."""

    due: float
    """Seconds after the start of the load."""
    stream: int
    session: int
    route: int
    replica: int
    kind: int
    """Which canary, which token format of a probe, or which client of a login."""


class Choices(NamedTuple):
    """How many there are to draw from."""

    sessions: int
    routes: int
    replicas: int
    kinds: tuple[int, ...]
    """For each stream."""


@dataclass(frozen=True)
class Schedule:
    """All arrivals of a load, by due time."""

    rows: NDArray[Any]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Arrival]:
        # Converted in small blocks: one big tolist() would hold up the first arrivals by many milliseconds.
        for start in range(0, len(self.rows), _ROWS_AT_ONCE):
            yield from map(Arrival._make, self.rows[start : start + _ROWS_AT_ONCE].tolist())

    @property
    def digest(self) -> str:
        """SHA-256 over the schedule's bytes: equal digests mean equal plans."""
        return hashlib.sha256(self.rows.tobytes()).hexdigest()


def schedule(plan: LoadPlan, seed: int, duration_s: float, choices: Choices) -> Schedule:
    """All arrivals within ``duration_s``. The same arguments give the same schedule, byte for byte.

    Each stream has a generator of its own, so that changing one stream leaves the others as they are.
    """
    parts = [
        _rows(stream, index, np.random.default_rng([seed & 0xFFFF_FFFF_FFFF_FFFF, index]), duration_s, choices)
        for index, stream in enumerate(plan.streams)
    ]
    rows = np.concatenate(parts) if parts else np.empty(0, _ROW)
    return Schedule(rows[np.argsort(rows["due"], kind="stable")])


def _rows(stream: Stream, index: int, rng: np.random.Generator, duration_s: float, choices: Choices) -> NDArray[Any]:
    due = due_times(stream, rng, duration_s)
    rows = np.empty(len(due), _ROW)
    rows["due"] = due
    rows["stream"] = index
    rows["session"] = rng.integers(0, choices.sessions, len(due))
    rows["route"] = rng.integers(0, choices.routes, len(due))
    rows["replica"] = rng.integers(0, choices.replicas, len(due))
    rows["kind"] = _rounds(rng, choices.kinds[index], len(due))
    return rows


def due_times(stream: Stream, rng: np.random.Generator, duration_s: float) -> Floats:
    """Offsets from the start of the load, ascending, within the stream's span."""
    end = duration_s if stream.ends_s is None else min(stream.ends_s, duration_s)
    span = end - stream.starts_s
    if span <= 0:
        return np.empty(0)
    area = expected_arrivals(stream, span)
    units = _poisson(rng, area) if stream.arrivals == "poisson" else np.arange(rng.random(), area)
    due: Floats = stream.starts_s + _warp(stream, units)
    return due


def expected_arrivals(stream: Stream, span_s: float) -> float:
    """Λ(span): how many arrivals a stream has on average in its first ``span_s``."""
    ramp = stream.ramp_s
    if ramp <= 0:
        return stream.rate * span_s
    if span_s <= ramp:
        return stream.rate * span_s**2 / (2 * ramp)
    return stream.rate * (span_s - ramp / 2)


def _poisson(rng: np.random.Generator, area: float) -> Floats:
    """A Poisson process of rate 1 on [0, area): sums of exponential gaps."""
    blocks: list[Floats] = []
    reached = 0.0
    while reached < area:
        block = reached + np.cumsum(rng.exponential(1.0, max(64, int((area - reached) * 1.1))))
        blocks.append(block)
        reached = float(block[-1])
    units = np.concatenate(blocks) if blocks else np.empty(0)
    return units[units < area]


def _warp(stream: Stream, units: Floats) -> Floats:
    """The inverse of Λ."""
    if stream.ramp_s <= 0:
        return units / stream.rate
    ramped = stream.rate * stream.ramp_s / 2
    return np.where(
        units < ramped,
        np.sqrt(2 * stream.ramp_s * units / stream.rate),
        units / stream.rate + stream.ramp_s / 2,
    )


def _rounds(rng: np.random.Generator, kinds: int, count: int) -> NDArray[np.int64]:
    """Kinds in shuffled rounds: each comes once a round, so that a short run has all of them."""
    rounds = -(-count // kinds)
    deck = np.tile(np.arange(kinds), (rounds, 1))
    return rng.permuted(deck, axis=1).ravel()[:count]
