"""From which clock error on good tokens are refused: what validators made of each step of a clock. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from idchaos.record.record import Event
from idchaos.verdict import stats
from idchaos.verdict.lags import Bracket, timed


@dataclass(frozen=True, slots=True)
class SkewStep:
    """What one validator made of good tokens while a clock was off by ``offset_s``.

    A validator is what a request passes: the gateway ``replica``, and behind it ``service``.
    """

    component: str
    offset_s: float
    """As observed; 0 when the clock was put right."""
    start: float
    end: float
    decided: int
    refused: int
    replica: str = ""
    service: str = ""

    @property
    def share(self) -> float:
        """Refused over decided; ``nan`` without any."""
        return self.refused / self.decided if self.decided else math.nan

    @property
    def refuses(self) -> bool | None:
        """Whether more than half are refused, by a one-sided 95 % interval; ``None``: too few to say."""
        low, high = stats.clopper_pearson(self.share, self.decided) if self.decided else (0.0, 1.0)
        return True if low > 0.5 else False if high < 0.5 else None


def skew_steps(samples: pd.DataFrame, events: Sequence[Event], until: float) -> tuple[SkewStep, ...]:
    """Refusals of good API requests at each step of a clock, by validator, counting only tokens that were
    obtained during the step.

    The wrong clock of a gateway or a service is met only by requests that pass it; that of another component (the IdP)
    by all.
    """
    frame = timed(samples)
    asked = frame[(frame["flow"] == "api") & (frame["expected"] == "accept") & (frame["decision"] != "undecided")]
    steps = []
    for index, event in enumerate(events):
        component, offset = event.text("component"), event.number("offset_s")
        if offset is None:
            continue
        if offset:  # a clock that was put right is; what is observed then is the error of the observation
            observed = event.number("observed_s")
            offset = offset if observed is None else observed
        later = [other.at for other in events[index + 1 :] if other.text("component") == component]
        end = min([*later, until])
        for (replica, service), met in _passing(asked, component).groupby(["replica", "service"]):
            mine = met[(met["token_obtained_at"] >= event.at) & (met["at"] >= event.at) & (met["at"] < end)]
            refused = int((mine["decision"] == "deny").sum())
            step = SkewStep(component, offset, event.at, end, len(mine), refused, str(replica), str(service))
            steps.append(step)
    return tuple(steps)


def _passing(asked: pd.DataFrame, component: str) -> pd.DataFrame:
    for column in ("replica", "service"):
        if (asked[column] == component).any():
            return asked[asked[column] == component]
    return asked


def skew_thresholds(steps: Sequence[SkewStep], side: str) -> tuple[Bracket, ...]:
    """The clock error at which each validator refuses more than half of the good tokens, bracketed by the
    steps around it. Steps of too few requests say nothing, and leave the bracket wider.

    ``side``: ``ahead`` (positive offsets) or ``behind``; brackets are in seconds of absolute offset.
    """
    sign = 1 if side == "ahead" else -1
    mine = [step for step in steps if step.offset_s * sign > 0]
    validators = sorted({(step.replica, step.service) for step in mine})
    return tuple(
        _threshold([step for step in mine if (step.replica, step.service) == validator], " to ".join(validator))
        for validator in validators
    )


def _threshold(steps: Sequence[SkewStep], validator: str) -> Bracket:
    decided = sum(step.decided for step in steps)
    if all(step.refuses is None for step in steps):
        return Bracket(math.nan, 0.0, math.inf, decided, f"{validator}: too few requests at every step")
    smallest = min((abs(step.offset_s) for step in steps if step.refuses), default=math.inf)
    passing = [abs(step.offset_s) for step in steps if step.refuses is False and abs(step.offset_s) < smallest]
    largest = max(passing, default=0.0)
    if math.isinf(smallest):
        return Bracket(math.inf, largest, math.inf, decided, f"{validator}: no step up to {largest:g} s was refused")
    return Bracket((largest + smallest) / 2, largest, smallest, decided, validator)
