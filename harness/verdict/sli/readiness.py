"""Is a replica as ready as it says? Whoever sends it traffic goes by its word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict.sli.base import Sli, counted, unknown
from idchaos.verdict.traffic import Reading, Traffic

FEWEST = 3
"""Requests of good users that tell what a replica was able to do in one second."""


def _mistaken(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """The longest time (whole seconds) for which a replica served everybody and said that it was not ready, or decided
    nothing and said that it was. A second with few requests or other answers, or without one word throughout, is none.
    """
    record, window = traffic.record, traffic.record.window(phase)
    if window is None:
        return unknown("the phase never began")
    told = _told(record, window)
    if not told:
        return unknown("nobody tells whether it is ready")
    worst, known, who = 0, 0, ""
    for name, ready in sorted(told.items()):
        able = _able(traffic, phase, name)
        compared = {at: able[at] != ready[at] for at in able.keys() & ready.keys()}
        known += len(compared)
        longest = _longest(at for at, mistaken in compared.items() if mistaken)
        if longest > worst:
            worst, who = longest, name
    if not known:
        return unknown("no replica had enough requests in any second in which it told whether it was ready")
    return counted(float(worst), known, f"longest at {who}" if who else "")


def _told(record: RunRecord, window: tuple[float, float]) -> dict[str, dict[int, bool]]:
    """By component and second, its word where it was one throughout."""
    words: dict[str, dict[int, set[bool]]] = {}
    for point in record.telemetry:
        ready = point.state.get("ready")
        if isinstance(ready, bool) and window[0] <= point.at <= window[1]:
            words.setdefault(point.component, {}).setdefault(math.floor(point.at), set()).add(ready)
    return {
        name: {at: next(iter(said)) for at, said in seconds.items() if len(said) == 1}
        for name, seconds in words.items()
    }


def _able(traffic: Traffic, phase: When, replica: str) -> Mapping[int, bool]:
    """By second, whether a replica served all good requests, or decided none; others are left out."""
    mask = traffic.good & traffic.api & traffic.sent & traffic.during(phase) & traffic.equal("replica", replica)
    rows = traffic.rows(mask, "sent_at", "outcome")
    seconds = np.floor(rows["sent_at"].to_numpy(dtype=np.float64)).astype(np.int64)
    found = {}
    for at in np.unique(seconds):
        outcomes = rows["outcome"][seconds == at].astype(str)
        if len(outcomes) >= FEWEST and outcomes.isin(["ok"]).all():
            found[int(at)] = True
        elif len(outcomes) >= FEWEST and outcomes.isin(["unavailable"]).all():
            found[int(at)] = False
    return found


def _longest(seconds: Iterable[int]) -> int:
    """The most that follow each other."""
    longest = run = 0
    before = None
    for at in sorted(seconds):
        run = run + 1 if before == at - 1 else 1
        longest, before = max(longest, run), at
    return longest


SLIS = (Sli("readiness_mistaken", _mistaken, "lag", "s", needs=("telemetry.ready", "outcome", "replica", "sent_at")),)
