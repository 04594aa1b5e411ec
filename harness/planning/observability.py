"""What can't be looked at, at a given target: known before the run, from its graph and what its parts tell. Pure.

An objective or an invariant that needs what the target does not show is taken out of the plan and declared, with the
reason. That is another thing than data that should be there and is missing, for which PASS is withheld.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from idchaos.contract import ASKED, CALLED_BAD, COUNTS, LOGS, POSTED, Fact, NotObserved
from idchaos.dialects import dialect_named
from idchaos.experiment import Invariant, Objective, Plan
from idchaos.graph import Graph

OF_KEY_FETCHES: Final[Mapping[str, Fact]] = {
    "jwks_fetch_failures": Fact.KEY_FETCHES,
    # What never arrives burdens nobody.
    "jwks_fetch_rate": Fact.KEY_FETCHES_SEEN,
    "jwks_fetch_rate_max": Fact.KEY_FETCHES_SEEN,
}
EACH_FETCH: Final = "each replica's key fetches"
"""Which of several replicas asked, where they share a link."""
OF_WAYS_AROUND: Final = frozenset({"audience_confusion_around"})
OF_REASONS: Final = frozenset({"refusals_told_as_errors", "outages_told_as_refusals", "refusals_that_mislead"})


@dataclass(frozen=True, slots=True)
class Sight:
    """What of a target can be seen; all of it known before the start."""

    tells: Mapping[str, frozenset[Fact]] = field(default_factory=dict)
    """What each component tells of itself."""
    logged: frozenset[str] = frozenset()
    """The components whose logs can be read."""
    recorded: bool = False
    """Whether what passes over the links to IdPs is recorded."""
    unmade: Mapping[str, str] = field(default_factory=dict)
    """Kinds of canaries that nobody can make, each with what the target lacks."""

    def lacking(self, fact: Fact, components: Iterable[str]) -> tuple[str, ...]:
        """The components that don't tell it."""
        return tuple(name for name in components if fact not in self.tells.get(name, frozenset()))


def observable(plan: Plan, graph: Graph, sight: Sight) -> tuple[Plan, tuple[NotObserved, ...]]:
    """The part of a plan that the target can show, and the rest of it with reasons."""
    unmade = sight.unmade
    hidden = {each.name: why for each in plan.objectives if (why := _why_not(each, graph, sight))}
    invariants = [(each, _made(each, unmade)) for each in plan.invariants]
    load = plan.load
    if load.canaries is not None and unmade:
        kinds = tuple(kind for kind in load.canaries.kinds if kind not in unmade)
        load = load.model_copy(update={"canaries": load.canaries.model_copy(update={"kinds": kinds})})
    left = plan.model_copy(
        update={
            "load": load,
            "objectives": tuple(each for each in plan.objectives if each.name not in hidden),
            "invariants": tuple(kept for _, kept in invariants if kept is not None),
        }
    )
    return left, (
        *(NotObserved(name=name, why=why) for name, why in hidden.items()),
        *(declared for each, kept in invariants for declared in _untried(each, kept, unmade)),
        *_of_every_run(graph, sight),
    )


def without(plan: Plan, kinds: Iterable[str]) -> Plan:
    """The plan without canaries that mean nothing at its target."""
    gone, canaries = dict.fromkeys(kinds, ""), plan.load.canaries
    if canaries is None or not gone:
        return plan
    left = canaries.model_copy(update={"kinds": tuple(kind for kind in canaries.kinds if kind not in gone)})
    kept = (_made(each, gone) for each in plan.invariants)
    return plan.model_copy(
        update={
            "load": plan.load.model_copy(update={"canaries": left}),
            "invariants": tuple(each for each in kept if each is not None),
        }
    )


def promised(plan: Plan, unpromised: Mapping[str, str]) -> Plan:
    """The plan with invariants of what is promised alone. All its canaries are sent."""
    if plan.load.canaries is None or not unpromised:
        return plan
    told = {what: why for what, why in unpromised.items() if what.partition(":")[0] in plan.load.canaries.kinds}
    canaries = plan.load.canaries.model_copy(update={"unpromised": told})
    kept = (_made(each, told) for each in plan.invariants)
    return plan.model_copy(
        update={
            "load": plan.load.model_copy(update={"canaries": canaries}),
            "invariants": tuple(each for each in kept if each is not None),
        }
    )


