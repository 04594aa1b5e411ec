"""Who and what comes next: combinations of several things in an order that meets all pairs early. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations, cycle, product

Combination = tuple[int, ...]
"""An index on each axis."""


@cache
def covering(*sizes: int) -> tuple[Combination, ...]:
    """Every combination of so many values each, once: first those that show a value for the first time, then those that
    show a pair of values of two axes for the first time, as many as a greedy choice can find (Cohen et al., AETG, IEEE
    TSE 23, 1997), then the rest.

    Two things that each take turns by themselves would keep step, and some pairs would never meet.
    """
    left = list(product(*map(range, sizes)))
    new = {each for combination in left for each in _shown(combination)}
    order: list[Combination] = []
    while new:
        best = max(left, key=lambda each: _worth(each, new))
        left.remove(best)
        order.append(best)
        new.difference_update(_shown(best))
    return (*order, *left)


def turns(*sizes: int, begin: int = 0) -> Iterator[Combination]:
    """:func:`covering` for ever; nothing where an axis is empty. Who begins at another number begins with other values,
    and meets every value as soon as the others do.
    """
    shifts = []
    for size in sizes:
        begin, shift = divmod(begin, max(size, 1))
        shifts.append(shift)
    order = covering(*sizes)
    return cycle(tuple((at + by) % size for at, by, size in zip(each, shifts, sizes, strict=True)) for each in order)


def _shown(each: Combination) -> list[tuple[tuple[int, int], ...]]:
    """Values, and pairs of them, each with its axis."""
    values = tuple(enumerate(each))
    return [*((value,) for value in values), *combinations(values, 2)]


def _worth(each: Combination, new: set[tuple[tuple[int, int], ...]]) -> tuple[int, int]:
    """How much is new: values above all."""
    found = [len(shown) for shown in _shown(each) if shown in new]
    return found.count(1), found.count(2)
