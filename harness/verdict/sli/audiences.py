"""Are tokens good at services that they are not for. Counted."""

from __future__ import annotations

import math

import pandas as pd

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.record.samples import AROUND
from idchaos.verdict.sli.base import Sli, counted
from idchaos.verdict.stats import Bools
from idchaos.verdict.traffic import Reading, Traffic, replicas

_NEEDS = ("canary", "endpoint", "replica", "service", "decision", "subject_service", "due_at")


def _confusion(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Of the pairs of a token's audience and another service, by replica, those where such a token was accepted.

    Nothing is known as long as a pair was not tried, or tried at one replica and not at another.
    """
    calls = traffic.api & traffic.during(phase) & traffic.chosen(selector)
    accepted = _foreign(traffic, calls)
    cells = accepted.groupby(["subject_service", "service", "replica"])["accepted"].agg(["sum", "count"])
    deciding = replicas(traffic.rows(calls & traffic.decided, "replica"))
    services = set(traffic.rows(calls, "service")["service"])
    told = _pairs(accepted)
    # A gateway decides for every service; a service that decides does so for itself.
    whole = len(cells) == sum(
        name == service or name not in services for service in told["service"] for name in deciding
    )
    confused = float((cells["sum"] > 0).sum())
    count = confused if confused or (whole and _each_pair(traffic, calls, told)) else math.nan
    return counted(count, len(accepted), _of_pairs(told) or "no token for another service was sent")


def _around(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """The same of tokens that were sent to services directly, around the gateways.

    Nothing is known as long as a service was not tried with the tokens for each of the others.
    """
    calls = traffic.during(phase) & traffic.chosen(selector)
    accepted = _foreign(traffic, calls & traffic.starting("endpoint", AROUND))
    told = _pairs(accepted)
    confused = float((told["sum"] > 0).sum())
    count = confused if confused or _each_pair(traffic, calls, told) else math.nan
    return counted(count, len(accepted), _of_pairs(told) or "no token for another service was sent around the gateways")


def _foreign(traffic: Traffic, calls: Bools) -> pd.DataFrame:
    """Decided requests with a token for another service, and whether it was ``accepted``."""
    mask = calls & traffic.decided & traffic.equal("canary", "wrong_audience") & ~traffic.equal("subject_service", "")
    found = traffic.rows(mask, "subject_service", "service", "replica", "decision")
    return found.assign(accepted=found["decision"].eq("accept"))


def _pairs(accepted: pd.DataFrame) -> pd.DataFrame:
    return accepted.groupby(["subject_service", "service"], as_index=False)["accepted"].agg(["sum", "count"])


def _each_pair(traffic: Traffic, calls: Bools, told: pd.DataFrame) -> bool:
    """Whether each service of these calls was tried with the tokens for each of the others."""
    every, here = (
        traffic.rows(mask, "service")["service"].nunique() for mask in (traffic.api & traffic.all, calls & traffic.api)
    )
    return len(told) == here * (every - 1) > 0


def _of_pairs(told: pd.DataFrame) -> str:
    rows = zip(told["subject_service"], told["service"], told["sum"], told["count"], strict=True)
    return "; ".join(f"for {one} at {other}: {bad} of {tried}" for one, other, bad, tried in rows)


SLIS = tuple(
    Sli(name, read, "rate", "count", needs=_NEEDS, worsened_by_waiting=False)
    for name, read in (("audience_confusion", _confusion), ("audience_confusion_around", _around))
)
