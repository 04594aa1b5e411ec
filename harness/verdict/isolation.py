"""Isolation: every good answer was that request's and that subject's, as far as services tell. Pure."""

from __future__ import annotations

import pandas as pd

from idchaos.experiment import Verdict
from idchaos.reasons import FOREIGN_ANSWER
from idchaos.record.record import Run, RunRecord
from idchaos.verdict.evidence import Evidence, evidence_of
from idchaos.verdict.invariants import ISOLATION, SHOWN_BREACHES, InvariantJudgement
from idchaos.verdict.objectives import Judgement

_SHOWN = ("flow", "phase", "replica", "service", "endpoint", "error_code", "kid", "jti", "session")


def judge_isolation(record: RunRecord) -> InvariantJudgement | None:
    """:func:`judge_answers` of a whole record."""
    return judge_answers(record, evidence_of(record))


def judge_answers(run: Run, evidence: Evidence) -> InvariantJudgement | None:
    """FAIL on any answer that was another's, in any phase. Attempts: answers that said whose they are.

    A service that says so of some answers and not of others may be hiding another's: INCONCLUSIVE. Where no service
    does, or the run is of a version before, nothing can be said, which the run declares: ``None``.
    """
    foreign = evidence.asked[evidence.asked["error_code"] == FOREIGN_ANSWER]
    told, untold = _counts(run, "echoed"), _counts(run, "unechoed")
    attempts = max(sum(told.values()), len(foreign))
    if not attempts:
        return None
    judgement = Judgement(Verdict.PASS)
    mixed = [f"{count:,} of {service}" for service, count in sorted(untold.items()) if count and told.get(service)]
    if len(foreign):
        judgement = Judgement(Verdict.FAIL, _said(foreign, attempts))
    elif mixed:
        reason = f"{ISOLATION}: answers did not say whose they are, though others did: {', '.join(mixed)}"
        judgement = Judgement(Verdict.INCONCLUSIVE, reason)
    shown = tuple(_breach(row) for _, row in foreign.head(SHOWN_BREACHES).iterrows())
    return InvariantJudgement(attempts, len(foreign), judgement, shown, counted="answers of somebody else")


def _said(foreign: pd.DataFrame, attempts: int) -> str:
    first = foreign.sort_values("sent_at").iloc[0]
    where = f"in {first['phase'] or 'no phase'} by {first['replica']} for {first['service']}"
    return f"{ISOLATION}: {len(foreign):,} of {attempts:,} answers were somebody else's, first {where}"


def _breach(row: pd.Series) -> dict[str, str | float | int]:
    return {"at": round(float(row["sent_at"]), 3), "status": int(row["status"]), **{n: str(row[n]) for n in _SHOWN}}


def _counts(record: Run, name: str) -> dict[str, int]:
    found = record.generator.get(name)
    return (
        {str(key): value for key, value in found.items() if isinstance(value, int)} if isinstance(found, dict) else {}
    )
