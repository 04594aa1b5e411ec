"""What an SLI is: a descriptor that knows how to read it, in which unit, and what can upset it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict import stats
from idchaos.verdict.lags import Bracket
from idchaos.verdict.stats import Bools, Ints
from idchaos.verdict.traffic import Reading, Traffic

Kind = Literal["share", "quantile", "lag", "rate"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """An SLI's value with one-sided 95 % bounds on each side. ``nan``: no data; ``inf``: beyond what was
    observed.
    """

    value: float
    low: float
    high: float
    samples: int
    effective: float
    unit: str
    kind: Kind
    needed: int | None = None
    """The fewest samples with which the interval is closed at all; ``None`` where that depends on the
    bound.
    """
    note: str = ""
    q: float | None = None
    """Of a quantile: which."""
    of_generator: bool = True
    """Worthless when the load generator was behind its schedule."""


NO_DATA = Measurement(math.nan, -math.inf, math.inf, 0, 0.0, "", "rate", note="nothing was measured")
"""Of an SLI that can't be measured at all."""


Read = Callable[[Traffic, Selector, When], Reading]
Within = Callable[[Traffic, Selector, When, float], stats.Estimate]


@dataclass(frozen=True, slots=True)
class Sli:
    """A service level indicator."""

    name: str
    read: Read
    kind: Kind
    unit: str
    needs: tuple[str, ...]
    """Columns of the samples; with a dot, what components report (``telemetry.jwks``, ``counts.requests``) or what the
    journal tells (``journal.key_withdrawn``).
    """
    counts: Literal["good", "bad"] | None = None
    """Of a share: of what."""
    flows: tuple[str, ...] = ()
    """Whose requests count, where not everybody's do."""
    q: float | None = None
    """Of a quantile: which."""
    within: Within | None = None
    """Of a quantile: the share of samples that are at most a limit. The q-quantile is at most ``limit`` exactly when a
    share of q is. Asking that way around decides with fewer samples than the quantile's own interval, which is wide
    where samples are sparse, however far the limit lies beyond them.
    """
    worsened_by_waiting: bool = True
    """Whether a machine short of CPU can make it worse: nobody fetches more often for having waited."""
    comparable: bool = False
    """Whether its change over the baseline is an SLI as well."""
    of_generator: bool = False
    """Worthless when the load generator was behind its schedule."""

    @property
    def needed(self) -> int | None:
        """The fewest samples with which its interval is closed; ``None`` where that depends on the bound."""
        if self.q is not None:
            return stats.samples_for_quantile(self.q)
        return {"lag": 1, "rate": 2}.get(self.kind)

    def reading(self, traffic: Traffic, selector: Selector, phase: When) -> Reading:
        """What is read of one phase of a run; once, however often it is asked for."""
        key = (self.name, selector.where, phase)
        if key not in traffic.readings:
            traffic.readings[key] = self.read(traffic, selector, phase)
        return traffic.readings[key]

    def measure(self, traffic: Traffic, selector: Selector, phase: When) -> Measurement:
        """This SLI of one phase of a run."""
        read = self.reading(traffic, selector, phase)
        return Measurement(
            read.value, read.low, read.high, read.samples, read.effective, self.unit, self.kind,
            self.needed, read.note, self.q if self.kind == "quantile" else None, self.of_generator,
        )  # fmt: skip


def estimated(estimate: stats.Estimate, note: str = "") -> Reading:
    """A reading of what was estimated."""
    return Reading(estimate.value, estimate.low, estimate.high, estimate.samples, estimate.effective, note)


def share_of(good: Bools, seconds: Ints) -> Reading:
    """The share of ``good`` among the samples, clustered by the second in which they were due."""
    return estimated(stats.proportion(good, seconds))


def bracketed(bracket: Bracket, note: str = "") -> Reading:
    """A reading of how long something lasted."""
    low, high, samples = bracket.low, bracket.high, bracket.samples
    return Reading(bracket.value, low, high, samples, float(samples), bracket.note or note)


def counted(value: float, samples: int, note: str = "") -> Reading:
    """A reading of what was counted: nothing is estimated, so there is no interval. ``nan``: it can't be told."""
    return Reading(value, value, value, samples, float(samples), note)


def ranged(value: float, low: float, high: float, samples: int, note: str = "") -> Reading:
    """A reading of a counter, with the least and the most that it may be."""
    return Reading(value, low, high, samples, float(samples), note)


def unknown(note: str, samples: int = 0) -> Reading:
    """Nothing is known, and why."""
    return Reading(math.nan, 0.0, math.inf, samples, float(samples), note)
