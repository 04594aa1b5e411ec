"""Whether those who decide have caught up: how old what they go by still is when a phase ends."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import JsonValue

from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict.sli.base import Read, Sli, ranged, unknown
from idchaos.verdict.traffic import Reading, Traffic

NEWEST_S = 2.0
"""Components report twice a second: one that has not for so long tells nothing of the end."""


def _oldest(part: str) -> Read:
    """The greatest age (seconds) at the end of the phase of all who keep ``part``: infinite where it was never had."""

    def read(traffic: Traffic, selector: Selector, phase: When) -> Reading:
        window = traffic.record.window(phase)
        if window is None:
            return unknown("the phase never began")
        last = _last_reports(traffic.record, part, window)
        late = [name for name, (at, _) in last.items() if window[1] - at > NEWEST_S]
        if not last or late:
            return unknown(f"{', '.join(late) or 'nobody'} told of its {part} at the end of the phase")
        name, (at, age) = max(last.items(), key=lambda item: item[1][1])
        return ranged(age, age, age + window[1] - at, len(last), f"oldest at {name}")

    return read


def _last_reports(record: RunRecord, part: str, window: tuple[float, float]) -> dict[str, tuple[float, float]]:
    """Of each component that asks for ``part``: when it last told of it within the window, and how old it was then. Who
    has never asked has no use for it.
    """
    found = {}
    for point in record.telemetry:
        kept = point.state.get(part)
        if isinstance(kept, Mapping) and "age_s" in kept and kept.get("fetches") and window[0] <= point.at <= window[1]:
            found[point.component] = (point.at, _age(kept.get("age_s")))
    return found


def _age(told: JsonValue) -> float:
    return float(told) if isinstance(told, int | float) else math.inf


SLIS = (
    Sli("key_cache_age", _oldest("jwks"), "lag", "s", needs=("telemetry.jwks",)),
    Sli("revocations_age", _oldest("revocations"), "lag", "s", needs=("telemetry.revocations",)),
)
