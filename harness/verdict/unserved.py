"""Users who are never served, or never in time, while all others are: shares and quantiles hide few users. Pure."""

from __future__ import annotations

from typing import Final

import pandas as pd

from idchaos.experiment import PhaseName, Verdict
from idchaos.record.record import Run
from idchaos.verdict.invariants import LEFT_OUT, SHOWN_BREACHES, InvariantJudgement
from idchaos.verdict.objectives import Judgement
from idchaos.verdict.traffic import Traffic

FEWEST: Final = 4
"""Requests of one session at one replica, before anything is said of it."""
APART_S: Final = 2.0
"""A bad moment is over by then."""
LATE_S: Final = 1.0
SWIFT_S: Final = 0.25
"""Where half of the others are answered within this, it is not the replica that is late."""
OTHERS: Final = 0.85
"""So many of the others' requests must have been served, or it is not a matter of one user."""
COUNTED: Final = "sessions that a replica served never, or never in time"
_BEFORE: Final = (PhaseName.WARMUP, PhaseName.BASELINE)


def judge_unserved(run: Run, traffic: Traffic) -> InvariantJudgement | None:
    """FAIL on a session whose requests at a replica, before anything is broken, were all answered otherwise than well,
    or all later than :data:`LATE_S`, while those of others there were not. Attempts: sessions at replicas with
    :data:`FEWEST` answered requests or more. ``None`` where there is none.
    """
    before = traffic.during(_BEFORE[0]) | traffic.during(_BEFORE[1])
    mask = before & traffic.good & traffic.api & traffic.sent & ~traffic.equal("session", "")
    rows = traffic.rows(mask, "due_at", "service_time_s", "status", "outcome", "error_code", "session", "replica")
    rows = rows[rows["status"] > 0].astype({"session": str, "replica": str})
    rows = rows.assign(ok=rows["outcome"] == "ok", late=rows["service_time_s"] > LATE_S)
    groups = [group for _, group in rows.groupby(["replica", "session"]) if _says_something(group)]
    if not groups:
        return None
    found = [(group, why) for group in groups if (why := _left_out(group, rows))]
    judgement = Judgement(Verdict.PASS)
    if found:
        group, why = found[0]
        first = group.iloc[0]
        said = f"{len(found):,} of {len(groups):,}, first {first['session']} at {first['replica']}: {why}"
        judgement = Judgement(Verdict.FAIL, f"{LEFT_OUT}: {said}")
    shown = tuple(_shown(group, why) for group, why in found[:SHOWN_BREACHES])
    return InvariantJudgement(len(groups), len(found), judgement, shown, counted=COUNTED)


def _says_something(group: pd.DataFrame) -> bool:
    return len(group) >= FEWEST and float(group["due_at"].max() - group["due_at"].min()) >= APART_S


def _left_out(group: pd.DataFrame, rows: pd.DataFrame) -> str:
    """How it is; empty where it is not."""
    in_vain, late = not group["ok"].any(), bool(group["late"].all())
    if not in_vain and not late:
        return ""
    first = group.iloc[0]
    others = rows[(rows["replica"] == first["replica"]) & (rows["session"] != first["session"])]
    if others.empty or float(others["ok"].mean()) < OTHERS:
        return ""
    if in_vain:
        return f"all of {len(group):,} requests were in vain ({first['error_code'] or first['status']})"
    if float(others["service_time_s"].median()) > SWIFT_S:
        return ""
    return f"each of {len(group):,} answers took {group['service_time_s'].min():.1f} s or longer"


def _shown(group: pd.DataFrame, why: str) -> dict[str, str | float | int]:
    first = group.iloc[0]
    at, status = round(float(first["due_at"]), 3), int(first["status"])
    return {"at": at, "session": first["session"], "replica": first["replica"], "status": status, "what": why}
