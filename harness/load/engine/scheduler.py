"""The open loop: start each arrival when it is due, whatever became of the ones before."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from idchaos.planning.arrivals import Arrival

_YIELD_EVERY = 8


class Scheduler:
    """Spawns arrivals on schedule, at most ``limit`` in flight; never waits for an answer.

    Everything outside is passed in: ``now`` and ``sleep_until`` (seconds of one clock), ``spawn`` (start a function
    without waiting for it), ``give_way`` (let others run), ``handle`` (send one arrival; blocks until its answer), and
    ``drop`` (an arrival was due while ``limit`` were in flight).
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        sleep_until: Callable[[float], None],
        spawn: Callable[[Callable[[Arrival, float], None], Arrival, float], object],
        give_way: Callable[[], None],
        handle: Callable[[Arrival, float], None],
        drop: Callable[[Arrival, float], None],
        limit: int,
    ) -> None:
        self._now, self._sleep_until, self._spawn, self._give_way = now, sleep_until, spawn, give_way
        self._handle, self._drop, self._limit = handle, drop, limit
        self.in_flight = 0
        self.stopped = False

    def run(self, arrivals: Iterable[Arrival], start: float) -> None:
        """Send every arrival; ``start`` is the load's first moment. Returns when the last has been started."""
        overdue = 0
        for arrival in arrivals:
            due = start + arrival.due
            if self._now() < due:
                overdue = 0
                self._sleep_until(due)
            else:
                overdue += 1
                if overdue % _YIELD_EVERY == 0:
                    self._give_way()
            if self.stopped:
                return
            if self.in_flight >= self._limit:
                self._drop(arrival, due)
                continue
            self.in_flight += 1
            self._spawn(self._one, arrival, due)

    def _one(self, arrival: Arrival, due: float) -> None:
        try:
            self._handle(arrival, due)
        finally:
            self.in_flight -= 1
