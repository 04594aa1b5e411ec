"""Ways in which a kind of canary is bad, each a flaw of its own: which the IdP does not offer, and which nobody has
decided. Told beside the verdict, so that no PASS speaks of them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from idchaos.record.record import Run
from idchaos.record.samples import whatever_method
from idchaos.values import Value
from idchaos.verdict.evidence import Evidence, places, told_places


class Unseen(Value):
    """An invariant, an objective or an SLI that nothing is said about, and why."""

    name: str
    why: str


def unoffered(run: Run) -> dict[str, str]:
    """Kinds of which no way can be tried, each with what the IdP does not offer."""
    gone = _gone(run)
    found = {kind: [gone.get(f"{kind}:{way}", "") for way in ways] for kind, ways in _ways(run).items()}
    return {kind: whys[0] for kind, whys in found.items() if whys and all(whys)}


def not_offered(run: Run) -> tuple[Unseen, ...]:
    """One for each invariant of which nothing can be tried, or else for each kind, or way of a kind."""
    kinds, gone = unoffered(run), _gone(run)
    found: list[Unseen] = []
    for invariant in run.plan.invariants:
        mine = [kind for kind in invariant.canaries if kind in kinds]
        if mine and len(mine) == len(invariant.canaries):
            found.append(Unseen(name=invariant.name, why=kinds[mine[0]]))
            continue
        found += [Unseen(name=f"{invariant.name} ({kind})", why=kinds[kind]) for kind in mine]
        found += [
            Unseen(name=f"{invariant.name} ({what})", why=why)
            for what, why in gone.items()
            if (kind := what.partition(":")[0]) in invariant.canaries and kind not in mine
        ]
    return tuple(found)


def undecided(run: Run, evidence: Evidence) -> tuple[Unseen, ...]:
    """Invariants with ways of their kinds that were never decided, though others of the kind were."""
    asked, gone = evidence.asked, _gone(run)
    decided = asked[(asked["expected"] == "deny") & (asked["decision"] != "undecided")]
    asked_by = set(zip(decided["canary"].astype(str), decided["way"].astype(str), strict=True))
    tried = asked_by | {(kind, part) for kind, way in asked_by for part in whatever_method(way).split("+")}
    tried |= {(kind, whatever_method(way)) for kind, way in asked_by}
    return tuple(
        Unseen(name=invariant.name, why=f"nobody said yes or no to {kind} by the way {', '.join(missed)}")
        for invariant in run.plan.invariants
        for kind in invariant.canaries
        if (missed := _missed(kind, _ways(run), tried, gone))
    )


def unmet(run: Run, evidence: Evidence) -> tuple[Unseen, ...]:
    """Invariants with kinds that did not meet everybody: by which method at which service, and of which client none was
    decided.
    """
    planned, asked = run.plan.load.canaries, evidence.asked
    if planned is None:
        return ()
    decided = asked[(asked["expected"] == "deny") & (asked["decision"] != "undecided") & ~asked["around"]]
    found: dict[str, str] = {}
    for kind in planned.everywhere:
        mine = decided[decided["canary"] == kind]
        if (mine["subject_service"] != "").all():
            continue  # there is none, or it is good at home
        if missed := evidence.places - places(mine):
            found[kind] = f"by {told_places(missed)}"
    for kind, counts in _clients(run).items():
        missed_clients = sorted(client for client, tried in counts.items() if not tried)
        if any(counts.values()) and missed_clients:
            found[kind] = f"of the client {', '.join(missed_clients)}"
    return tuple(
        Unseen(name=invariant.name, why=f"nobody said yes or no to {kind} {found[kind]}")
        for invariant in run.plan.invariants
        for kind in invariant.canaries
        if kind in found
    )


def _clients(run: Run) -> dict[str, dict[str, int]]:
    """Of each kind at the IdP whose clients take turns: decided attempts by client."""
    told = run.generator.get("clients_tried")
    kinds = told if isinstance(told, dict) else {}
    return {
        str(kind): {str(client): count for client, count in counts.items() if isinstance(count, int)}
        for kind, counts in kinds.items()
        if isinstance(counts, dict)
    }


def _missed(
    kind: str, planned: Mapping[str, tuple[str, ...]], tried: set[tuple[str, str]], gone: Mapping[str, str]
) -> list[str]:
    if not any(kind == each for each, _ in tried):
        return []  # the invariant is undecided, and says so
    return [way for way in planned.get(kind, ()) if (kind, way) not in tried and f"{kind}:{way}" not in gone]


def _ways(run: Run) -> Mapping[str, tuple[str, ...]]:
    return run.plan.load.canaries.ways if run.plan.load.canaries is not None else {}


def _gone(run: Run) -> dict[str, str]:
    """``kind:way``, and what the IdP does not offer for it."""
    told = run.generator.get("not_offered")
    return {str(what): str(why) for what, why in told.items()} if isinstance(told, dict) else {}
