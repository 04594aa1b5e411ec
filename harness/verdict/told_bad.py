"""Good tokens that a validator called bad: that is no outage, and no fault but a few explains it. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import pandas as pd

from idchaos.contract import CALLED_BAD
from idchaos.experiment import AT_HOME_AGAIN, Verdict
from idchaos.reasons import OF_REVOCATION, REFUSALS, UNSPECIFIC, Reason
from idchaos.record.record import Run
from idchaos.values import number
from idchaos.verdict.invariants import SHOWN_BREACHES, InvariantJudgement
from idchaos.verdict.objectives import Judgement
from idchaos.verdict.stats import Floats
from idchaos.verdict.traffic import Traffic

OF_TIME: Final = frozenset({Reason.TOKEN_EXPIRED, Reason.TOKEN_NOT_YET_VALID, Reason.ISSUED_IN_FUTURE})
"""What clocks and leeways explain, and what a request meets that waited for long."""
JUDGED: Final = REFUSALS - UNSPECIFIC - OF_TIME - {Reason.KID_UNKNOWN}
"""What is said of a good token without being so. A key that somebody does not know yet is judged by how long that
lasts (``refusal_window``).
"""
NEAR_ITS_END_S: Final = 1.0
"""A token that is asked about so shortly before its end may end meanwhile."""
COUNTED: Final = "requests with good tokens that were called bad"
_TOLD = ("due_at", "sent_at", "service_time_s", "status", "error_code", "phase", "replica", "service", "endpoint")
_TOKEN = ("session", "jti", "kid", "format", "token_exp")


def judge_told_bad(run: Run, traffic: Traffic) -> InvariantJudgement | None:
    """FAIL on any decided request with a good token that was refused for a reason that names the token bad. Attempts:
    decided requests with good tokens, those of users and those that were refused elsewhere a moment before.

    Not counted: what a fault of this run explains from when it was applied; refusals of time; a token near its end;
    and a revocation that may be one: nobody revokes everyday tokens, but a session may end on its own. Only where the
    same validator takes the token again, or its session is refreshed afterwards, there was none. ``None`` where nobody
    decided anything, and for runs of before, which don't say what their faults explain.
    """
    excuses = [(fault.applied_at, fault.may_refuse_for) for fault in run.faults if fault.applied_at is not None]
    good = traffic.good | traffic.equal("way", AT_HOME_AGAIN)
    decided = good & traffic.api & traffic.decided & traffic.all
    if not (attempts := int(decided.sum())) or any(each is None for _, each in excuses):
        return None
    mask = decided & traffic.equal("decision", "deny") & traffic.equal("error_code", *map(str, JUDGED))
    refused = traffic.rows(mask, *_TOLD, *_TOKEN).sort_values("sent_at", kind="stable")
    refused = refused.assign(answered=refused["sent_at"] + refused["service_time_s"])
    for applied_at, reasons in excuses:
        explained = refused["error_code"].isin(list(reasons or ())) & (refused["answered"] >= applied_at)
        refused = refused[~explained]
    refused = refused[~(refused["answered"] > refused["token_exp"] - NEAR_ITS_END_S)]
    if refused.empty:
        return InvariantJudgement(attempts, 0, Judgement(Verdict.PASS), counted=COUNTED)
    refused = refused.assign(good_again=_good_again(refused, traffic))
    unproved = refused["error_code"].isin([str(each) for each in OF_REVOCATION]) & refused["good_again"].isna()
    breaches = refused[~(unproved & ~_refreshed(refused, traffic))]
    judgement = Judgement(Verdict.FAIL, _said(breaches, attempts)) if len(breaches) else Judgement(Verdict.PASS)
    shown = tuple(_shown(row) for _, row in breaches.head(SHOWN_BREACHES).iterrows())
    return InvariantJudgement(attempts, len(breaches), judgement, shown, counted=COUNTED)


def _good_again(refused: pd.DataFrame, traffic: Traffic) -> list[float]:
    """After how many seconds the same validator took the same token again; NaN: never."""
    tokens = [each for each in refused["jti"].astype(str).unique() if each]
    mask = traffic.good & traffic.api & traffic.equal("decision", "accept") & traffic.equal("jti", *tokens)
    taken = _moments(traffic.rows(mask, "sent_at", "jti", "replica"), ["jti", "replica"])
    each = zip(refused["jti"], refused["replica"], refused["sent_at"], refused["answered"], strict=True)
    return [_next(taken.get((jti, replica)), answered) - sent for jti, replica, sent, answered in each]


def _refreshed(refused: pd.DataFrame, traffic: Traffic) -> pd.Series:
    """Whether the session went on: it asked for its next token after the refusal, and got it."""
    sessions = [each for each in refused["session"].astype(str).unique() if each]
    mask = traffic.equal("flow", "refresh") & traffic.equal("canary", "")
    mask &= traffic.equal("decision", "accept") & traffic.equal("session", *sessions)
    asked = _moments(traffic.rows(mask, "sent_at", "session"), ["session"])
    each = zip(refused["session"], refused["answered"], strict=True)
    found = [not np.isnan(_next(asked.get((session,)), answered)) for session, answered in each]
    return pd.Series(found, index=refused.index, dtype=bool)


def _moments(rows: pd.DataFrame, by: list[str]) -> dict[tuple[str, ...], Floats]:
    """When each of them was sent, in order."""
    texts = rows.astype(dict.fromkeys(by, str)).sort_values("sent_at")
    return {
        tuple(str(group.iloc[0][name]) for name in by): group["sent_at"].to_numpy(dtype=np.float64)
        for _, group in texts.groupby(by)
    }


def _next(moments: Floats | None, after: float) -> float:
    """The first of them after a moment; NaN where there is none."""
    if moments is None:
        return np.nan
    at = int(np.searchsorted(moments, after, side="right"))
    return float(moments[at]) if at < len(moments) else np.nan


def _said(breaches: pd.DataFrame, attempts: int) -> str:
    by = Counter(zip(breaches["replica"], breaches["error_code"], strict=True))
    where = ", ".join(f"{count:,} by {replica} ({reason})" for (replica, reason), count in sorted(by.items()))
    again = breaches["good_again"].dropna()
    longest = f"good again there after up to {again.max():.1f} s" if len(again) else ""
    never = int(breaches["good_again"].isna().sum())
    lost = f"{never:,} of them not taken there any more" if never else ""
    rest = "; ".join(each for each in (longest, lost) if each)
    return f"{CALLED_BAD}: {len(breaches):,} of {attempts:,} were refused: {where}; {rest}"


def _shown(row: pd.Series) -> dict[str, str | float | int]:
    names = ("error_code", "phase", "replica", "service", "endpoint", "session", "jti", "kid", "format")
    told: dict[str, str | float | int] = {"at": round(float(row["sent_at"]), 3), "status": int(row["status"])}
    again = number(float(row["good_again"]), 3)
    return told | {name: str(row[name]) for name in names} | ({} if again is None else {"good_again_s": again})
