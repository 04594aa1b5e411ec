"""Whose turn it is among the canaries of a kind, and where it is sent: by whom it is decided, by which method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from itertools import count
from typing import NamedTuple

from idchaos.load.canaries.stock import Call, Shelf
from idchaos.planning.turns import turn
from idchaos.targets.endpoints import Endpoints


class Place(NamedTuple):
    """Where one canary is sent."""

    replica: int
    route: int
    method: str
    around: bool
    """To the service itself, where there is a way around the gateways."""


class Rota:
    """Turns of one load. A lot of a kind, and in it each way to be bad, has turns of its own: what is scarce shares
    them with nobody, and comes to every decider before it comes to another method or route of one.
    """

    def __init__(self, endpoints: Endpoints, replicas: int, around: Collection[str] = ()) -> None:
        """``around``: kinds of which every second one goes around the gateways."""
        self._endpoints, self._replicas, self._around = endpoints, replicas, around
        self._numbers: dict[tuple[str, str, str], Iterator[int]] = {}
        self._had: Counter[tuple[str, str]] = Counter()

    def take(self, name: str, shelves: Collection[Shelf[Call]], now: float) -> Call | None:
        """A canary of the lot that had the fewest turns of those that are surely bad now; ``None`` without one."""
        ripe = [(lot, shelf) for shelf in shelves for lot in shelf.lots(now)]
        if not ripe:
            return None
        lot, shelf = min(ripe, key=lambda each: self._had[name, each[0]])
        self._had[name, lot] += 1
        return shelf.take(now, lot)

    def place(self, name: str, item: Call) -> Place:
        """Where it goes next. Each make begins elsewhere, so that those that are few meet all places together."""
        number, around = next(self._turns(name, item)), False
        if name in self._around:
            number, around = number // 2, bool(number % 2)
        routes = self._endpoints.routes
        bad_at = [
            at
            for at, route in enumerate(routes)
            if route.audience != item.good_for and item.resembles in ("", route.audience)
        ]
        methods = 2 if item.is_everyday and any(route.posts for route in routes) else 1
        if self._endpoints.services_decide:
            at, method, replica = turn(number, len(bad_at), methods, self._replicas)
        else:
            replica, method, at = turn(number, self._replicas, methods, len(bad_at))
        posts = bool(method) and routes[bad_at[at]].posts
        return Place(replica, bad_at[at], "POST" if posts else item.method, around)

    def _turns(self, name: str, item: Call) -> Iterator[int]:
        make = (name, item.lot, item.about.way)
        if make not in self._numbers:
            begun = sum(kind == name for kind, _, _ in self._numbers)
            self._numbers[make] = _from(begun, 2 if name in self._around else 1)
        return self._numbers[make]


def _from(begun: int, times: int) -> Iterator[int]:
    """Numbers from there on, each ``times`` over. Two from an even one on have two routes, two from an odd one on may
    have the same: so pairs stay together, and every second make has them the other way round.
    """
    first, swapped = begun // 2 * 2, begun % 2
    return ((number ^ swapped) * times + at for number in count(first) for at in range(times))
