"""Single-use violations: what an IdP did with what may be used once, or for so long. Counted."""

from __future__ import annotations

import pandas as pd

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict.sli.base import Sli, counted, unknown
from idchaos.verdict.traffic import Reading, Traffic


def _parallel(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """How many of those who used the same code, refresh token or assertion at the same moment were served: the most.

    Only replays in which each request was decided and one was served can show that a second one was not.
    """
    mask = traffic.during(phase) & traffic.chosen(selector) & traffic.equal("flow", "parallel_replay") & traffic.sent
    tried = traffic.rows(mask, "decision", "session", "way")
    if tried.empty:
        return unknown("nothing was replayed in parallel")
    replays = (
        tried.assign(accepted=tried["decision"].eq("accept"), undecided=tried["decision"].eq("undecided"))
        .groupby(["way", "session"])[["accepted", "undecided"]]
        .sum()
    )
    more = replays[replays["accepted"] > 1]
    told = replays[(replays["undecided"] == 0) & (replays["accepted"] == 1)]
    shown = pd.concat([more, told]).reset_index()
    if shown.empty:
        return unknown("of no parallel replay was each request decided and one accepted")
    most = shown.groupby("way")["accepted"].max()
    note = "; ".join(f"{what}: {int(count)}" for what, count in most.items())
    return counted(float(most.max()), len(tried), note)


def _beyond_policy(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Sessions that were refreshed when they were older than they may become."""
    mask = traffic.during(phase) & traffic.chosen(selector) & traffic.equal("flow", "refresh")
    tried = traffic.rows(mask & traffic.equal("expected", "deny") & traffic.decided, "decision", "session")
    if tried.empty:
        return unknown("no session was refreshed beyond the policy, or there is none")
    return counted(float(tried.loc[tried["decision"].eq("accept"), "session"].nunique()), len(tried))


SLIS = (
    Sli(
        "parallel_uses_accepted",
        _parallel,
        "rate",
        "count",
        needs=("flow", "due_at", "sent_at", "decision", "session", "way"),
        worsened_by_waiting=False,
    ),
    Sli(
        "sessions_beyond_policy",
        _beyond_policy,
        "rate",
        "count",
        needs=("flow", "due_at", "expected", "decision", "session"),
        worsened_by_waiting=False,
    ),
)
