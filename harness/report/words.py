"""Numbers, bounds and evidence in words that fit a table cell. Pure, and nothing here is HTML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from idchaos.report.findings import duration, percent

LONGEST_EVIDENCE = 400
OPERATORS = {">=": "≥", "<=": "≤"}
SUFFIXES = {"per 1,000": " per 1,000", "times": "×", "MiB": " MiB", "retries": " retries", "alerts": " alerts"}
NOTHING, ENDLESS = "–", "∞"


def title(name: str) -> str:
    """A name as words: ``api_success_fault`` is ``api success fault``."""
    return name.replace("_", " ")


def signs(text: str) -> str:
    """``>=`` and ``<=`` as one sign."""
    for operator, sign in OPERATORS.items():
        text = text.replace(operator, sign)
    return text


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def sentence(text: str) -> str:
    """A text with a capital at its start and a full stop at its end."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def number(value: float | None, unit: str) -> str:
    """A value in its unit: ``99.87 %``, ``4.2 ms``, ``12.3/s``, ``5.4 per 1,000``, ``1.8×``, ``1,204``."""
    if value is None:
        return NOTHING
    if unit == "share":
        return percent(value)
    if unit == "s":
        return duration(value)
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
    if unit.startswith("1/"):
        return f"{text}{unit[1:]}"
    return f"{text}{SUFFIXES.get(unit, '')}"


def value(found: float | None, unit: str, *, endless: bool) -> str:
    """A value in its unit; ``∞`` where no end was seen."""
    return ENDLESS if endless else number(found, unit)


def change(value: float | None, unit: str) -> str:
    """A difference with its sign: ``−1.25 points`` of shares, ``+4.2 ms``."""
    if value is None:
        return NOTHING
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    size = (
        f"{(points := f'{abs(value) * 100:.3g}')} {'point' if points == '1' else 'points'}"
        if unit == "share"
        else number(abs(value), unit)
    )
    return f"{sign}{size}"


def change_interval(ends: tuple[float | None, float | None], unit: str) -> str:
    """``−2.1 points to +0.3 points``; an open end is ``∞`` or ``−∞``."""
    low, high = ends
    return f"{'−∞' if low is None else change(low, unit)} to {'∞' if high is None else change(high, unit)}"


def interval(ends: tuple[float | None, float | None] | None, unit: str) -> str:
    """``99.1 % to 99.9 %``; an open end is ``∞`` or ``-∞``."""
    if ends is None or ends == (None, None):
        return NOTHING
    low, high = ends
    return f"{'−∞' if low is None else number(low, unit)} to {'∞' if high is None else number(high, unit)}"


def bound(text: str, unit: str) -> str:
    """``>= 0.995`` as ``≥ 99.5 %``, ``<= 30 s`` as ``≤ 30.0 s``; anything else as it is."""
    operator, limit, *_ = [*text.split(), "", ""]
    try:
        return f"{OPERATORS[operator]} {number(float(limit), unit)}"
    except (KeyError, ValueError):
        return text


def plain(value: Any) -> str:
    """A JSON value on one line without JSON's punctuation, cut where it gets too long to read."""
    text = " ".join(_flat(value).split())
    return text if len(text) <= LONGEST_EVIDENCE else f"{text[:LONGEST_EVIDENCE]}…"


def _flat(value: Any, path: str = "") -> str:
    if isinstance(value, dict):
        inside = (_flat(item, f"{path}.{key}" if path else str(key)) for key, item in value.items())
        return "; ".join(inside) if value else _flat("none", path)
    if isinstance(value, list | tuple):
        text = ", ".join(_flat(item) for item in value) or "none"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = f"{value:.6g}" if isinstance(value, float) else "none" if value is None else str(value)
    return f"{path}: {text}" if path else text


def utc(at: float | None) -> str:
    """``2026-01-01 00:00:00 UTC``."""
    if at is None:
        return "unknown"
    try:
        return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return "unknown"
