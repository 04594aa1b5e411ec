"""Figures of keys: rotations, withdrawn keys, and how often keys are asked for. Pure."""

from __future__ import annotations

import math
from itertools import pairwise

from idchaos.reasons import OF_KEYS, Reason
from idchaos.record.record import When
from idchaos.report.words import interval, number
from idchaos.studies.bakeoff.outages import AT_ONCE
from idchaos.studies.bakeoff.sight import AFTER, CALM, DURING, Sight, counted, lag, sure
from idchaos.studies.study.figure import Figure, untold
from idchaos.values import number as rounded
from idchaos.verdict import sli

AT_ONCE_S = 0.2
"""Fetches of one replica that are no farther apart belong to one expiry."""
LEAST_SHARE = 0.8
"""Of the junk that was planned: what must have been answered."""
TICK_S = 0.5
"""Telemetry counts fetches so often."""


def _cache_s(sight: Sight) -> float:
    told = sight.setting("gateway", "jwks_cache_s")
    return 0.0 if math.isnan(told) else told


def refusals(sight: Sight, question: str) -> Figure:
    """From the moment at which a new key signs to the last good token that was not let in."""
    found = lag(sight, question, "refusal_window", DURING, play=_cache_s(sight))
    return found.model_copy(update={"text": "none"}) if found.value == 0 else found


def withdrawn(sight: Sight, question: str) -> Figure:
    """From the withdrawal of a key to the last token of it that was accepted."""
    return lag(sight, question, "retired_key_acceptance", "all", play=_cache_s(sight))


def returned(sight: Sight, question: str) -> Figure:
    """How long good tokens are refused after their key is back."""
    found = lag(sight, question, "recovery_time{flow=api}", AFTER, play=_cache_s(sight))
    return found.model_copy(update={"text": AT_ONCE}) if found.value == 0 else found


def under_junk(sight: Sight, question: str) -> Figure:
    """Key requests per 1,000 calls while tokens with made-up kids flood in: if each gateway answered its share."""
    junk = sight.traffic.equal("flow", "junk") & sight.traffic.during(DURING) & sight.traffic.sent
    answered = junk & (sight.traffic.samples["status"].to_numpy() > 0)
    planned = sum(
        stream.rate * ((stream.ends_s or 0.0) - stream.starts_s)
        for stream in sight.record.plan.load.streams
        if stream.flow == "junk"
    )
    for name in sight.gateways:
        met = int((answered & sight.traffic.equal("replica", name)).sum())
        if met < LEAST_SHARE * planned / len(sight.gateways):
            return untold(question, f"{name} answered {met} of about {planned / len(sight.gateways):.0f} made-up kids")
    looked = answered & sight.traffic.equal("error_code", *OF_KEYS, Reason.JWKS_UNAVAILABLE)
    if looked.sum() < LEAST_SHARE * answered.sum():
        why = sight.traffic.rows(answered & ~looked, "error_code")["error_code"].value_counts().index[0]
        return untold(question, f"most junk was refused as {why}: whether a key was looked for is not known")
    found = _per_thousand(sight, question, DURING)
    return found.model_copy(update={"sure": sure(found.sure, f"{int(answered.sum()):,} of them with made-up kids")})


def at_expiry(sight: Sight, question: str) -> Figure:
    """The same with nothing wrong; and how many one replica sends when its keys' life ends."""
    found = _per_thousand(sight, question, CALM)
    bursts = [burst for name in sight.gateways for burst in _bursts(sight.fetches(name))]
    if not found.known or not bursts:
        return found
    calls = sight.calls(CALM) / max(1, len(sight.gateways))
    window = sight.record.window(CALM) or (0.0, 1.0)
    at_once = f"at most {max(bursts)} at once of one replica that has {calls / (window[1] - window[0]):.0f} calls/s"
    return found.model_copy(update={"sure": sure(found.sure, at_once)})


def _per_thousand(sight: Sight, question: str, when: When) -> Figure:
    rate = sli.measured_in(sight.traffic, "jwks_fetch_rate", when)
    window, calls = sight.record.window(when), sight.calls(when)
    if rate.samples == 0 or math.isnan(rate.value) or window is None or not calls:
        return untold(question, rate.note or "no key request was counted")
    lasted = window[1] - window[0]
    fewest, most = counted(max(0.0, rate.low * lasted))[0], counted(rate.high * lasted)[1]
    scale = 1000 / calls
    ends = rounded(fewest * scale), rounded(most * scale)
    return Figure(
        question=question,
        text=f"{rate.value * lasted * scale:.3g}",
        value=rounded(rate.value * lasted * scale),
        interval=ends,
        unit="per 1,000",
        sure=sure(interval(ends, ""), f"{rate.value * lasted:.0f} key requests, {calls:,} calls"),
    )


def _bursts(fetches: list[float]) -> list[int]:
    """How many fetches came together, each time."""
    sizes = [1] if fetches else []
    for before, after in pairwise(fetches):
        if after - before <= AT_ONCE_S:
            sizes[-1] += 1
        else:
            sizes.append(1)
    return sizes


def latency(sight: Sight, question: str) -> Figure:
    """The median of good calls, over client's proxy, gateway, service's proxy and service."""
    found = sli.measured_in(sight.traffic, "latency_p50{flow=api}", CALM)
    if found.samples == 0 or math.isnan(found.value):
        return untold(question, found.note or "nothing was measured")
    ends = rounded(found.low), rounded(found.high)
    return Figure(
        question=question, text=number(found.value, "s"), value=rounded(found.value), interval=ends, unit="s",
        sure=sure(interval(ends, "s"), f"{found.samples:,} requests", sight.doubts(CALM)),
    )  # fmt: skip


def per_core(sight: Sight, question: str) -> Figure:
    """Requests of all kinds that gateways answered, over the CPU time that their processes used meanwhile."""
    window = sight.record.window(CALM)
    if window is None:
        return untold(question, "the run did not get that far")
    used, asked = 0.0, 0
    at = sight.traffic.floats("sent_at")
    for name in sight.gateways:
        told = [each for each in sight.record.series(name, "cpu_s") if window[0] <= each[0] <= window[1]]
        if len(told) < 2 or told[-1][1] < told[0][1]:
            return untold(question, f"what CPU time {name} used was not recorded")
        used += told[-1][1] - told[0][1]
        mine = sight.traffic.api & sight.traffic.equal("replica", name)
        asked += int((mine & (at >= told[0][0]) & (at < told[-1][0])).sum())
    if not used or not asked:
        return untold(question, "it used too little CPU time to be told")
    slack = 0.02 * len(sight.gateways)
    ends = rounded(asked / (used + slack)), rounded(asked / max(used - slack, 0.01))
    return Figure(
        question=question, text=f"{asked / used:,.0f}/s", value=rounded(asked / used), interval=ends, unit="1/s",
        play=rounded(0.15 * asked / used) or 0.0,
        sure=sure(interval(ends, "1/s"), f"{asked:,} requests in {used:.2f} s of CPU time, good and bad ones"),
    )  # fmt: skip
