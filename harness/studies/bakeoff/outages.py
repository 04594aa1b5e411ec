"""Figures of outages of the keys: how long good traffic goes on, what users are told, how cold replicas fare. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from idchaos.report.words import interval, number
from idchaos.studies.bakeoff.sight import AFTER, DURING, FEW, Sight, lag, sure
from idchaos.studies.study.figure import Figure, untold
from idchaos.values import number as rounded
from idchaos.verdict import sli

SILENT_S = 1.0
"""So long without a good answer, and good traffic has ended: single failures are told elsewhere."""
MAIN = 0.1
"""A status that so many of them met is told."""
NOBODY, AT_ONCE = "nobody was refused", "at once"


@dataclass(frozen=True, slots=True)
class End:
    """When good traffic ended at one replica: after ``served`` (the last good answer) and by ``refused``, Unix times;
    ``fetched``: when it was last given keys by then, ``None`` where that is not known.
    """

    replica: str
    served: float
    refused: float
    fetched: float | None


def survival(sight: Sight, question: str) -> Figure:
    """From the moment at which keys could not be had any more to the first good request that met silence.

    When that is depends on the moment in a cache's life at which the outage begins. The keys' age then does not: that
    is the value, where the wire tells it.
    """
    if sight.in_force is None:
        return untold(question, "the fault was not in force")
    began, ended = sight.in_force
    good = sight.good(began, ended)
    if good.empty:
        return untold(question, "nobody asked meanwhile")
    ends = [end for name in sight.gateways if (end := _end_of(sight, good, name, began, ended))]
    asked = f"{len(good):,} requests"
    doubts = sight.doubts(DURING)
    if not ends:
        lasted = ended - began
        return Figure(
            question=question, text=f"≥ {number(lasted, 's')}", interval=(rounded(lasted), None), unit="s",
            sure=sure("nobody was refused to the end of the outage", asked, doubts),
        )  # fmt: skip
    soonest = min(ends, key=lambda end: end.refused)
    after = f"{number(max(0.0, soonest.served - began), 's')} to {number(soonest.refused - began, 's')} after it began"
    aged = [end for end in ends if end.fetched is not None]
    if len(aged) < len(ends):
        low, high = max(0.0, soonest.served - began), soonest.refused - began
        play = sight.setting("gateway", "jwks_cache_s")
        return Figure(
            question=question, text=number(high, "s"), value=rounded(high), interval=(rounded(low), rounded(high)),
            unit="s", play=0.0 if math.isnan(play) else play, sure=sure("here", after, asked, doubts),
        )  # fmt: skip
    lows, highs = zip(
        *((end.served - (end.fetched or 0), end.refused - (end.fetched or 0)) for end in aged), strict=True
    )
    low, high = min(lows), max(highs)
    return Figure(
        question=question,
        text=f"until keys are {number(high, 's')} old",
        value=rounded(high),
        interval=(rounded(low), rounded(high)),
        unit="s",
        play=_spacing_s(good, sight),
        sure=sure(interval((rounded(low), rounded(high)), "s"), f"here {after}", asked, doubts),
    )


def _end_of(sight: Sight, good: pd.DataFrame, replica: str, began: float, ended: float) -> End | None:
    mine = good[good["replica"] == replica]
    times, served = mine["at"].to_numpy(dtype=float), mine["outcome"].eq("ok").to_numpy()
    last = began
    for at, ok in zip(times, served, strict=True):
        if ok:
            last = float(at)
            continue
        silent_until = next((float(t) for t, good in zip(times, served, strict=True) if good and t > at), ended)
        if silent_until - at >= SILENT_S:
            given = [fetch for fetch in sight.fetches(replica) if fetch <= at]
            return End(replica, last, float(at), given[-1] if given else None)
    return None


def _spacing_s(good: pd.DataFrame, sight: Sight) -> float:
    """The interval of probes: how far apart good requests of one replica are."""
    begin, end = sight.in_force or (0.0, 1.0)
    each = len(good) / max(1, len(sight.gateways))
    return rounded((end - begin) / max(1.0, each)) or 0.0


def told(sight: Sight, question: str) -> Figure:
    """The statuses that good requests met which were not served while keys could not be had."""
    if sight.in_force is None:
        return untold(question, "the fault was not in force")
    good = sight.good(*sight.in_force)
    bad = good[good["outcome"] != "ok"]
    of_all = f"{len(bad):,} of {len(good):,} good requests"
    if len(bad) < FEW:
        return Figure(question=question, text=NOBODY, sure=of_all)
    shares = bad["status"].value_counts(normalize=True)
    main = sorted(int(status) for status, share in shares.items() if share >= MAIN)  # type: ignore[call-overload]
    words = [str(status) if status else "no answer" for status in main]
    reasons = bad["error_code"].value_counts()
    return Figure(question=question, text=" and ".join(words), sure=sure(of_all, f"mostly {reasons.index[0]}"))


def standstill(sight: Sight, question: str) -> Figure:
    """The longest time without a good answer that came, by the replica in which it is longest, and how long requests
    wait. A request that hangs and is answered at last was served late: what counts is when answers came.
    """
    if sight.in_force is None:
        return untold(question, "the fault was not in force")
    began, ended = sight.in_force
    good = sight.good(began - SILENT_S, max((end for _, end in sight.record.windows.values()), default=ended))
    found = [gap for name in sight.gateways if (gap := _gap(good[good["replica"] == name], began, ended)) is not None]
    if len(found) < len(sight.gateways) or not found:
        return untold(question, "a replica was not asked meanwhile, or did not serve afterwards")
    longest, cache = max(found), sight.setting("gateway", "jwks_cache_s")
    waits = sli.measured_in(sight.traffic, "latency_p99{flow=api}", DURING)
    spacing = _spacing_s(good, sight)
    ends = rounded(max(0.0, longest - spacing)), rounded(longest)
    return Figure(
        question=question,
        text=number(longest, "s"),
        value=rounded(longest),
        interval=ends,
        unit="s",
        play=0.0 if math.isnan(cache) else cache,
        sure=sure(
            f"of an outage of {number(ended - began, 's')}",
            "" if math.isnan(waits.value) else f"p99 of a request {number(waits.value, 's')}",
            f"{len(good):,} requests",
            sight.doubts(DURING),
        ),
    )


def _gap(mine: pd.DataFrame, began: float, ended: float) -> float | None:
    """The longest time between two good answers that begins while the fault is in force; ``None``: it has no end."""
    served = mine[mine["outcome"] == "ok"]
    came = sorted((served["at"] + served["service_time_s"]).to_list())
    gaps = [
        after - max(before, began) for before, after in pairwise([began, *came]) if began <= max(before, began) < ended
    ]
    return max(gaps, default=None) if came and came[-1] >= ended else None


def cold_service(sight: Sight, question: str) -> Figure:
    """What a replica says that was restarted while no keys could be had."""
    name = _restarted(sight)
    if sight.in_force is None or not name:
        return untold(question, "no replica was restarted while keys could not be had")
    good = sight.good(*sight.in_force)
    mine = good[good["replica"] == name]
    if mine.empty:
        return untold(question, f"{name} was not asked after its restart")
    served = int(mine["outcome"].eq("ok").sum())
    of_all = f"{served:,} of {len(mine):,} good requests served by {name}"
    if served == len(mine):
        return Figure(question=question, text="everybody is served", sure=of_all)
    shares = mine.loc[mine["outcome"] != "ok", "status"].value_counts(normalize=True)
    words = " and ".join(str(status) if status else "no answer" for status, share in shares.items() if share >= MAIN)
    whom = "nobody is served" if served <= MAIN * len(mine) else "some are served"
    return Figure(question=question, text=f"{whom}: {words}", sure=sure(of_all, sight.doubts(DURING)))


def cold_return(sight: Sight, question: str) -> Figure:
    """How soon that replica serves once keys can be had again."""
    name = _restarted(sight)
    if not name:
        return untold(question, "no replica was restarted while keys could not be had")
    found = lag(sight, question, f"recovery_time{{flow=api,replica={name}}}", AFTER, play=SILENT_S)
    return found.model_copy(update={"text": AT_ONCE}) if found.value == 0 else found


def _restarted(sight: Sight) -> str:
    for fault in sight.record.faults:
        detail = fault.detail if isinstance(fault.detail, dict) else {}
        if detail.get("kind") == "process":
            return str(detail.get("component", ""))
    return ""
