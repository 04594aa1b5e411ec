"""What the plots draw, as values: samples and telemetry go in, series over the run's time axis come out.

Long runs are thinned by aggregation (wider bins), never by dropping samples. Nothing here draws.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from idchaos.experiment import Outcome, PhaseName
from idchaos.record.record import Json, Telemetry, as_number
from idchaos.report.axis import Floats, Ints, TimeAxis, runs_of
from idchaos.verdict.skew import SkewStep
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
FEWEST_STEPS = 3
"""A sweep has at least so many different offsets; fewer are a step, which the time axis shows well enough."""
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


@dataclass(frozen=True)
class Fetches:
    """JWKS fetches of one component per bin (counts, shape ``(bins,)``)."""

    component: str
    ok: Floats
    failed: Floats


@dataclass(frozen=True)
class KeyLane:
    """When a key was in the JWKS, and when new tokens were signed with it; seconds since the load started."""

    kid: str
    published: list[tuple[float, float]]
    signing: list[tuple[float, float]]


@dataclass(frozen=True)
class Keys:
    """Accepted requests per second by ``kid``, and what the IdP published meanwhile."""

    accepted: Stack
    lanes: list[KeyLane]


@dataclass(frozen=True)
class ClockOffset:
    """What one component reported: offsets in seconds at ``times`` (seconds since the load started)."""

    component: str
    times: Floats
    offsets: Floats


@dataclass(frozen=True)
class Lag:
    """One revocation at one replica: revoke-to-deny in seconds, or how long it was watched in vain."""

    replica: str
    format: str
    lag_s: float
    censored: bool


@dataclass(frozen=True)
class CanaryCell:
    """Requests that had to be refused: decided, of them wrongly accepted; and those that were not decided."""

    decided: int
    accepted: int
    undecided: int


NO_CANARIES = CanaryCell(0, 0, 0)


@dataclass(frozen=True)
class CanaryTable:
    """``cells[kind]``: one cell for each of ``phases``, then one for the whole run."""

    phases: list[str]
    cells: dict[str, list[CanaryCell]]


@dataclass(frozen=True)
class LagCurve:
    """Kaplan-Meier estimate of the lag's distribution function at one replica for one token format.

    ``share[i]`` of the revocations was in force by ``lag_s[i]``; ``censored_s``: watched that long in vain.
    """

    replica: str
    format: str
    lag_s: Floats
    share: Floats
    censored_s: Floats
    samples: int


@dataclass(frozen=True)
class SweepPoint:
    """Good requests while a component's clock was off by ``offset_s``, and how many of them were refused."""

    component: str
    offset_s: float
    refused: int
    samples: int

    @property
    def share(self) -> float:
        """The share refused."""
        return self.refused / self.samples


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


def jwks_fetches(telemetry: Sequence[Telemetry], axis: TimeAxis) -> list[Fetches]:
    """Fetches by each component that ever fetched, from the differences of its counters."""
    found: list[Fetches] = []
    for component, lines in _by_component(telemetry).items():
        counters = [(line.at, pair) for line in lines if (pair := _fetch_counters(line.state)) is not None]
        if not counters:
            continue
        times = np.array([at for at, _ in counters], dtype=np.float64)
        values = np.array([pair for _, pair in counters], dtype=np.float64)
        if not values[-1, 0]:
            continue  # it has the counter, but fetches no keys
        total, failed = (_steps(times, values[:, column], axis) for column in (0, 1))
        found.append(Fetches(component, np.maximum(total - failed, 0.0), failed))
    return found if any(each.ok.any() or each.failed.any() for each in found) else []


def keys(samples: pd.DataFrame, telemetry: Sequence[Telemetry], axis: TimeAxis) -> Keys:
    """Which keys' tokens were accepted at the gateways, and which keys the IdP published."""
    return Keys(_accepted_by_kid(samples, axis), _key_lanes(telemetry, axis))


def clock_offsets(telemetry: Sequence[Telemetry], axis: TimeAxis) -> list[ClockOffset]:
    """The clock offset that each component reported; empty when none was ever off by a millisecond."""
    found: list[ClockOffset] = []
    for component, lines in _by_component(telemetry).items():
        read = [
            (line.at - axis.origin, offset)
            for line in lines
            if (offset := as_number(_dig(line.state, "clock", "offset_s"))) is not None
            and 0 <= line.at - axis.origin <= axis.ends_s
        ]
        if read:
            times, offsets = np.array(read, dtype=np.float64).T
            found.append(ClockOffset(component, times, offsets))
    return found if any(np.abs(each.offsets).max() >= 1e-3 for each in found) else []


def lags_of(table: pd.DataFrame) -> list[Lag]:
    """The rows of :func:`idchaos.verdict.sli.revocation_table`."""
    return [
        Lag(str(row.replica), str(row.format), float(str(row.lag_s)), bool(row.censored))
        for row in table.itertuples()
        if np.isfinite(float(str(row.lag_s)))
    ]


