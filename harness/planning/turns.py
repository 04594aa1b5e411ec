"""Who and what comes next: combinations of several things that take turns. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import lcm

Combination = tuple[int, ...]
"""An index on each axis."""


def turn(number: int, *sizes: int) -> Combination:
    """The combination of that number (from 0) of so many values each.

    The first axis strictly takes its turns, so that of as many attempts as it has values each has one. The others come
    to all their values as soon: each goes on by one with every number, and by one more whenever it would begin again
    to meet the same values of those before it. As many numbers in a row as there are combinations are all of them.

    Two things that each take turns by themselves would keep step, and some pairs would never meet.
    """
    found, met = [], 1
    for size in sizes:
        within = number % (met * size)
        found.append((within + within // lcm(met, size)) % size)
        met *= size
    return tuple(found)


def turns(*sizes: int, begin: int = 0) -> Iterator[Combination]:
    """:func:`turn` from ``begin`` on, for ever; nothing where an axis is empty."""
    return (turn(number, *sizes) for number in count(begin)) if all(sizes) else iter(())
