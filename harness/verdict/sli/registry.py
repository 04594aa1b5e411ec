"""All SLIs by name, and how they are spelled.

An SLI is written as a name with selectors: ``success_rate{flow=api,replica=gateway-1}``; alternatives are
separated by ``|``. Selectors are columns of the samples; the thresholds of clock errors
(``skew_threshold_min``, ``skew_threshold_max``: the first and the last validator to refuse) take ``side`` as well.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from idchaos.errors import UsageError
from idchaos.experiment import PhaseName
from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict import stats
from idchaos.verdict.sli import (
    attacks,
    audiences,
    availability,
    binding,
    caches,
    clocks,
    detection,
    holdings,
    introspection,
    keys,
    latency,
    logins,
    readiness,
    registration,
    revocation,
    single_use,
    telling,
    tokens,
)
from idchaos.verdict.sli.base import Sli, estimated
from idchaos.verdict.sli.worst import worst_of
from idchaos.verdict.traffic import Reading, Traffic

COLUMNS = (
    "flow", "endpoint", "replica", "service", "format", "kid", "session", "way", "subject_service", "canary",
    "error_code",
)  # fmt: skip
SUBJECTS = (
    availability, latency, logins, tokens, registration, keys, revocation, clocks, single_use, binding, attacks,
    detection, audiences, telling, caches, holdings, introspection, readiness,
)  # fmt: skip
REGISTRY: dict[str, Sli] = {each.name: each for subject in SUBJECTS for each in getattr(subject, "SLIS", ())}
_FAMILIES: dict[str, Callable[[float, str], Sli]] = {
    **{name: partial(latency.quantile, name) for name in latency.FAMILIES},
    "revocation_lag": revocation.lag_quantile,
    "token_lifetime": tokens.lifetime,
}
_SPELLING = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(?:\{(?P<where>[^{}]*)\})?")
_QUANTILE = re.compile(rf"(?P<family>{'|'.join(_FAMILIES)})_p(?P<digits>[1-9][0-9]{{0,3}})")
_CHANGE = "_change"
_WORST = "_worst"
_OF_EACH = ("service_time", "settled_latency")
"""Not comparable, and of each replica all the same."""
_USUAL = (
    "latency_p50", "latency_p95", "latency_p99", "revocation_lag_p50", "revocation_lag_p95", "token_lifetime_p95",
    "success_rate_worst", "latency_p99_worst", "settled_latency_p99_worst",
)  # fmt: skip


def names() -> tuple[str, ...]:
    """All names; of quantiles, the usual ones."""
    known = [find(name) for name in (*REGISTRY, *_USUAL)]
    changes = sorted(f"{each.name}{_CHANGE}" for each in known if each and each.comparable)
    return (*REGISTRY, *_USUAL, *changes)


def find(name: str) -> Sli | None:
    """The SLI of this name; p999 is the 0.999-quantile, ``_change`` the difference to the baseline, ``_worst`` that of
    the replica that does worst.
    """
    if name in REGISTRY:
        return REGISTRY[name]
    if name.endswith(_WORST):
        of_each = find(name.removesuffix(_WORST))
        apart = of_each is not None and (of_each.comparable or of_each.name.startswith(_OF_EACH))
        return worst_of(of_each, name) if of_each and apart else None
    base, suffix, rest = name.partition(_CHANGE)
    if suffix:
        changed = find(base)
        return _changed(name, changed) if changed and changed.comparable and not rest else None
    match = _QUANTILE.fullmatch(name)
    return _FAMILIES[match["family"]](float(f"0.{match['digits']}"), name) if match else None


def parse(text: str) -> Selector:
    """Read ``name{column=value,column=value|value}``.

    Raises:
        UsageError: an unknown SLI or selector, or a spelling that is neither.
    """
    match = _SPELLING.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"SLI {text!r}: expected name{{selector=value,...}}")
    name = match["name"]
    if find(name) is None:
        near = difflib.get_close_matches(name, names(), n=1)
        raise UsageError(f"SLI {name!r} is unknown" + (f"; did you mean {near[0]!r}?" if near else ""))
    parts = [part.strip() for part in filter(None, (match["where"] or "").split(","))]
    return Selector(name, tuple(_pair(text, name, part) for part in parts))


def _pair(text: str, name: str, part: str) -> tuple[str, tuple[str, ...]]:
    key, equals, value = (piece.strip() for piece in part.partition("="))
    known = key in (*COLUMNS, "side") and (key != "side" or name.startswith("skew_threshold"))
    if not equals or not value or not known or (key != "side" and name.startswith("skew_threshold")):
        raise UsageError(f"SLI {text!r}: {part!r} is no selector of it; there are {', '.join(COLUMNS)}")
    if key == "side" and value not in ("ahead", "behind"):
        raise UsageError(f"SLI {text!r}: side is ahead or behind")
    return key, tuple(value.split("|"))


def _changed(name: str, base: Sli) -> Sli:
    return replace(
        base,
        name=name,
        read=partial(_change, base),
        kind="rate",
        counts=None,
        within=None,
        comparable=False,
        of_generator=True,
    )


def _change(base: Sli, traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """An SLI of the phase minus the same of the baseline; see :func:`idchaos.verdict.stats.difference`."""
    before, after = (_estimate(base, traffic, selector, when) for when in (PhaseName.BASELINE, phase))
    return estimated(stats.difference(before, after))


def _estimate(base: Sli, traffic: Traffic, selector: Selector, when: When) -> stats.Estimate:
    read = base.reading(traffic, selector, when)
    return stats.Estimate(read.value, read.low, read.high, read.samples, read.effective)
