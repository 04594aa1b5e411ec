"""How long a revoked token went on working, at each replica."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from idchaos.experiment import RESTED
from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict import lags, stats
from idchaos.verdict.sli.base import Sli, bracketed, counted, estimated, unknown
from idchaos.verdict.traffic import Reading, Traffic, traffic_of

_POLL = (
    "session", "endpoint", "replica", "format", "decision", "error_code",
    "due_at", "sent_at", "service_time_s", "token_exp",
)  # fmt: skip
_NEEDS = ("flow", *_POLL)


@functools.lru_cache(maxsize=1)
def revocation_table(record: RunRecord) -> pd.DataFrame:
    """Every revocation probe at every replica; see :func:`idchaos.verdict.lags.revocation_lags`.

    Kept for the record that was asked for last: it takes seconds, and many SLIs are made of it.
    """
    return _table(traffic_of(record))


def _table(traffic: Traffic) -> pd.DataFrame:
    confirm = int(traffic.record.plan.load.setting("revocation", "confirm_denials", 3))
    return lags.revocation_lags(_probes(traffic, rested=False), confirm)


def _probes(traffic: Traffic, *, rested: bool) -> pd.DataFrame:
    """Samples of probes. When those would have been refused that rested is not known, and of no lag."""
    resting = traffic.starting("session", f"{RESTED}-")
    mask = traffic.equal("flow", "revocation") & (resting if rested else ~resting)
    return traffic.rows(mask & traffic.all, "flow", *_POLL)


def _revoked_in(traffic: Traffic, selector: Selector, phase: When) -> pd.DataFrame:
    whole = revocation_table(traffic.record) if traffic is traffic_of(traffic.record) else _table(traffic)
    return _in_phase(selector.choose(whole), traffic, phase)


def _in_phase(table: pd.DataFrame, traffic: Traffic, phase: When) -> pd.DataFrame:
    window = traffic.record.window(phase) or (0.0, 0.0)
    return table[table["revoked_at"].between(*window, inclusive="left")]


def _quantile(q: float, traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Over (probe, replica): revocation to the first lasting refusal; probes of one second are one
    cluster.
    """
    table = _revoked_in(traffic, selector, phase)
    times, censored = table["lag_s"].to_numpy(dtype=np.float64), table["censored"].to_numpy(dtype=bool)
    if not len(table):
        return bracketed(lags.NOTHING, "no token was revoked")
    estimate = stats.censored_quantile(times, censored, q, _seconds(table))
    note = f"{int(censored.sum())} of {len(table)} had not ended when they were last seen" if censored.any() else ""
    return estimated(estimate, note)


def _within(traffic: Traffic, selector: Selector, phase: When, limit: float) -> stats.Estimate:
    """A lag that was last seen going on before ``limit``, and ended or was lost sight of after it, may have been
    either: the lower bound takes it for longer, the upper bound for within.
    """
    table = _revoked_in(traffic, selector, phase)
    surely = (table["lag_s"].to_numpy(dtype=np.float64) <= limit) & ~table["censored"].to_numpy(dtype=bool)
    maybe = table["last_accept_s"].to_numpy(dtype=np.float64) <= limit
    seconds = _seconds(table)
    return replace(stats.proportion(surely, seconds), high=stats.proportion(maybe, seconds).high)


def _seconds(table: pd.DataFrame) -> stats.Ints:
    return stats.seconds_of(table["revoked_at"].to_numpy(dtype=np.float64))


def _longest(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """The longest that was seen, bracketed by the last accept and the first refusal."""
    brackets = []
    for row in _revoked_in(traffic, selector, phase).to_dict("records"):
        first = math.inf if row["censored"] else float(row["first_denial_s"])
        note = f"{row['replica']}: {row['note']}" if row["note"] else ""
        brackets.append(lags.Bracket(first, float(row["last_accept_s"]), first, 1, note))
    return bracketed(lags.longest(brackets))


def lag_quantile(q: float, name: str) -> Sli:
    """The SLI ``name``: the q-quantile of the lag of revocations."""
    return Sli(name, partial(_quantile, q), "quantile", "s", needs=_NEEDS, q=q, within=_within)


def _accepted_after_rest(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Of (probe, replica): those where a revoked token was accepted that nobody had used until no cache may have held
    it.
    """
    table = lags.revocation_lags(_probes(traffic, rested=True), confirm=1)
    table = _in_phase(selector.choose(table), traffic, phase)
    accepted = table[table["last_accept_s"] > 0]
    tried = len(accepted) + int((~table["censored"] & (table["last_accept_s"] <= 0)).sum())
    if not tried:
        return unknown("no revoked token was used again after a rest")
    first = accepted.iloc[0] if len(accepted) else None
    note = "" if first is None else f"first: {first['last_accept_s']:.3g} s after its revocation, by {first['replica']}"
    return counted(float(len(accepted)), tried, note)


SLIS = (
    Sli("revocation_lag_max", _longest, "lag", "s", needs=_NEEDS),
    Sli("revoked_accepted_after_rest", _accepted_after_rest, "rate", "count", _NEEDS, worsened_by_waiting=False),
)
