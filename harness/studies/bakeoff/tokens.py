"""Figures of tokens: which bad ones passed, and how far clocks may differ. Pure."""

from __future__ import annotations

import math

from idchaos.experiment import PhaseName
from idchaos.report.words import interval, number, title
from idchaos.studies.bakeoff.sight import Sight, lag, sure
from idchaos.studies.study.figure import Figure, untold
from idchaos.values import number as rounded
from idchaos.verdict.evidence import evidence_of

LEFT_TO_OTHERS = ("revoked", "grant_revoked", "wrong_scope", "read_only")
"""Kinds that no validator of signatures alone can know: told beside the others."""
NONE = "none"
BETWEEN = "; "
"""What stands between two kinds."""


def passed(sight: Sight, question: str) -> Figure:
    """Kinds of bad tokens that were accepted at least once, each by its ways."""
    asked = evidence_of(sight.record).asked
    tried = asked[(asked["canary"] != "") & (asked["expected"] == "deny") & (asked["replica"] != "")]
    decided = tried[tried["decision"] != "undecided"]
    if decided.empty:
        return untold(question, "no bad token was decided")
    taken = decided[decided["decision"] == "accept"]
    ways: dict[str, list[str]] = {}
    for kind, way in sorted({(str(kind), str(way)) for kind, way in zip(taken["canary"], taken["way"], strict=True)}):
        ways.setdefault(kind, []).append(way)
    names = [_named(kind, told) for kind, told in ways.items() if kind not in LEFT_TO_OTHERS]
    others = [title(kind) for kind in ways if kind in LEFT_TO_OTHERS]
    kinds = decided["canary"].nunique()
    return Figure(
        question=question,
        text=BETWEEN.join(names) or NONE,
        sure=sure(
            f"{len(decided):,} bad tokens of {kinds} kinds",
            f"beside {', '.join(others)}, which it cannot know of" if others else "",
        ),
    )


def _named(kind: str, ways: list[str]) -> str:
    told = ", ".join(title(way) for way in ways if way)
    return f"{title(kind)} ({told})" if told else title(kind)


def of_exp(sight: Sight, question: str) -> Figure:
    """For how long an expired token is good: an IdP that is behind by more than a token's life issues such ones."""
    ttl = sight.setting("tokens", "access_ttl_s")
    found = lag(sight, question, "skew_threshold_min{side=behind}", PhaseName.FAULT)
    return _less(found, ttl)


def of_nbf(sight: Sight, question: str) -> Figure:
    """By how much ``nbf`` and ``iat`` of a good token may lie ahead."""
    return _less(lag(sight, question, "skew_threshold_min{side=ahead}", PhaseName.FAULT), 0.0)


def _less(found: Figure, by: float) -> Figure:
    if not found.known or math.isnan(by):
        return found
    low, high = (None if end is None else rounded(max(0.0, end - by)) for end in found.interval)
    if found.value is None or high is None:
        return found.model_copy(update={"text": f"≥ {number(low, 's')}", "interval": (low, None)})
    ends = low, high
    middle = max(0.0, found.value - by)
    text = f"≤ {number(high, 's')}" if not low else f"{number(low, 's')} to {number(high, 's')}"
    return found.model_copy(
        update={
            "text": text,
            "value": rounded(middle),
            "interval": ends,
            "sure": sure(interval(ends, "s"), "a step of the clock lies between"),
        }
    )


def of_iat(sight: Sight, question: str) -> Figure:
    """Whether a token is refused that says it was issued in the future, and is good otherwise."""
    asked = evidence_of(sight.record).asked
    mine = asked[(asked["canary"] == "odd_times") & (asked["way"] == "iat_ahead") & (asked["decision"] != "undecided")]
    if mine.empty:
        return untold(question, "no token that was issued in the future was decided")
    taken, canaries = int(mine["decision"].eq("accept").sum()), sight.record.plan.load.canaries
    margin = f"{canaries.ahead_s:g} s or more ahead" if canaries else ""
    text = "refused" if not taken else "taken" if taken == len(mine) else "taken by some"
    return Figure(question=question, text=text, sure=sure(f"{taken} of {len(mine)} taken", margin))
