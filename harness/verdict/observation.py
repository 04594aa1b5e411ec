"""What a run could not look at, and what it was not asked for: declared before the run, told with the verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import JsonValue

from idchaos.experiment import REVOKED, SHOWN_WHILE_GOOD, TAIL, Canary, Invariant, Plan
from idchaos.record.record import Run, RunRecord
from idchaos.record.samples import is_way
from idchaos.values import Value
from idchaos.verdict.evidence import Evidence
from idchaos.verdict.invariants import WITHDRAWN_KEYS, too_short_to_hear
from idchaos.verdict.unasked import unlooked
from idchaos.verdict.ways import Unseen, not_offered


def not_observed(record: Run) -> tuple[Unseen, ...]:
    """What the target declares that it can't show: ``not_observed`` of the manifest, and the journal's events of that
    name; each name once. And what its IdP turned out not to offer.
    """
    return (*_each(record, "not_observed"), *not_offered(record))


def left_out(record: Run) -> tuple[Unseen, ...]:
    """Objectives of the scenario that this run's settings left out: ``left_out`` of the manifest and the journal."""
    return _each(record, "left_out")


def untried(record: Run) -> tuple[Unseen, ...]:
    """What this run's invariants and objectives do not speak of: it was over too soon, or had too little load."""
    invariants = record.plan.invariants
    told = [(each.name, too_short_for(record.plan, each, record.lasted_s)) for each in invariants]
    told += [(each.name, too_short_to_hear(record)) for each in invariants if set(REVOKED) & set(each.canaries)]
    told += [(each, "too few requests of each replica are planned to tell its p99") for each in _tails(record)]
    told += [(name, "nothing came in this run that it is held against") for name in unlooked(record)]
    return tuple(Unseen(name=name, why=why) for name, why in told if why)


def untried_keys(record: Run, evidence: Evidence) -> tuple[Unseen, ...]:
    """Withdrawn keys of which somebody who decides was shown no token, though others were: one of each is PASS."""
    asked = evidence.asked
    decided = asked[(asked["expected"] == "deny") & (asked["decision"] != "undecided") & ~asked["around"]]
    found = []
    for key in sorted({event.text("kid") for event in record.named("key_withdrawn")}):
        mine = decided[(decided["kid"] == key) & decided["canary"].isin(["", str(Canary.RETIRED_KEY)])]
        if len(mine) and (missed := evidence.deciders - set(mine["replica"])):
            found.append(
                Unseen(name=WITHDRAWN_KEYS, why=f"nobody was asked about {key} at {', '.join(sorted(missed))}")
            )
    return tuple(found)


def _tails(record: Run) -> list[str]:
    """Objectives for which a run that has that setting was too short, or had too little load."""
    group = record.manifest.settings.get("slo")
    asked = isinstance(group, dict) and "latency_p99_s" in group
    planned = {phase.name for phase in record.plan.phases} if asked else set()
    judged = {each.name for each in record.plan.objectives}
    return [name for phase in record.plan.tails if phase in planned and (name := f"{TAIL}{phase}") not in judged]


def too_short_for(plan: Plan, invariant: Invariant, lasting_s: float) -> str:
    """What an invariant can't be tried by in a load of that length; empty when there is nothing."""
    planned, kinds = plan.load.canaries, set(SHOWN_WHILE_GOOD) & set(invariant.canaries)
    if planned is None or not kinds or planned.shows_in(lasting_s):
        return ""
    return f"tokens that were shown while good: {lasting_s:.0f} s are too short for one to have expired for everybody"


class Unpromised(Value):
    """A kind of bad token that the target does not promise to refuse, and what became of it."""

    canary: str
    why: str
    attempts: int
    """Decided ones."""
    accepted: int


def unpromised(record: Run, evidence: Evidence) -> tuple[Unpromised, ...]:
    """One for each kind that the plan names as such."""
    planned, asked = record.plan.load.canaries, evidence.asked
    if planned is None or not planned.unpromised:
        return ()
    found = []
    for kind, why in planned.unpromised.items():
        name, _, way = kind.partition(":")
        decisions = asked.loc[(asked["canary"] == name) & (is_way(asked["way"], way) | (not way)), "decision"]
        attempts, accepted = int((decisions != "undecided").sum()), int((decisions == "accept").sum())
        found.append(Unpromised(canary=kind, why=why, attempts=attempts, accepted=accepted))
    return tuple(found)


def strict(record: Run) -> bool:
    """Whether a run that could not look at everything is no PASS (the setting ``slo.strict_observation``)."""
    group = record.manifest.settings.get("slo")
    return isinstance(group, dict) and group.get("strict_observation") is True


def strictly(record: RunRecord) -> RunRecord:
    """The record as if that setting had been true."""
    settings = dict(record.manifest.settings)
    group = settings.get("slo")
    settings["slo"] = {**(group if isinstance(group, dict) else {}), "strict_observation": True}
    return replace(record, manifest=record.manifest.model_copy(update={"settings": settings}))


def _each(record: Run, key: str) -> tuple[Unseen, ...]:
    declared = (record.manifest.model_extra or {}).get(key)
    told = [*_listed(declared), *(event.fields for event in record.named(key))]
    found = {str(item.get("name")): str(item.get("why") or "not said why") for item in told if item.get("name")}
    return tuple(Unseen(name=name, why=why) for name, why in found.items())


def _listed(declared: object) -> Iterable[dict[str, JsonValue]]:
    return [item for item in declared if isinstance(item, dict)] if isinstance(declared, list | tuple) else []
