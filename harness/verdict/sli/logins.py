"""Did users get in, logins as wholes, each of several requests; and did they stay in."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict import stats
from idchaos.verdict.sli.base import Sli, counted, estimated, share_of, unknown
from idchaos.verdict.traffic import Reading, Traffic

_LOGIN = ("canary", "flow", "expected", "session", "endpoint", "due_at", "outcome")


def _login_success(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Logins that ended with a token. One that was still under way at the end is not counted."""
    mask = traffic.good & traffic.equal("flow", "login") & traffic.chosen(selector)
    frame = traffic.rows(mask, "session", "endpoint", "due_at", "sent_at", "outcome")
    frame = frame.sort_values(["due_at", "sent_at"], kind="stable")
    starts = frame["endpoint"].eq("authorize")
    whole = bool(starts.any())
    attempts = starts.groupby(frame["session"]).cumsum() if whole else pd.Series(range(len(frame)), frame.index)
    grouped = frame.assign(ok=frame["outcome"].eq("ok"), token=frame["endpoint"].eq("token") | (not whole)).groupby(
        [frame["session"], attempts]
    )
    logins = grouped.agg(due_at=("due_at", "first"), ok=("ok", "all"), token=("token", "any"))
    window = traffic.record.window(phase) or (0.0, 0.0)
    logins = logins[logins["due_at"].between(*window, inclusive="left") & (logins["token"] | ~logins["ok"])]
    seconds = stats.seconds_of(logins["due_at"].to_numpy(dtype=np.float64))
    return share_of(logins["ok"].to_numpy(dtype=bool), seconds)


def _login_retries(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Mean number of times that users had to try again before they were logged in: passwords mistyped, logins that
    failed and were begun anew. Of logins that ended with a token, by the time of its request.
    """
    logins = traffic.equal("flow", "login") & traffic.all
    mistyped = Counter(traffic.rows(logins & traffic.equal("expected", "deny"), "session")["session"])
    done = logins & traffic.during(phase) & traffic.good & traffic.chosen(selector)
    done &= traffic.equal("endpoint", "token") & traffic.equal("outcome", "ok")
    frame = traffic.rows(done, "session", "retry", "due_at")
    pairs = zip(frame["session"], frame["retry"], strict=True)
    retries = np.array([begun_anew + mistyped[session] for session, begun_anew in pairs], dtype=np.int64)
    return estimated(stats.mean_count(retries, stats.seconds_of(frame["due_at"].to_numpy(dtype=np.float64))))


def _sessions_lost(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Sessions that nobody had ended and whose refresh was refused: their users must log in again. Nothing is known
    before one that was there before the first fault was refreshed, or refused, after the last: those that began since
    say nothing of what an IdP has kept.
    """
    mask = traffic.during(phase) & traffic.good & traffic.chosen(selector) & traffic.equal("flow", "refresh")
    decided = traffic.rows(mask & traffic.decided, "decision", "session", "due_at")
    if decided.empty:
        return unknown("no session was refreshed")
    faults = traffic.record.faults
    applied = min((fault.applied_at for fault in faults if fault.applied_at is not None), default=None)
    healed = max((fault.healed_at for fault in faults if fault.healed_at is not None), default=None)
    if applied is not None and healed is not None:
        seen = traffic.rows(traffic.good & traffic.between(0.0, applied), "session")["session"]
        since = decided[decided["due_at"].ge(healed)]
        if not since["session"].isin(set(seen) - {""}).any():
            return unknown("no session of before the fault was refreshed after it")
    lost = decided.loc[decided["decision"].eq("deny"), "session"].nunique()
    return counted(float(lost), len(decided), f"of {decided['session'].nunique():,} that were refreshed")


SLIS = (
    Sli("login_success_rate", _login_success, "share", "share", needs=_LOGIN, counts="good", of_generator=True),
    Sli(
        "sessions_lost",
        _sessions_lost,
        "rate",
        "count",
        needs=("canary", "flow", "expected", "session", "due_at", "decision"),
        worsened_by_waiting=False,
    ),
    Sli("login_retries", _login_retries, "rate", "retries", needs=(*_LOGIN, "retry"), of_generator=True),
)
