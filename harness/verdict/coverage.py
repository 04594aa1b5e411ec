"""What was tried, and what it could have missed: canaries by kind, phase, decider, route and method. Pure."""

from __future__ import annotations

from idchaos.record.record import Run
from idchaos.record.samples import method_of
from idchaos.values import Value
from idchaos.verdict.evidence import Evidence

CONFIDENCE = 0.95
_BY = ["canary", "phase", "replica", "endpoint", "method"]


class Covered(Value):
    """Decided attempts of one kind at one place, in one phase."""

    canary: str
    phase: str
    replica: str
    """Who decided; empty: the IdP."""
    endpoint: str
    """The route's path, ``around:`` and it where a service was asked directly, or the IdP's endpoint."""
    method: str
    attempts: int
    seen_from: float
    """The smallest acceptance probability that so many attempts would have shown: see :func:`seen_from`."""


def seen_from(attempts: int) -> float:
    """The smallest probability of an acceptance that would have shown itself at least once in so many independent
    attempts, in 95 of 100 runs: 1 - 0.05^(1/n). 1.0 without an attempt.
    """
    return 1.0 - (1.0 - CONFIDENCE) ** (1.0 / attempts) if attempts > 0 else 1.0


def coverage(run: Run, evidence: Evidence) -> tuple[Covered, ...]:
    """Every cell that has a decided attempt, in alphabetical order: phases as they came."""
    asked = evidence.asked
    tried = (asked["canary"] != "") & (asked["expected"] == "deny") & (asked["decision"] != "undecided")
    rows = asked.loc[tried, ["canary", "phase", "replica", "endpoint", "way"]].astype(str)
    rows["method"] = [method_of(way, endpoint) for way, endpoint in zip(rows["way"], rows["endpoint"], strict=True)]
    order = {phase.value: at for at, phase in enumerate(run.windows)}
    counts = rows.groupby(_BY, observed=True).size().items() if len(rows) else ()
    found = [
        Covered(**dict(zip(_BY, map(str, place), strict=True)), attempts=int(n), seen_from=round(seen_from(int(n)), 4))
        for place, n in counts
        if isinstance(place, tuple)
    ]
    return tuple(sorted(found, key=lambda each: (each.canary, order.get(each.phase, -1), each.replica, each.endpoint)))
