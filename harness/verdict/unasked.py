"""What the IdP's everyday answers gave away or mixed up, as the load generator saw them come. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from idchaos.experiment import Verdict
from idchaos.record.record import Run, as_number
from idchaos.verdict import stats
from idchaos.verdict.invariants import UNASKED, InvariantJudgement
from idchaos.verdict.objectives import Judgement

TOLERATED = {"fresh_tokens_are_known": 0.05}
"""Shares that a sound IdP may have: a clock that is set back leaves tokens that are not good yet, a moment later."""


def surely_more(broken: int, looked: int, tolerated: float) -> bool:
    """Whether more than that share of all are broken: the lower bound of 95 % (Clopper and Pearson) lies above it."""
    return stats.clopper_pearson(min(broken, looked) / looked, looked)[0] > tolerated


def unlooked(run: Run) -> tuple[str, ...]:
    """The rules that were held against nothing in a run that tells of them: of those it says nothing."""
    if not isinstance(run.generator.get("unasked"), dict):
        return ()
    looked = {name for name, _ in judge_unasked(run)}
    return tuple(name for name in UNASKED if name not in looked)


def judge_unasked(run: Run) -> Iterator[tuple[str, InvariantJudgement]]:
    """Each rule that was held against something; none of runs of before, which say nothing of it."""
    told = run.generator.get("unasked")
    for name, counted in UNASKED.items():
        found = told.get(name) if isinstance(told, dict) else None
        if not isinstance(found, dict):
            continue
        told_of = {key: as_number(found.get(key)) for key in ("looked", "broken")}
        if any(count is None or count < 0 for count in told_of.values()):
            untold = Judgement(Verdict.INCONCLUSIVE, f"{name}: it is not told how many were looked at, and were broken")
            yield name, InvariantJudgement(0, 0, untold, counted=counted)
            continue
        broken = int(told_of["broken"] or 0)
        looked = max(int(told_of["looked"] or 0), broken)
        if looked:
            first = str(found.get("first", ""))
            breaches = broken if broken and surely_more(broken, looked, TOLERATED.get(name, 0.0)) else 0
            reason = f"{name}: {breaches:,} of {looked:,}: {first}" if breaches else ""
            judgement = Judgement(Verdict.FAIL if breaches else Verdict.PASS, reason)
            shown: dict[str, str | float | int] = {"what": first, "broken": breaches, "looked": looked}
            yield name, InvariantJudgement(looked, breaches, judgement, (shown,) if breaches else (), counted=counted)
