"""Sessions that refresh, through an outage and after it, simulated in steps of time.

Sessions of which the same can be said are moved as counts, not one by one: whoever is next due in the same step, with
as much left of its token and as many failed attempts behind it, is like the others. How many of a count take which way
is drawn (multinomial, hypergeometric), so this is the same process as one of single sessions, to within a step of time
and a class of what is left of a token; and a hundred million cost no more than ten thousand. No session is ever lost:
those due and those waiting are always all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idchaos.studies.scale.fleet import Idp, Outage, Sessions
from idchaos.studies.scale.forms import goodput_rps
from idchaos.studies.scale.waits import Counts, Shares, evenly, picked, split

CLASSES = 16
"""What is left of a token when its refresh is due is told apart to a sixteenth of the span that jitter makes of it."""
GROUPS = 24
"""Waiting sessions are told apart by when their token runs out, to so many parts of the most that one may have left."""


@dataclass(frozen=True, eq=False)
class Trace:
    """What happened, step by step."""

    step_s: float
    offered: NDArray[np.int64]
    """Refreshes that were attempted in each step."""
    served: NDArray[np.int64]
    waiting: NDArray[np.int64]
    """Sessions whose last attempt failed, at each step's end."""
    refused: NDArray[np.int64]
    """Those of them whose token has run out: their users are refused."""
    outage: Outage | None
    sessions: int
    """As many as there were at the end: none is lost."""

    @property
    def _back(self) -> int:
        assert self.outage is not None, "only asked of an outage"
        return round(self.outage.ends_s / self.step_s)

    @property
    def peak_rps(self) -> float:
        """Most attempts per second from the step in which the IdP is back."""
        return float(self.offered[self._back :].max()) / self.step_s

    @property
    def drained_s(self) -> float | None:
        """How long after the outage nobody waited any more; ``None``: not within what was simulated."""
        idle = np.flatnonzero(self.waiting[self._back :] == 0)
        return None if len(idle) == 0 else float(idle[0] + 1) * self.step_s

    def wave_rps(self, interval_s: float) -> float:
        """Most attempts per second after all were served, until an interval later: those who got tokens together come
        together again.
        """
        drained = self.drained_s
        if drained is None:
            return self.peak_rps
        after = self.offered[self._back + round(drained / self.step_s) :][: round(2 * interval_s / self.step_s)]
        return float(after.max(initial=0)) / self.step_s

    @property
    def refused_most(self) -> int:
        """The most sessions that were refused at one moment."""
        return int(self.refused.max())

    @property
    def refused_session_s(self) -> float:
        """Time that sessions spent without a live token, over all of them."""
        return float(self.refused.sum()) * self.step_s

    @property
    def attempts_per_refresh(self) -> float:
        """From the start of the outage on."""
        assert self.outage is not None
        since = round(self.outage.at_s / self.step_s)
        return float(self.offered[since:].sum()) / max(1.0, float(self.served[since:].sum()))


def simulate(
    sessions: Sessions,
    idp: Idp,
    outage: Outage | None,
    *,
    lasts_s: float,
    seed: int,
    step_s: float = 1.0,
    then_s: float | None = None,
    begun_within_s: float | None = None,
) -> Trace:
    """From a steady state on. ``then_s``: no longer than so long after nobody waits any more. ``begun_within_s``: all
    sessions got their tokens within so long before, instead of at any time.
    """
    crowd = _Crowd(sessions, np.random.default_rng(seed), step_s, begun_within_s)
    steps = round(lasts_s / step_s)
    begins, ends = (steps, steps) if outage is None else (round(outage.at_s / step_s), round(outage.ends_s / step_s))
    columns = np.zeros((4, steps), dtype=np.int64)
    allowance, stop = 0.0, steps
    for now in range(steps):
        offered = crowd.wake(now)
        served = 0
        if not begins <= now < ends:
            allowance = min(allowance, 1.0) + goodput_rps(idp, offered / step_s) * step_s
            served = min(offered, int(allowance))
            allowance -= served
        crowd.answer(now, served)
        columns[:, now] = offered, served, crowd.waiting, crowd.refused
        if then_s is not None and stop == steps and now >= ends and crowd.waiting == 0:
            stop = min(steps, now + 1 + round(then_s / step_s))
        if now + 1 >= stop:
            columns = columns[:, : now + 1]
            break
    return Trace(step_s, columns[0], columns[1], columns[2], columns[3], outage, crowd.total)


