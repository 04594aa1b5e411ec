"""How often the IdP is asked about tokens, for what it is asked."""

from __future__ import annotations

import math

from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict.sli.base import Sli, ranged, unknown
from idchaos.verdict.sli.counters import growth
from idchaos.verdict.traffic import Reading, Traffic


def _per_request(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Introspections (RFC 7662) that reached the IdP over the requests that may each need one: those of tokens that are
    no JWTs (of any, where whoever decides says that it asks about every one), and our own questions. Bounds as for
    other counters: up to one report more or less.
    """
    record, window = traffic.record, traffic.record.window(phase)
    told = sorted({point.component for point in record.telemetry if "issuer" in point.state})
    grown = [growth(record.series(name, "requests", "introspect", "total"), window) for name in told]
    if not grown or None in grown:
        return unknown("no IdP reported its introspections throughout the phase")
    fewest, most, reports = (sum(item[index] for item in grown if item) for index in range(3))
    may_need = traffic.api if _of_every_token(record) else traffic.api & ~traffic.equal("format", "jwt")
    asked = int((traffic.during(phase) & (may_need | traffic.equal("endpoint", "introspect"))).sum())
    low, high = (count / asked if asked else math.inf for count in (fewest, most))
    return ranged(low, low, high, int(reports))


def _of_every_token(record: RunRecord) -> bool:
    settings = (point.state.get("settings") for point in record.telemetry)
    return any(isinstance(each, dict) and each.get("introspects") == "every" for each in settings)


SLIS = (
    Sli(
        "introspections_per_request",
        _per_request,
        "rate",
        "times",
        needs=("telemetry.requests", "endpoint", "format", "due_at"),
    ),
)
