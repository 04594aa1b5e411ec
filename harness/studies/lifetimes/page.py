"""The page of a study of lifetimes: recommendation, frontier, prices of constraints, and how well the model holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from idchaos.report.canvas import NARROW, WIDE, Mark, Picture, Size, box, picture
from idchaos.report.page import filled
from idchaos.report.palette import ink, series
from idchaos.studies.lifetimes.choosing import Constraints, Recommendation
from idchaos.studies.lifetimes.measured import fitted, unsure
from idchaos.studies.lifetimes.model import (
    STRATEGIES,
    Assessed,
    World,
    budget_spent,
    drained_s,
    herd_rps,
    refused_share,
)
from idchaos.studies.lifetimes.study import Study
from idchaos.studies.words import rate, time

PAGE = "study.html"
WORDS = {
    "revocation_within_s": "revocation within",
    "stolen_within_s": "a stolen token worthless within",
    "key_withdrawn_within_s": "a leaked key out within",
    "survive_outage_s": "an outage unnoticed up to",
    "idp_rps_max": "requests/s at the IdP at most",
    "money_max": "money a month at most",
}
MOST_ROWS = 40
OUTAGES_S = (60.0, 600.0, 3_600.0)


def page(study: Study, command: str) -> str:
    """One self-contained page."""
    constraints, found, front, world = study.constraints, study.recommendation, study.frontier, study.world
    return filled(
        "lifetimes.html.j2",
        wide=WIDE,
        narrow=NARROW,
        world=world,
        sentence=sentence(found, constraints),
        asked=[f"{WORDS[name]} {shown(name, getattr(constraints, name))}" for name in constraints.asked],
        rows=[_row(each, chosen=each == found.chosen, knee=each == study.knee) for each in _thinned(study)],
        left_out=len(front) - len(_thinned(study)),
        chosen=None if found.chosen is None else _row(found.chosen),
        prices=[
            {
                "name": WORDS[price.constraint],
                "value": shown(price.constraint, getattr(constraints, price.constraint)),
                "without": rate(price.without_rps),
                "without_money": "" if price.without_money is None else f"{price.without_money:,.0f}",
                "dearer": f"{price.dearer:+.0%}" if price.dearer < 1 else f"{1 + price.dearer:.3g} times as much",
                "steps": [
                    {"value": shown(price.constraint, value), "rps": "none" if rps is None else rate(rps)}
                    for value, rps in study.tightened[price.constraint]
                ],
            }
            for price in found.prices
        ],
        outages=[] if found.chosen is None else [_outage(each, found.chosen, world) for each in OUTAGES_S],
        checks=study.checks,
        fitted=fitted(study.checks),
        price_file=study.prices,
        unsure=unsure(study.checks),
        uncounted=[each.told() for each in study.uncounted],
        picture=_plot(front, found.chosen),
        command=command,
    )


def sentence(found: Recommendation, constraints: Constraints) -> str:
    """The recommendation in one sentence."""
    if found.chosen is None:
        both = " and ".join(f"{WORDS[name]} {shown(name, getattr(constraints, name))}" for name in found.conflict)
        return f"nothing meets {both}" + (" together" if len(found.conflict) > 1 else "")
    choice = found.chosen.choice
    how = {
        "expiry": "revocation by expiry alone",
        "list": f"a revocation list polled every {time(choice.revocation_cache_s)}",
        "introspection": f"introspection, answers kept for {time(choice.revocation_cache_s)}",
    }[choice.revocation]
    return (
        f"access tokens of {time(choice.access_ttl_s)}, keys cached for {time(choice.jwks_cache_s)} and used "
        f"{time(choice.jwks_stale_s)} longer without the IdP, {how}: {rate(found.chosen.cost.idp_rps)} requests/s"
    )


def shown(constraint: str, value: float) -> str:
    """A constraint's value in its unit."""
    return f"{value:,.0f}" if constraint in ("idp_rps_max", "money_max") else time(value)


def _thinned(study: Study) -> list[Assessed]:
    """As many of the frontier as a person reads: evenly taken, and the recommended one and the knee in any case."""
    front = study.frontier
    step = max(1, math.ceil(len(front) / MOST_ROWS))
    named = (study.recommendation.chosen, study.knee)
    return [each for number, each in enumerate(front) if number % step == 0 or each in named]


def _row(each: Assessed, *, chosen: bool = False, knee: bool = False) -> dict[str, Any]:
    choice = each.choice
    return {
        "mark": "recommended" if chosen else "knee" if knee else "",
        "ttl": time(choice.access_ttl_s),
        "keys": f"{time(choice.jwks_cache_s)} + {time(choice.jwks_stale_s)}",
        "revocation": choice.revocation
        + ("" if choice.revocation == "expiry" else f", {time(choice.revocation_cache_s)}"),
        "rps": rate(each.cost.idp_rps),
        "money": "" if each.money_per_month is None else f"{each.money_per_month:,.0f}",
        "p95": time(round(each.exposure.revoked_p95_s, 1)),
        "revoked": f"{time(round(each.exposure.revoked_worst_s))} ({time(round(each.exposure.revoked_mean_s))})",
        "stolen": time(round(each.exposure.stolen_worst_s)),
        "key": time(each.exposure.key_worst_s),
        "unnoticed": time(round(each.availability.unnoticed_s)),
    }


def _outage(outage_s: float, chosen: Assessed, world: World) -> dict[str, str]:
    steady = chosen.cost.token_rps
    drained = drained_s(outage_s, 2 * steady, chosen.choice, world)
    return {
        "length": time(outage_s),
        "refused": f"{refused_share(outage_s, chosen.choice, world):.0%}",
        "herd": rate(herd_rps(outage_s, chosen.choice, world)),
        "times": rate(herd_rps(outage_s, chosen.choice, world) / steady),
        "budget": f"{budget_spent(outage_s, chosen.choice, world):.0%}",
        "drained": "never" if drained is None else time(round(drained)),
    }


def _plot(front: Sequence[Assessed], chosen: Assessed | None) -> Picture:
    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure, top=12)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for number, strategy in enumerate(STRATEGIES):
            # Many choices differ in neither: one mark for all of them.
            own = {
                (each.cost.idp_rps, max(each.exposure.revoked_worst_s, 0.1)): None
                for each in front
                if each.choice.revocation == strategy
            }
            axes.scatter(
                [rps for rps, _ in own],
                [worst_s for _, worst_s in own],
                color=ink(series(number)),
                s=26,
            )
        if chosen is not None:
            axes.scatter(
                [chosen.cost.idp_rps],
                [max(chosen.exposure.revoked_worst_s, 0.1)],
                facecolors="none",
                edgecolors=ink("bound"),
                s=150,
                linewidths=2,
            )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())

    return picture(
        "frontier",
        "Worst exposure after a revocation (s), over requests/s at the IdP",
        draw,
        height=340,
        finding=f"{len(front)} choices of which no other is as good in everything.",
        legend=(
            *(Mark(series(number), f"revocation by {name}") for number, name in enumerate(STRATEGIES)),
            Mark("bound", "recommended", "line"),
        ),
    )