def lag_curves(lags: Sequence[Lag]) -> list[LagCurve]:
    """One curve for each replica and token format, by the Kaplan-Meier product-limit estimator (1958).

    With ``n_i`` revocations not in force just before the ``i``-th distinct lag and ``d_i`` in force at it,
    ``F = 1 - prod(1 - d_i / n_i)``. Without censoring this is the empirical distribution function.
    """
    curves: list[LagCurve] = []
    for replica, token_format in sorted({(lag.replica, lag.format) for lag in lags}):
        group = [lag for lag in lags if (lag.replica, lag.format) == (replica, token_format)]
        every = np.array([lag.lag_s for lag in group], dtype=np.float64)
        censored = np.array([lag.censored for lag in group], dtype=bool)
        points = np.unique(every[~censored])
        at_risk = np.array([(every >= point).sum() for point in points], dtype=np.float64)
        events = np.array([(every[~censored] == point).sum() for point in points], dtype=np.float64)
        share: Floats = np.asarray(1.0 - np.cumprod(1.0 - events / np.maximum(at_risk, 1.0)))
        curves.append(LagCurve(replica, token_format, points, share, np.sort(every[censored]), len(group)))
    return curves


def skew_sweep(steps: Sequence[SkewStep]) -> list[SweepPoint]:
    """Refusals of good tokens at each offset that a clock was set to, if there was a sweep."""
    if len({step.offset_s for step in steps}) < FEWEST_STEPS:
        return []
    tally: dict[tuple[str, float], tuple[int, int]] = {}
    for step in steps:
        refused, decided = tally.get((step.component, step.offset_s), (0, 0))
        tally[step.component, step.offset_s] = (refused + step.refused, decided + step.decided)
    points = [SweepPoint(*where, *counts) for where, counts in tally.items() if counts[1]]
    return sorted(points, key=lambda point: (point.component, point.offset_s))


def canary_table(samples: pd.DataFrame) -> CanaryTable:
    """Canaries by kind and phase, as the judge counts them; the last column is the whole run."""
    mask = (samples["canary"] != "") & samples["sent_at"].notna()
    asked = samples.loc[mask, ["canary", "phase", "decision", "expected", "outcome"]]
    undecided = asked["decision"] == "undecided"
    counts = (
        asked[["canary", "phase"]]
        .astype(str)
        .assign(
            decided=~undecided & (asked["expected"] == "deny"),
            accepted=asked["outcome"] == Outcome.WRONGLY_ACCEPTED.value,
            undecided=undecided,
        )
        .groupby(["canary", "phase"])
        .sum()
    )
    found = {key: CanaryCell(*map(int, row)) for key, row in zip(counts.index, counts.to_numpy(), strict=True)}
    phases = [name.value for name in PhaseName if any(phase == name.value for _, phase in found)]
    cells = {}
    for kind in sorted({kind for kind, _ in found}):
        mine = {phase: cell for (of, phase), cell in found.items() if of == kind}
        cells[kind] = [*(mine.get(phase, NO_CANARIES) for phase in phases), _together(mine.values())]
    return CanaryTable(phases, cells)


def _together(cells: Iterable[CanaryCell]) -> CanaryCell:
    every = list(cells)
    return CanaryCell(
        decided=sum(cell.decided for cell in every),
        accepted=sum(cell.accepted for cell in every),
        undecided=sum(cell.undecided for cell in every),
    )


def _stack(masks: Iterable[tuple[str, Bools]], where: Ints, axis: TimeAxis) -> Stack:
    layers: dict[str, Floats] = {}
    totals: dict[str, int] = {}
    for name, mask in masks:
        bins = where[mask & (where >= 0)]
        if len(bins):
            layers[name] = np.bincount(bins, minlength=axis.bins) / axis.widths
            totals[name] = len(bins)
    return Stack(layers, totals)


def _accepted_by_kid(samples: pd.DataFrame, axis: TimeAxis) -> Stack:
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


def _key_lanes(telemetry: Sequence[Telemetry], axis: TimeAxis) -> list[KeyLane]:
    reports = [
        (line.at - axis.origin, {str(key.get("kid", "")): key for key in listed if isinstance(key, Mapping)})
        for line in telemetry
        if isinstance(listed := line.state.get("keys"), list)
    ]
    if not reports:
        return []
    times = np.clip(np.array([at for at, _ in reports], dtype=np.float64), 0.0, axis.ends_s)
    lanes: list[KeyLane] = []
    for kid in dict.fromkeys(kid for _, found in reports for kid in found):
        published, signing = (
            np.array([bool(found.get(kid, {}).get(flag)) for _, found in reports]) for flag in ("published", "signing")
        )
        lanes.append(KeyLane(kid, runs_of(times, published, axis.ends_s), runs_of(times, signing, axis.ends_s)))
    return [lane for lane in lanes if lane.published or lane.signing]


def _by_component(telemetry: Sequence[Telemetry]) -> dict[str, list[Telemetry]]:
    found: dict[str, list[Telemetry]] = {}
    for line in telemetry:
        found.setdefault(line.component, []).append(line)
    return found


def _fetch_counters(state: Json) -> tuple[float, float] | None:
    """``(fetches, failures)`` so far: as a consumer counts them, or as the IdP counts JWKS requests."""
    for path, names in (
        (("jwks",), ("fetches", "fetch_failures")),
        (("requests", "jwks"), ("total", "errors")),
    ):
        total, failed = (as_number(_dig(state, *path, name)) for name in names)
        if total is not None:
            return total, failed or 0.0
    return None


def _steps(times: Floats, values: Floats, axis: TimeAxis) -> Floats:
    """Increases of a counter per bin. One that fell was restarted: what it shows now is what came since."""
    rises = np.diff(values)
    rises = np.where(rises < 0, values[1:], rises)
    where = axis.index(times[1:])
    inside = where >= 0
    return np.bincount(where[inside], weights=rises[inside], minlength=axis.bins).astype(np.float64)


def _dig(value: Any, *path: str) -> Any:
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
