"""Service level indicators: from a run's samples to numbers with intervals, grouped by subject. Pure."""

from __future__ import annotations

from idchaos.errors import UsageError
from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict import stats
from idchaos.verdict.sli.base import NO_DATA, Kind, Measurement, Sli
from idchaos.verdict.sli.clocks import skew_steps
from idchaos.verdict.sli.registry import COLUMNS, REGISTRY, find, names, parse
from idchaos.verdict.sli.revocation import revocation_table
from idchaos.verdict.traffic import Traffic, traffic_of

__all__ = [
    "COLUMNS",
    "NO_DATA",
    "REGISTRY",
    "Kind",
    "Measurement",
    "Sli",
    "describe",
    "find",
    "measure",
    "measured_in",
    "names",
    "parse",
    "revocation_table",
    "skew_steps",
    "within",
    "within_in",
]


def describe(sli: str | Selector) -> tuple[Sli, Selector]:
    """The descriptor of an SLI as it is spelled, and what it selects.

    Raises:
        UsageError: see :func:`parse`.
    """
    selector = parse(sli) if isinstance(sli, str) else sli
    found = find(selector.name)
    if found is None:
        raise UsageError(f"SLI {selector.name!r} is unknown")
    return found, selector


def measured_in(traffic: Traffic, sli: str | Selector, phase: When) -> Measurement:
    """An SLI of one phase of a run's traffic.

    Raises:
        UsageError: see :func:`parse`.
    """
    found, selector = describe(sli)
    return found.measure(traffic, selector, phase)


def within_in(traffic: Traffic, sli: str | Selector, phase: When, limit: float) -> stats.Estimate | None:
    """Of a quantile SLI: the share of samples that are at most ``limit``; ``None`` for other SLIs."""
    found, selector = describe(sli)
    return found.within(traffic, selector, phase, limit) if found.within else None


def measure(record: RunRecord, sli: str | Selector, phase: When) -> Measurement:
    """:func:`measured_in` of a whole record."""
    return measured_in(traffic_of(record), sli, phase)


def within(record: RunRecord, sli: str | Selector, phase: When, limit: float) -> stats.Estimate | None:
    """:func:`within_in` of a whole record."""
    return within_in(traffic_of(record), sli, phase, limit)
