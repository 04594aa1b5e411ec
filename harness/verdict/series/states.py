"""What components told of themselves over a run's time axis: fetches, keys, clocks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from idchaos.record.record import Json, Telemetry, as_number
from idchaos.verdict.series.axis import Floats, TimeAxis, runs_of


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
class ClockOffset:
    """What one component reported: offsets in seconds at ``times`` (seconds since the load started)."""

    component: str
    times: Floats
    offsets: Floats


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


def key_lanes(telemetry: Sequence[Telemetry], axis: TimeAxis) -> list[KeyLane]:
    """Which keys the IdP published, and which it signed with."""
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