def _why_not(objective: Objective, graph: Graph, sight: Sight) -> str:
    """Why an objective can't be measured; empty when it can."""
    name, _, where = objective.sli.partition("{")
    keepers = graph.keepers_of_keys
    if name in OF_KEY_FETCHES:
        asked = keepers or graph.validators_of_tokens
        return _untold(sight, {Fact.KEY_FETCHES: sight.lacking(OF_KEY_FETCHES[name], asked)})
    deciding = tuple(each for each in keepers if each in graph.validators_of_tokens)
    of_components: Mapping[str, Mapping[Fact, tuple[str, ...]]] = {
        "jwks_fetches_per_1000": {Fact.KEY_FETCHES: deciding, Fact.REQUESTS: deciding},
        "key_cache_age": {Fact.KEY_AGE: keepers},
        "revocations_age": {Fact.REVOCATIONS: graph.validators_of_tokens},
        "replays_unnoticed": {Fact.REPLAYS: graph.idps},
        "misuse_alerts": {Fact.REPLAYS: graph.idps, Fact.REASONS: graph.validators},
        "introspections_per_request": {Fact.ENDPOINTS: graph.idps},
        "files_left_open": {Fact.HELD_OPEN: graph.validators_of_tokens},
        "readiness_mistaken": {Fact.READY: graph.validators_of_tokens},
        "memory_growth": {Fact.MEMORY: graph.validators_of_tokens},
    }
    if name in of_components:
        return _untold(sight, of_components[name])
    if name in OF_WAYS_AROUND and not _ways_around(graph):
        return "clients reach no service around the gateways"
    if name in OF_REASONS or "error_code=" in where:
        return _mute(graph)
    return ""


def _mute(graph: Graph) -> str:
    """Who does not say why a request is refused; empty when everybody does."""
    mute = [each for each in _answering(graph) if not dialect_named(graph.named(each).dialect).tells_reasons]
    return f"{_listed(mute)} {_do(mute)} not say why a request is refused" if mute else ""


def _ways_around(graph: Graph) -> bool:
    """Whether clients reach a service other than through a gateway."""
    return any(link.provider in graph.services and set(link.consumers) & set(graph.clients) for link in graph.links)


def _answering(graph: Graph) -> tuple[str, ...]:
    """Who answers clients' calls of APIs."""
    return graph.gateways or graph.services


def _untold(sight: Sight, needed: Mapping[Fact, Iterable[str]]) -> str:
    for fact, components in needed.items():
        lacking = sight.lacking(fact, components)
        if lacking:
            return f"{_listed(lacking)} {_do(lacking)} not tell of {fact}"
    return ""


def _made(invariant: Invariant, unmade: Mapping[str, str]) -> Invariant | None:
    """What of an invariant can be tried; ``None``: nothing."""
    kinds = tuple(kind for kind in invariant.canaries if kind not in unmade)
    return invariant.model_copy(update={"canaries": kinds}) if kinds else None


def _untried(invariant: Invariant, kept: Invariant | None, unmade: Mapping[str, str]) -> Iterator[NotObserved]:
    for kind in invariant.canaries:
        if kind in unmade:
            name = invariant.name if kept is None else f"{invariant.name} ({kind})"
            yield NotObserved(name=name, why=f"{kind}: there is {unmade[kind]}")


def _of_every_run(graph: Graph, sight: Sight) -> Iterator[NotObserved]:
    """What no plan asks for, and every run is judged by."""
    uncounted = (
        *sight.lacking(Fact.REQUESTS, (*graph.gateways, *graph.services)),
        *sight.lacking(Fact.ENDPOINTS, graph.idps),
    )
    if uncounted:
        yield NotObserved(name=COUNTS, why=f"{_listed(uncounted)} {_do(uncounted)} not count requests")
    if graph.routes and not any(route.posts for route in graph.routes):
        why = "no route is said to take a POST: most kinds of bad tokens are sent by GET alone"
        yield NotObserved(name=POSTED, why=why)
    if mute := _mute(graph):
        yield NotObserved(name=CALLED_BAD, why=mute)
    sealed = sight.lacking(Fact.KEY_FETCHES_SEEN, graph.keepers_of_keys) if sight.recorded else ()
    if sealed:
        why = f"TLS passes between {_listed(sealed)} and the IdP: connections are seen, and not what is asked over them"
        yield NotObserved(name=ASKED, why=why)
    for link in graph.links:
        if link.provider in graph.idps and len(link.consumers) > 1 and not link.idle:
            yield NotObserved(name=EACH_FETCH, why=f"{_listed(link.consumers)} share the link {link.name}")
    unlogged = [name for name in graph.parts if name not in sight.logged]
    if unlogged:
        yield NotObserved(name=LOGS, why=f"the logs of {_listed(unlogged)} can't be read")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _do(names: Iterable[str]) -> str:
    return "do" if len(list(names)) > 1 else "does"
