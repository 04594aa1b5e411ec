"""What is no token is refused at once: by no error that wakes people up, and no work that others wait for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from idchaos.experiment import PhaseName, Verdict
from idchaos.reasons import UNDECIDED_REASONS
from idchaos.record.record import RunRecord
from idchaos.record.samples import whatever_method
from idchaos.verdict.evidence import Evidence, evidence_of
from idchaos.verdict.invariants import PROMPTNESS, SHOWN_BREACHES, InvariantJudgement
from idchaos.verdict.objectives import Judgement

JUNK = ("malformed", "encrypted")
"""Kinds that a look at the token is enough for: nobody need be asked."""
LIMIT_S = 2.0
"""A parser that is done within milliseconds has this long on a busy machine."""
APART_S = 2.0
"""A slow moment of a machine is over by then: what was slow before and after it, and never quick, is slow by itself."""
COULD_NOT_SERVE = (502, 503, 504)
"""RFC 9110 sections 15.6.3 to 15.6.5."""
_TOLD = ("due_at", "sent_at", "service_time_s", "status", "error_code", "canary", "way", "phase", "replica", "endpoint")


def judge_promptness(record: RunRecord) -> InvariantJudgement | None:
    """:func:`judge_junk` of a whole record."""
    return judge_junk(evidence_of(record))


def judge_junk(evidence: Evidence) -> InvariantJudgement | None:
    """FAIL on any 5xx but for one that says that nobody could serve, and on a kind, or one way of it, whose attempts
    all took longer than :data:`LIMIT_S`. Attempts: answers, and time limits that were reached. A fault may keep any
    answer back, so slowness is judged outside of its phase. ``None`` without such canaries.
    """
    asked = evidence.asked
    rows = asked.loc[asked["canary"].isin(JUNK) & asked["sent_at"].notna(), list(_TOLD)]
    rows = rows[(rows["status"] > 0) | (rows["error_code"] == "read_timeout")]
    if rows.empty:
        return None
    served = rows["status"].isin(COULD_NOT_SERVE) | rows["error_code"].isin([str(each) for each in UNDECIDED_REASONS])
    crashed = rows[(rows["status"] >= 500) & ~served]
    slow = [group for group in _groups(rows[rows["phase"] != PhaseName.FAULT.value]) if _is_slow(group)]
    breaches = pd.concat([crashed, *slow]).drop_duplicates().sort_values("due_at", kind="stable")
    judgement = Judgement(Verdict.PASS)
    if len(breaches):
        first = breaches.iloc[0]
        what = f"{first['status']}" if len(crashed) and first["status"] >= 500 else f"{first['service_time_s']:.1f} s"
        said = f"{len(breaches):,} of {len(rows):,} were not, first {first['canary']} ({first['way']}): {what}"
        judgement = Judgement(Verdict.FAIL, f"{PROMPTNESS}: {said} by {first['replica']}")
    shown = tuple(_shown(row) for _, row in breaches.head(SHOWN_BREACHES).iterrows())
    return InvariantJudgement(
        len(rows), len(breaches), judgement, shown, counted="junk that was answered late or by 5xx"
    )


def _groups(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Each way by itself, whatever the method, and each kind."""
    rows = rows.assign(make=rows["way"].astype(str).map(whatever_method))
    for columns in (["canary", "make"], ["canary"]):
        for _, group in rows.groupby(columns, observed=True):
            yield group


def _is_slow(group: pd.DataFrame) -> bool:
    apart = float(group["due_at"].max() - group["due_at"].min())
    return apart >= APART_S and bool((group["service_time_s"] > LIMIT_S).all())


def _shown(row: pd.Series) -> dict[str, str | float | int]:
    names = ("canary", "way", "phase", "replica", "endpoint", "error_code")
    at, took = round(float(row["sent_at"]), 3), round(float(row["service_time_s"]), 3)
    page = f"docs/canaries.md#{row['canary']}"
    return {
        "at": at,
        "status": int(row["status"]),
        "took_s": took,
        **{name: str(row[name]) for name in names},
        "page": page,
    }
