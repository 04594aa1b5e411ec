"""What a target can't show, asked of the very target before it is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from idchaos.contract import NotObserved
from idchaos.experiment import Plan
from idchaos.load.canaries.catalogue import LACKING, kind_named, unmakeable
from idchaos.planning.observability import Sight, observable, promised, without
from idchaos.run.scenario import Experiment
from idchaos.targets.base import Target
from idchaos.targets.capabilities import KeepsLogs, LimitsPromises, ReportsState, RotatesKeys
from idchaos.targets.observer import ObservesLinks

RETIRED = "retired_key"
EXPIRING_CODES = "code_expired"


def seen_by(experiment: Experiment, target: Target) -> tuple[Experiment, tuple[NotObserved, ...]]:
    """What of an experiment the target can show, and what it can't."""
    plan = without(experiment.plan, _of_no_token(experiment.plan, target))
    sight = sight_of(target, plan)
    limits = target.capability(LimitsPromises)
    asked = promised(plan, _known(limits.unpromised()) if limits is not None else {})
    plan, hidden = observable(asked, target.graph, sight)
    return replace(experiment, plan=plan), hidden


def _of_no_token(plan: Plan, target: Target) -> tuple[str, ...]:
    """Canaries about opaque tokens, where there are none."""
    planned = plan.load.canaries
    if planned is None or "opaque" in target.graph.formats:
        return ()
    return tuple(kind for kind in planned.kinds if "opaque_tokens" in kind_named(kind).needs)


def _known(unpromised: Mapping[str, str]) -> Mapping[str, str]:
    """The same, once it is seen that there are such canaries.

    Raises:
        UsageError: there is none of that name.
    """
    for kind in unpromised:
        kind_named(kind.partition(":")[0])
    return unpromised


def sight_of(target: Target, plan: Plan) -> Sight:
    """What its parts tell of themselves, whose logs are kept, and which of the plan's canaries can't be made."""
    canaries = plan.load.canaries
    kinds = canaries.kinds if canaries is not None else ()
    states, logs = target.capability(ReportsState), target.capability(KeepsLogs)
    unmade = unmakeable(kinds, target.endpoints)
    if RETIRED in kinds and target.capability(RotatesKeys) is None:
        unmade.setdefault(RETIRED, LACKING["retired_key"])
    lasting_s = sum(phase.duration_s for phase in plan.phases)
    if EXPIRING_CODES in kinds and canaries is not None and not canaries.expires_codes_in(lasting_s):
        unmade.setdefault(EXPIRING_CODES, f"no time for a code to expire and to be tried in {lasting_s:.0f} s of load")
    return Sight(
        tells={name: states.tells(name) for name in target.graph.parts} if states is not None else {},
        logged=frozenset(logs.logged()) if logs is not None else frozenset(),
        recorded=target.capability(ObservesLinks) is not None,
        unmade=unmade,
    )
