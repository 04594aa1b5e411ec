"""How much counters grew that components report now and then."""

from __future__ import annotations

from itertools import pairwise


def growth(series: list[tuple[float, float]], window: tuple[float, float] | None) -> tuple[float, float, int] | None:
    """Growth of a counter inside and around a window, and the number of reports; ``None`` unless they span
    most of it.
    """
    if window is None:
        return None
    inside = [(at, value) for at, value in series if window[0] <= at <= window[1]]
    if len(inside) < 2 or inside[-1][0] - inside[0][0] < 0.75 * (window[1] - window[0]):
        return None
    before = [point for point in series if point[0] < window[0]][-1:]
    after = [point for point in series if point[0] > window[1]][:1]
    return increase(inside), increase([*before, *inside, *after]), len(inside)


def increase(series: list[tuple[float, float]]) -> float:
    """Sum of increments; a counter that falls was restarted from 0."""
    values = [value for _, value in series]
    return sum(later - earlier if later >= earlier else later for earlier, later in pairwise(values))
