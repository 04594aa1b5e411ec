"""Where a setting stops to be borne: the edge between values that hold and values that break. Pure.

Bisection on what was tried. A value *holds* when every repeat of it passed, and *breaks* when one failed; a value of
which too little was decided is neither, and only widens what is known of the edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from idchaos.experiment import Verdict
from idchaos.values import Value

State = Literal["holds", "breaks", "undecided"]


class Tried(Value):
    """What became of one value."""

    value: float
    verdicts: tuple[Verdict, ...]

    def state(self, repeats: int) -> State:
        """``holds`` only with so many passes; one failure breaks it, whatever else passed."""
        if Verdict.FAIL in self.verdicts:
            return "breaks"
        return "holds" if self.verdicts.count(Verdict.PASS) >= repeats else "undecided"


class Search(Value):
    """What is searched: from which value to which, how finely, and how often each value is tried."""

    low: float
    high: float
    resolution: float
    """The search ends when the edge is known to so much, in the setting's unit."""
    repeats: int = 1
    whole: bool = False
    """Only whole numbers make sense."""
    rising: bool = True
    """Greater values are harder to bear; ``False``: lower ones are."""
    growth: float | None = None
    """Steps before bisection: each so many times the one before, so that nothing is tried that is far beyond the edge.
    ``None``: both ends come first. Only of rising values."""
    relative: float = 0.0
    """The search ends as well when the edge is known to this share of itself."""

    def most_values(self) -> int:
        """How many values may have to be tried when each is decided; it looks on both sides of one that is not."""
        if self.growth is None:
            return 2 + max(0, math.ceil(math.log2((self.high - self.low) / self.resolution)))
        steps = math.ceil(math.log(self.high / self.low, self.growth))
        fine = max(self.relative, self.resolution / self.high)
        return 1 + steps + max(0, math.ceil(math.log2((self.growth - 1) / fine)))

    def known(self, good: float, bad: float) -> bool:
        """Whether the edge between two values is known well enough."""
        return abs(bad - good) <= max(self.resolution, self.relative * abs(good)) * (1 + 1e-9)


class Edge(Value):
    """What is known of the edge; ``None``: no value was seen to hold, or to break."""

    holds: float | None
    """The hardest value that held, of those that are easier than all that broke."""
    breaks: float | None
    """The easiest value that broke."""
    undecided: tuple[float, ...] = ()
    contradicting: tuple[float, ...] = ()
    """Values that held although easier ones broke: there is more than one edge, or chance."""


def edge_of(tried: Iterable[Tried], search: Search) -> Edge:
    """The edge, from all that was tried."""
    by_state: dict[State, list[float]] = {"holds": [], "breaks": [], "undecided": []}
    for each in tried:
        by_state[each.state(search.repeats)].append(each.value)
    hardness = _hardness(search)
    breaks = min(by_state["breaks"], key=hardness, default=None)
    easier = [value for value in by_state["holds"] if breaks is None or hardness(value) < hardness(breaks)]
    return Edge(
        holds=max(easier, key=hardness, default=None),
        breaks=breaks,
        undecided=tuple(sorted(by_state["undecided"])),
        contradicting=tuple(sorted(set(by_state["holds"]) - set(easier))),
    )


def next_value(tried: Sequence[Tried], search: Search) -> float | None:
    """What to try next: both ends, then the middle of what is not known; ``None``: the edge is known well enough, or
    lies beyond the ends. What is undecided is passed over: the edge may lie on either side of it.
    """
    states = {each.value: each.state(search.repeats) for each in tried}
    easy, hard = _ends(search)
    if easy not in states:
        return easy
    if states[easy] != "holds":
        return None
    if search.growth is not None:
        hard = _stepped(states, search)
    if hard not in states:
        return hard
    if states[hard] == "holds":
        return None
    for one, other in _gaps(edge_of(tried, search), search):
        middle = _middle(one, other, search)
        if not search.known(one, other) and middle not in states:
            return middle
    return None


def unfinished(tried: Sequence[Tried], search: Search) -> tuple[float, ...]:
    """Values of which too little was decided and that would tell something of the edge, the easiest first: the easy
    end, and what lies between those that hold and those that break.
    """
    edge, (easy, _) = edge_of(tried, search), _ends(search)
    asked = [value for value in open_values(edge, search) if search.low <= value <= search.high]
    return tuple(dict.fromkeys([*([easy] if easy in edge.undecided else []), *asked]))


def open_values(edge: Edge, search: Search) -> tuple[float, ...]:
    """The undecided values that are harder than all that is known to hold, and easier than all that broke: the easiest
    first.
    """
    hardness = _hardness(search)
    return tuple(
        value
        for value in sorted(edge.undecided, key=hardness)
        if (edge.holds is None or hardness(value) > hardness(edge.holds))
        and (edge.breaks is None or hardness(value) < hardness(edge.breaks))
    )


def unseen(repeats: int) -> float:
    """A value at which a run fails with less than this probability may have held all the same, with 5 %."""
    return 1 - float(0.05 ** (1 / repeats))


def _gaps(edge: Edge, search: Search) -> list[tuple[float, float]]:
    """Where the edge may lie: between what holds and what breaks. Undecided values part that; beyond the last of them
    comes first, for whatever holds there makes the others moot. Nothing broke: between what holds and the first one.
    """
    if edge.holds is None:
        return []
    between = open_values(edge, search)
    if edge.breaks is None:
        return [(edge.holds, value) for value in between[:1]]
    if not between:
        return [(edge.holds, edge.breaks)]
    return [(between[-1], edge.breaks), (edge.holds, between[0])]


def _ends(search: Search) -> tuple[float, float]:
    """The easy end and the hard one."""
    return (search.low, search.high) if search.rising else (search.high, search.low)


def _stepped(states: Mapping[float, State], search: Search) -> float:
    """The least value that does not hold; as long as all do, the next step."""
    assert search.growth is not None, "steps are asked for"
    lost = [value for value, state in states.items() if state != "holds"]
    return min(lost) if lost else min(search.high, _rounded(max(states) * search.growth, search))


def _middle(one: float, other: float, search: Search) -> float:
    """The geometric mean where values span more than a decade, as lifetimes do; else the arithmetic one."""
    low, high = min(one, other), max(one, other)
    middle: float = math.sqrt(low * high) if low > 0 and high > 10 * low else (low + high) / 2
    return _rounded(middle, search)


def _rounded(value: float, search: Search) -> float:
    """No finer than the search is."""
    if search.whole:
        return float(round(value))
    step = 10 ** math.floor(math.log10(search.resolution)) / 10
    return float(round(round(value / step) * step, 9))


def _hardness(search: Search) -> Callable[[float], float]:
    sign = 1 if search.rising else -1
    return lambda value: sign * value
