"""From what choices amount to, to a recommendation: the frontier, its knee, and what each constraint costs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np

from idchaos.studies.lifetimes.model import STRATEGIES, Assessed, Choice, Revocation, World, assess
from idchaos.studies.lifetimes.prices import Prices
from idchaos.values import Value

TTLS_S = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400)
JWKS_CACHES_S = (60, 300, 900, 3_600, 14_400, 86_400)
STALES_S = (0, 600, 3_600, 14_400, 86_400)
REVOCATION_CACHES_S = (1, 5, 10, 20, 30, 60, 120, 300, 900)


class Constraints(Value):
    """What must hold; ``None``: no matter."""

    revocation_within_s: float | None = None
    stolen_within_s: float | None = None
    key_withdrawn_within_s: float | None = None
    survive_outage_s: float | None = None
    idp_rps_max: float | None = None
    money_max: float | None = None
    """A month, in the currency of the price file."""

    def broken_by(self, assessed: Assessed) -> tuple[str, ...]:
        """The names of those that a choice does not meet."""
        checks = {
            "revocation_within_s": (assessed.exposure.revoked_worst_s, self.revocation_within_s),
            "stolen_within_s": (assessed.exposure.stolen_worst_s, self.stolen_within_s),
            "key_withdrawn_within_s": (assessed.exposure.key_worst_s, self.key_withdrawn_within_s),
            "idp_rps_max": (assessed.cost.idp_rps, self.idp_rps_max),
            "money_max": (assessed.money_per_month or 0.0, self.money_max),
            "survive_outage_s": (
                -assessed.availability.unnoticed_s,
                None if self.survive_outage_s is None else -self.survive_outage_s,
            ),
        }
        return tuple(name for name, (value, most) in checks.items() if most is not None and value > most)

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of those that matter."""
        return tuple(name for name, value in self if value is not None)


class Price(Value):
    """What one constraint costs."""

    constraint: str
    without_rps: float
    """Requests per second at the IdP if that constraint were dropped and all others kept."""
    without_money: float | None
    """The same in money a month; ``None``: there is no price file."""
    dearer: float
    """By which share the recommendation is dearer than that: in money where there are prices, else in requests."""


class Recommendation(Value):
    """The cheapest choice that meets all constraints; or why there is none."""

    chosen: Assessed | None
    prices: tuple[Price, ...] = ()
    conflict: tuple[str, ...] = ()
    """A smallest set of constraints that no choice meets together."""


def choices(
    ttls_s: Sequence[float] = TTLS_S,
    jwks_caches_s: Sequence[float] = JWKS_CACHES_S,
    stales_s: Sequence[float] = STALES_S,
    revocation_caches_s: Sequence[float] = REVOCATION_CACHES_S,
    strategies: Sequence[Revocation] = STRATEGIES,
) -> tuple[Choice, ...]:
    """Every combination that makes sense: by expiry, there is no cache of revocations."""
    found = []
    for ttl, keys, stale, how in product(ttls_s, jwks_caches_s, stales_s, strategies):
        for cache in (0.0,) if how == "expiry" else revocation_caches_s:
            found.append(
                Choice(
                    access_ttl_s=ttl, jwks_cache_s=keys, jwks_stale_s=stale, revocation=how, revocation_cache_s=cache
                )
            )
    return tuple(found)


def frontier(assessed: Sequence[Assessed]) -> tuple[Assessed, ...]:
    """Those of which no other is as good in cost, every exposure and outage survived, and better in one.

    In the order of their cost.
    """
    ordered = sorted(assessed, key=_merits)
    merits = np.array([_merits(each) for each in ordered])
    kept: list[int] = []
    for number, own in enumerate(merits):
        # In this order nobody later is better: only those kept so far can be as good in everything.
        if not (merits[kept] <= own).all(axis=1).any():
            kept.append(number)
    return tuple(ordered[number] for number in kept)


def knee(of: Sequence[Assessed]) -> Assessed | None:
    """Beyond which more requests buy little: the point farthest from the line between the ends, on logarithmic axes of
    requests per second and worst exposure (Satopää et al., "Finding a Kneedle in a Haystack", 2011).
    """
    if len(of) < 3:
        return None
    spots = [(math.log(each.cost.idp_rps), math.log(max(each.exposure.revoked_worst_s, 1e-3))) for each in of]
    (x0, x1), (y0, y1) = _span(x for x, _ in spots), _span(y for _, y in spots)
    if x0 == x1 or y0 == y1:
        return None
    below = [1 - (x - x0) / (x1 - x0) - (y - y0) / (y1 - y0) for x, y in spots]
    return of[below.index(max(below))]


def recommend(assessed: Sequence[Assessed], constraints: Constraints) -> Recommendation:
    """The cheapest that meets them all, of equal cost the least exposed; and the price of each constraint."""
    chosen = _cheapest(assessed, constraints)
    if chosen is None:
        return Recommendation(chosen=None, conflict=_conflict(assessed, constraints))
    prices = []
    for name in constraints.asked:
        without = _cheapest(assessed, constraints.model_copy(update={name: None}))
        assert without is not None, "fewer constraints leave more to choose from"
        prices.append(
            Price(
                constraint=name,
                without_rps=without.cost.idp_rps,
                without_money=without.money_per_month,
                dearer=chosen.cost.idp_rps / without.cost.idp_rps - 1
                if chosen.money_per_month is None or not without.money_per_month
                else chosen.money_per_month / without.money_per_month - 1,
            )
        )
    return Recommendation(chosen=chosen, prices=tuple(prices))


def tightened(
    assessed: Sequence[Assessed], constraints: Constraints, name: str, by: Sequence[float]
) -> tuple[tuple[float, float | None], ...]:
    """What a constraint costs at other values: each, and requests per second at the IdP; ``None``: nothing meets it."""
    found = []
    for value in by:
        chosen = _cheapest(assessed, constraints.model_copy(update={name: value}))
        found.append((value, None if chosen is None else chosen.cost.idp_rps))
    return tuple(found)


def assess_all(of: Sequence[Choice], world: World, prices: Prices | None = None) -> tuple[Assessed, ...]:
    """Each choice in a world; with its price where there are prices."""
    found = (assess(choice, world) for choice in of)
    if prices is None:
        return tuple(found)
    return tuple(each.model_copy(update={"money_per_month": prices.per_month(each.cost)}) for each in found)


def _cheapest(assessed: Sequence[Assessed], constraints: Constraints) -> Assessed | None:
    meeting = [each for each in assessed if not constraints.broken_by(each)]
    return min(meeting, key=_merits, default=None)


def _conflict(assessed: Sequence[Assessed], constraints: Constraints) -> tuple[str, ...]:
    """Constraints, dropped one by one as long as what is left can't be met either."""
    left = constraints
    for name in constraints.asked:
        fewer = left.model_copy(update={name: None})
        if _cheapest(assessed, fewer) is None:
            left = fewer
    return left.asked


def _merits(assessed: Assessed) -> tuple[float, ...]:
    """Less is better. Money comes first where there are prices: a request is not as dear as another."""
    return (
        assessed.money_per_month or 0.0,
        assessed.cost.idp_rps,
        assessed.exposure.revoked_worst_s,
        assessed.exposure.stolen_worst_s,
        assessed.exposure.key_worst_s,
        -assessed.availability.unnoticed_s,
    )


def _span(values: Iterable[float]) -> tuple[float, float]:
    listed = list(values)
    return min(listed), max(listed)
