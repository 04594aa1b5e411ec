"""Faults in force at the same time: each must be proved by itself, so none may hide another. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from idchaos.faults.base import Fault
from idchaos.graph import Graph


def inseparable(faults: Sequence[Fault], graph: Graph) -> str:
    """Why some of these faults could not be told apart at such a target, in one line; empty: each can be proved.

    Two that only need the same thing are no trouble to each other, nor are two that delay the same answers: their
    delays add up. Whatever else meets at one thing hides what another does there.
    """
    for first, second in combinations(faults, 2):
        if first.title == second.title:
            return f"{first.title}: there are two of it, and nothing could tell them apart"
        what = _shared(first, second, graph)
        if what:
            return f"{first.title}, and {second.title}: both are felt at {what}, so neither could be proved by itself"
    return ""


def _shared(first: Fault, second: Fault, graph: Graph) -> str:
    others = {touch.what: touch.how for touch in second.touches(graph)}
    for touch in first.touches(graph):
        other = others.get(touch.what)
        if other is not None and (other != touch.how or touch.how == "changes"):
            return touch.what
    return ""
