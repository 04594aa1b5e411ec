"""Keys: how often validators fetch them, and how long a withdrawn one is believed.

Of fetches nothing is estimated, so there is no confidence interval: the bounds are a counter's growth within the phase,
and between the reports just before and just after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pydantic import JsonValue

from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict import lags
from idchaos.verdict.sli.base import Read, Sli, bracketed, ranged, unknown
from idchaos.verdict.sli.counters import growth
from idchaos.verdict.traffic import Reading, Traffic, replicas

_UNTOLD = "a validator reported no counter throughout the phase"
_KEYS = ("canary", "kid", "replica", "decision", "error_code", "due_at", "sent_at", "token_exp")
_FETCHES = ("telemetry.jwks",)


def _retired_key(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """From the withdrawal of a key to the last accepted token of it, by key and replica."""
    record, window = traffic.record, traffic.record.window(phase)
    if window is None:
        return bracketed(lags.NOTHING)
    withdrawn = [event for event in record.named("key_withdrawn") if window[0] <= event.at < window[1]]
    if not withdrawn:
        return bracketed(lags.NOTHING, "no key was withdrawn in this phase")
    chosen = traffic.chosen(selector)
    asked = replicas(traffic.rows(traffic.api & chosen, "replica"))
    of_keys = chosen & traffic.equal("kid", *{event.text("kid") for event in withdrawn})
    end = record.window("all") or window
    return bracketed(lags.retired_key_acceptance(traffic.rows(of_keys, *_KEYS), withdrawn, asked, end[1] + 1.0))


def _fetches(counter: str, per_s: float) -> Read:
    """Growth of a counter of the validators' key caches over the phase, summed, per second or minute."""

    def read(traffic: Traffic, selector: Selector, phase: When) -> Reading:
        wanted = dict(selector.where).get("replica", _validators(traffic.record))
        return _growing(traffic.record, wanted, counter, per_s, phase)

    return read


def _growing(record: RunRecord, names: tuple[str, ...], counter: str, per_s: float, phase: When) -> Reading:
    window = record.window(phase)
    grown = [growth(record.series(name, "jwks", counter), window) for name in names] if window else []
    found = [item for item in grown if item is not None]
    if window is None or not grown or len(found) < len(grown):
        return unknown(_UNTOLD)
    scale = per_s / max(window[1] - window[0], 1e-9)
    low, high, reports = (sum(item[index] for item in found) for index in range(3))
    return ranged(high * scale, low * scale, high * scale, int(reports))


def _busiest(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """The same of the one validator that fetched most: a sum would hide one replica's stampede."""
    chosen = dict(selector.where).get("replica", _validators(traffic.record))
    found = {name: _growing(traffic.record, (name,), "fetches", 1.0, phase) for name in chosen}
    told = {name: one for name, one in found.items() if one.samples}
    if not told:
        return unknown(_UNTOLD)
    name, most = max(told.items(), key=lambda item: item[1].value)
    high = most.high if len(told) == len(found) else math.inf
    low = max(one.low for one in told.values())
    return ranged(most.value, low, high, most.samples, f"most at {name}")


def _validators(record: RunRecord) -> tuple[str, ...]:
    """Every component that reports a key cache, but for who issues the tokens."""
    told = {point.component for point in record.telemetry if "jwks" in point.state and "issuer" not in point.state}
    return tuple(sorted(told - {"idp"}))


def _per_1000(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Growth of the fetches of deciders' key caches over the growth of the requests they answered, times 1,000. Bounds
    as for rates: each count may have grown by up to one report more or less.
    """
    record, window = traffic.record, traffic.record.window(phase)
    deciders = sorted({p.component for p in record.telemetry if _decides_by_keys(p.state)})
    names = dict(selector.where).get("replica", tuple(deciders))
    fetches = [growth(record.series(name, "jwks", "fetches"), window) for name in names]
    requests = [growth(record.series(name, "requests", "total"), window) for name in names]
    if not names or None in fetches or None in requests:
        return unknown("nobody who decides by keys reported counters throughout the phase")
    fewest, most, reports = (sum(item[index] for item in fetches if item) for index in range(3))
    least, all_asked, _ = (sum(item[index] for item in requests if item) for index in range(3))
    low, value, high = (
        1000 * made / asked if asked else math.inf
        for made, asked in ((fewest, all_asked), (most, all_asked), (most, least))
    )
    return ranged(value, low, high, int(reports))


def _decides_by_keys(state: Mapping[str, JsonValue]) -> bool:
    """Whether this is the state of who decides about clients' tokens, by the IdP's keys. One that does not say is taken
    for such if it passes requests on.
    """
    requests, settings = state.get("requests"), state.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    passes_on = isinstance(requests, dict) and "upstream" in requests
    return "jwks" in state and bool(settings.get("decides", passes_on)) and settings.get("introspects") != "every"


def _of_fetches(name: str, read: Callable[[Traffic, Selector, When], Reading], unit: str) -> Sli:
    return Sli(name, read, "rate", unit, needs=_FETCHES, worsened_by_waiting=False)


SLIS = (
    _of_fetches("jwks_fetch_failures", _fetches("fetch_failures", 60.0), "1/min"),
    _of_fetches("jwks_fetch_rate", _fetches("fetches", 1.0), "1/s"),
    _of_fetches("jwks_fetch_rate_max", _busiest, "1/s"),
    _of_fetches("jwks_fetches_per_1000", _per_1000, "per 1,000"),
    Sli("retired_key_acceptance", _retired_key, "lag", "s", needs=(*_KEYS, "endpoint", "journal.key_withdrawn")),
)