class _Crowd:
    """All sessions, by what is next of each: ``due`` at a step with a class of what is left, or ``asleep`` until a
    step, of a group of when the token runs out (group 0: it has), after so many failures.
    """

    def __init__(
        self, sessions: Sessions, rng: np.random.Generator, step_s: float, begun_within_s: float | None
    ) -> None:
        self._rng = rng
        life = sessions.access_ttl_s / step_s
        latest = life * sessions.refresh_at
        self._after, self._shares = evenly(latest - life * sessions.refresh_jitter, latest)
        classes = min(CLASSES, len(self._after))
        self._class = np.arange(len(self._after)) * classes // len(self._after)
        left = np.maximum(0, np.round(life - self._after)).astype(np.int64)
        self._left = np.array([round(float(left[self._class == each].mean())) for each in range(classes)])
        chances = self._steady(classes) if begun_within_s is None else self._begun(classes, begun_within_s / step_s)
        self._due: Counts = split(rng, sessions.number, chances.ravel()).reshape(chances.shape).astype(np.int64)
        self._kernels = [
            evenly(wait / step_s * (1 - sessions.waiting.jitter), wait / step_s * (1 + sessions.waiting.jitter))
            for wait in sessions.waiting.waits_s()
        ]
        self._width = max(1, -(-int(self._left.max()) // GROUPS))
        self._groups = int(self._left.max()) // self._width + 2
        longest = max(int(steps[-1]) for steps, _ in self._kernels)
        self._asleep: Counts = np.zeros((longest + 1, 1 + self._groups, len(self._kernels)), dtype=np.int64)
        self.waiting = 0

    def _steady(self, classes: int) -> Shares:
        """The stationary state: a session that refreshes every ``d`` steps is at any of them with the same chance."""
        chances: Shares = np.zeros((int(self._after[-1]) + 1, classes))
        for steps, share, kind in zip(self._after, self._shares, self._class, strict=True):
            chances[:steps, kind] += share
        chances /= chances.sum()
        return chances

    def _begun(self, classes: int, within: float) -> Shares:
        """Tokens were issued evenly in so many steps that end now."""
        chances: Shares = np.zeros((int(self._after[-1]) + 1, classes))
        for ago in range(max(1, round(within))):
            np.add.at(chances, (np.maximum(0, self._after - ago), self._class), self._shares)
        chances /= chances.sum()
        return chances

    @property
    def total(self) -> int:
        """All sessions."""
        return int(self._due.sum()) + int(self._asleep.sum())

    @property
    def refused(self) -> int:
        """Waiting sessions whose token has run out."""
        return int(self._asleep[:, 0].sum()) if self.waiting else 0

    def wake(self, now: int) -> int:
        """How many attempt a refresh in this step. Tokens run out as time goes on."""
        self._now_due = self._due[now % len(self._due)].copy()
        self._due[now % len(self._due)] = 0
        if self.waiting and now % self._width == 0:
            gone = 1 + now // self._width % self._groups
            self._asleep[:, 0] += self._asleep[:, gone]
            self._asleep[:, gone] = 0
        self._awake = self._asleep[now % len(self._asleep)].copy()
        self._asleep[now % len(self._asleep)] = 0
        awake = int(self._awake.sum()) if self.waiting else 0
        self.waiting -= awake
        return int(self._now_due.sum()) + awake

    def answer(self, now: int, served: int) -> None:
        """So many of them, any, get a token; the others wait."""
        asked = np.concatenate([self._now_due, self._awake.ravel()])
        total = int(asked.sum())
        if served < total:
            lucky = picked(self._rng, asked, served) if served else np.zeros_like(asked)
            self._wait(now, asked - lucky)
        if served:
            spread = split(self._rng, served, self._shares)
            np.add.at(self._due, ((now + self._after) % len(self._due), self._class), spread)

    def _wait(self, now: int, failed: Counts) -> None:
        classes = len(self._now_due)
        levels = len(self._kernels)
        again = np.zeros(self._asleep.shape[1:], dtype=np.int64)
        ends = (now + self._left) // self._width
        group = np.where(ends > now // self._width, 1 + ends % self._groups, 0)
        np.add.at(again[:, 0], group, failed[:classes])
        before = failed[classes:].reshape(again.shape)
        for level in range(levels):
            again[:, min(level + 1, levels - 1)] += before[:, level]
        for level, (steps, shares) in enumerate(self._kernels):
            groups = np.flatnonzero(again[:, level])
            if len(groups):
                spread = self._rng.multinomial(again[groups, level], shares)
                rows = (now + steps) % len(self._asleep)
                self._asleep[rows[:, None], groups[None, :], level] += spread.T
        self.waiting += int(again.sum())
