"""What a run will be able to decide, for a person and as JSON."""

from __future__ import annotations

from typing import Any

from idchaos.graph import Graph
from idchaos.planning.sample_counts import Setup
from idchaos.run.launch import Prepared
from idchaos.settings import CommonSettings
from idchaos.verdict.missable import REMEDY, shown
from idchaos.verdict.power import Decidable, Forecast, InvariantForecast, ObjectiveForecast, foretell

MARKS = {Decidable.YES: "✓", Decidable.NO: "✕", Decidable.PERHAPS: "?"}


def forecast(prepared: Prepared) -> Forecast:
    """Whether a run can decide what it asks, before it is made."""
    return foretell(prepared.experiment.plan, setup_of(prepared.settings, prepared.graph))


def setup_of(settings: CommonSettings, graph: Graph) -> Setup:
    """The system that is tested, as far as it bears on how many samples there are."""
    return Setup(
        access_ttl_s=settings.tokens.access_ttl_s,
        replicas=graph.gateways,
        routes=tuple((route.path, route.service) for route in graph.routes),
        everyday_format=graph.everyday_format,
    )


def document(found: list[Forecast], profile: str) -> dict[str, Any]:
    """What ``--json`` prints; see docs/validate.md."""
    worst = Decidable.worst(each.decidable for each in found)
    return {
        "decidable": worst,
        "profile": profile,
        "scenarios": [each.model_dump(mode="json") for each in found],
    }


def described(forecast: Forecast, profile: str) -> str:
    """A forecast for a person."""
    lines = [
        f"{MARKS[forecast.decidable]} {forecast.scenario} ({forecast.variant}), profile {profile}: "
        f"{forecast.duration_s:g} s of load, {forecast.rate:g} arrivals/s"
    ]
    lines += [line for each in forecast.objectives for line in _objective(each)]
    lines += _invariants(forecast.invariants)
    lines.append("  Needed: when nothing goes wrong, and samples are independent (design effect 1).")
    lines += _missable(forecast.objectives)
    return "\n".join(lines)


def _objective(each: ObjectiveForecast) -> list[str]:
    needs = "" if each.needed is None else f", needs {each.needed:,}"
    spare = "" if each.tolerates is None else f", bears {each.tolerates:,} failure{'' if each.tolerates == 1 else 's'}"
    lines = [
        f"  {MARKS[each.decidable]} {each.name} ({each.sli} {each.bound}) in {each.phase}: "
        f"{each.planned.mean:,.0f} samples planned{needs}{spare}"
    ]
    if each.reason:
        lines.append(f"      {each.reason}")
    if each.phase_s is not None:
        lines.append(f"      enough: {each.phase} of {each.phase_s:,g} s, or {each.rate:,g} samples/s")
    return lines


def _missable(found: tuple[ObjectiveForecast, ...]) -> list[str]:
    """What each phase could miss though nothing fails in it."""
    open_ = {each.phase: each.could_miss for each in found if each.could_miss is not None}
    if not open_:
        return []
    said = ", ".join(f"{shown(share)} in {phase}" for phase, share in open_.items())
    return [
        f"  Without a failure, PASS can miss an incident of whole seconds, in up to this share of them: {said}. "
        f"{REMEDY[:1].upper()}{REMEDY[1:]} sees rarer ones."
    ]


def _invariants(found: tuple[InvariantForecast, ...]) -> list[str]:
    """The undecided ones, and one line for all others."""
    sure = [each for each in found if each.decidable is Decidable.YES]
    lines = [f"  {MARKS[each.decidable]} {each.name}: {each.reason}" for each in found if each not in sure]
    lines += [f"  · {each.name} leaves out {each.left_out}" for each in found if each.left_out]
    fewest: dict[str, int] = {}
    for count in (count for each in sure for count in each.canaries):
        fewest[count.phase] = min(count.planned.at_least, fewest.get(count.phase, count.planned.at_least))
    if sure:
        planned = ", ".join(f"{least:,} in {phase}" for phase, least in fewest.items())
        lines.append(f"  {MARKS[Decidable.YES]} {len(sure)} invariants: of each canary at least {planned}")
    return lines
