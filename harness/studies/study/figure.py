"""What a study read from one run about one question, and how sure that is. Pure."""

from __future__ import annotations

from idchaos.values import Interval, Value


class Figure(Value):
    """An answer, or why there is none."""

    question: str
    text: str = ""
    """As it is read: ``3.02 s``, ``503``; empty: it could not be told, and ``sure`` says why."""
    value: float | None = None
    interval: Interval = (None, None)
    """What the value lies between; ``null``: no end on that side."""
    unit: str = ""
    play: float = 0.0
    """By how much chance alone may move the value from run to run, beside the interval, in its unit."""
    sure: str = ""
    """How sure: of how many requests, between what; or why it could not be told."""

    @property
    def known(self) -> bool:
        """Whether anything was told."""
        return bool(self.text)

    def agrees(self, other: Figure) -> bool:
        """Whether two runs say the same: intervals that meet, each wider by its play; of words, the same ones."""
        if self.interval == (None, None) or other.interval == (None, None):
            return self.text == other.text
        return _begins(self) <= _ends(other) and _begins(other) <= _ends(self)


def untold(question: str, why: str) -> Figure:
    """No answer, and why."""
    return Figure(question=question, sure=why)


def _begins(figure: Figure) -> float:
    low = figure.interval[0]
    return float("-inf") if low is None else low - figure.play


def _ends(figure: Figure) -> float:
    high = figure.interval[1]
    return float("inf") if high is None else high + figure.play
