"""What all parts of a target count, and what passed over its links, at one moment: for the comparison of counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from idchaos.errors import TargetError
from idchaos.targets.base import Target
from idchaos.targets.capabilities import ReportsState
from idchaos.targets.observer import ObservesLinks

Json = dict[str, JsonValue]


@dataclass(frozen=True)
class Looked:
    """One look at a target."""

    told: Mapping[str, Any]
    """By component, what it tells of itself; of those that did not answer, an ``error``."""
    observed: tuple[Json, ...]
    """What had passed over the links, by provider and link, before all components were asked, and after; ``{}``: the
    observer did not answer. Empty where no link is observed.
    """


def look(target: Target) -> Looked:
    """Ask everybody. Nothing is raised: what could not be read is told by what is missing."""
    first = _observed(target)
    told = _told(target)
    return Looked(told, (*first, *_observed(target)))


def compared(before: Looked, after: Looked) -> dict[str, Any]:
    """The fields of the journal event ``counts`` that two looks make."""
    sides = {"before": before.told, "after": after.told}
    if not before.observed:
        return sides
    return {**sides, "observed": {"before": list(before.observed), "after": list(after.observed)}}


def _told(target: Target) -> dict[str, Any]:
    reports = target.capability(ReportsState)
    told: dict[str, Any] = {}
    for component in target.graph.parts if reports is not None else ():
        if reports is None or not reports.tells(component):
            continue
        try:
            told[component] = reports.state(component)
        except TargetError as error:
            told[component] = {"error": str(error)}
    return told


def _observed(target: Target) -> tuple[Json, ...]:
    observes = target.capability(ObservesLinks)
    if observes is None:
        return ()
    try:
        links = observes.observed()
    except TargetError:
        return ({},)
    by_provider: dict[str, Any] = {}
    for link in target.graph.links:
        if link.name in links:
            counts = links[link.name].sums().model_dump(mode="json", exclude_defaults=True)
            by_provider.setdefault(link.provider, {})[link.name] = counts
    return (by_provider,)
