"""``study ttl``: recommend lifetimes by the model, and hold the model against runs of the target at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from idchaos.experiment import PhaseName
from idchaos.graph import Graph
from idchaos.record.record import load
from idchaos.run.launch import Prepared, Request, prepare
from idchaos.studies.countable import Uncounted, why_uncountable
from idchaos.studies.lifetimes.choosing import (
    Constraints,
    Recommendation,
    assess_all,
    choices,
    frontier,
    knee,
    recommend,
    tightened,
)
from idchaos.studies.lifetimes.measured import POINTS, Check, check, settings_of, unsure
from idchaos.studies.lifetimes.model import STRATEGIES, Assessed, Choice, Revocation, World
from idchaos.studies.lifetimes.prices import Prices
from idchaos.values import Value
from idchaos.verdict.verdict import RunVerdict

SCENARIO = "jwks_outage"
"""An ordinary run, of which only the baseline is looked at."""
RENEWED_AT = 0.8
"""After this share of a cache's life the stand-ins fetch keys anew."""
STEPS = (0.25, 0.5, 2.0, 4.0)
"""A constraint's price is also told at these multiples of what was asked."""


class Study(Value):
    """What was asked, and what was found."""

    world: World
    constraints: Constraints
    recommendation: Recommendation
    frontier: tuple[Assessed, ...]
    knee: Assessed | None
    tightened: Mapping[str, tuple[tuple[float, float | None], ...]]
    checks: tuple[Check, ...] = ()
    uncounted: tuple[Uncounted, ...] = ()
    """Runs that were made to check the model, and say nothing of it."""
    prices: Prices | None = None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why not to go by it: nothing was measured, a run could not be counted in, or the model does not hold."""
        found = unsure(self.checks) if self.checks else ("nothing was measured: the model alone says so",)
        return (*found, *(each.told() for each in self.uncounted))


def study(
    world: World,
    constraints: Constraints,
    checks: Sequence[Check] = (),
    strategies: Sequence[Revocation] = STRATEGIES,
    prices: Prices | None = None,
) -> Study:
    """All choices in a world, and the one to take. ``strategies``: what the system can do about a revocation."""
    assessed = assess_all(choices(strategies=strategies), world, prices)
    front = frontier(assessed)
    return Study(
        world=world,
        constraints=constraints,
        recommendation=recommend(assessed, constraints),
        frontier=front,
        knee=knee(front),
        tightened={
            name: tightened(assessed, constraints, name, [getattr(constraints, name) * step for step in STEPS])
            for name in constraints.asked
        },
        checks=tuple(checks),
        prices=prices,
    )


def points(request: Request, number: int) -> tuple[Prepared, ...]:
    """The runs that the model is held against; checked before anything starts.

    Raises:
        UsageError: the request makes no sound run.
    """
    chosen = POINTS[:number]
    return tuple(
        prepare(replace(request, scenario=SCENARIO, overrides={**request.overrides, **settings_of(*point)}))
        for point in chosen
    )


def measured(found: Study, prepared: Sequence[Prepared], execute: Callable[[Prepared], RunVerdict]) -> Study:
    """Make the runs, and hold the model against each that can be counted in.

    Raises:
        IdchaosError: a run could not be completed.
    """
    checks, uncounted = [], []
    for each in prepared:
        verdict = execute(each)
        if why := why_uncountable(verdict, (PhaseName.BASELINE,)):
            uncounted.append(Uncounted(run_dir=verdict.run_dir, why=why))
        else:
            checks.append(_checked(each, verdict))
    return found.model_copy(update={"checks": tuple(checks), "uncounted": tuple(uncounted)})


def _checked(prepared: Prepared, verdict: RunVerdict) -> Check:
    settings: dict[str, Any] = prepared.settings.model_dump()
    tokens, gateway, traffic = settings["tokens"], settings["gateway"], settings["load"]
    record = load(Path(verdict.run_dir))
    graph = Graph.model_validate((record.manifest.model_extra or {})["graph"])
    return check(
        record,
        Choice(
            access_ttl_s=tokens["access_ttl_s"],
            jwks_cache_s=gateway["jwks_cache_s"],
            jwks_stale_s=gateway["jwks_stale_s"],
        ),
        World(
            sessions=traffic["sessions"],
            validators=len(graph.keepers_of_keys),
            refresh_at=traffic["refresh_at"],
            refresh_jitter=traffic["refresh_jitter"],
            keys_renewed_at=RENEWED_AT,
        ),
    )
