"""Numbers and times as people read them, on the pages of studies."""

from __future__ import annotations


def time(seconds: float) -> str:
    """``90 s``, ``10 min``, ``4.8 h``: in the largest unit of which there are two, or one exactly."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def rate(value: float) -> str:
    """``1,234``; small ones with three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def amount(value: float) -> str:
    """``2.3 M``, ``17 k``, ``12``: three digits and a size."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"
