"""From names to the runs of a bake-off: which components, which scenarios, what is left out and why."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from idchaos.errors import Unsuited, UsageError, unknown
from idchaos.run.launch import Prepared, Request, prepare
from idchaos.run.scenarios import all_scenarios, scenario_named
from idchaos.settings import names
from idchaos.studies.bakeoff.questions import POINTS, SCENARIOS
from idchaos.studies.study.points import seconds_of
from idchaos.targets.gateways.catalogue import STAND_IN, adapter_named, adapters
from idchaos.targets.tables import SUFFIX

Point = tuple[str, str]
"""A scenario and a variant."""
SHORT: Mapping[str, Any] = {
    "phases.warmup_s": 2,
    "phases.baseline_s": 5,
    "phases.recovery_s": 4,
    "fault.duration_s": 7,
    "gateway.jwks_cache_s": 2,
    "gateway.jwks_timeout_s": 1,
    "tokens.access_ttl_s": 8,
    "load.rate": 60,
    "load.login_rate": 0.5,
    "load.machine_rate": 1,
    "load.sessions": 20,
    "load.canaries_per_kind": 0.3,
    "slo.late_p99_s": 0.25,
}
"""A bake-off's own settings: many runs, each as short as its figures allow. ``--set`` goes above them, and with a
profile they are left out."""
ITS_OWN: Mapping[str, Mapping[str, Any]] = {
    "audience_confusion": {"load.canaries_per_kind": 1.2},
    "clock_skew": {"tokens.access_ttl_s": 6, "skew.dwell_s": 2},
    "key_rotation": {"rotation.settle_s": 3, "tokens.access_ttl_s": 6},
}
"""What some scenarios need otherwise."""
ALWAYS: Mapping[str, Mapping[str, Any]] = {"junk_kid_flood": {"flood.counted_by": "clients"}}
"""What components need that tell nothing of themselves, whatever the profile."""


@dataclass(frozen=True)
class Cell:
    """A run of the bake-off."""

    gateway: str
    point: Point
    repeat: int
    prepared: Prepared


@dataclass(frozen=True)
class Planned:
    """What will be run. ``skipped``: components that are not here, by name, with what installs them."""

    gateways: tuple[str, ...]
    points: tuple[Point, ...]
    cells: tuple[Cell, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[tuple[str, Point], str] = field(default_factory=dict)
    """Runs that are not made, and why."""
    short: bool = True
    """Whether they go by :data:`SHORT`."""

    def question(self) -> dict[str, Any]:
        """What tells its table from another study's: points of several bake-offs may share one."""
        return {"study": "bakeoff"}


def sorted_out(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[Point, ...]]:
    """Components and scenarios by what is named; none: all of them. A scenario is ``NAME`` or ``NAME:VARIANT``.

    Raises:
        UsageError: a word is neither.
    """
    gateways, points = [], []
    for word in words:
        name, _, variant = word.partition(":")
        if word == STAND_IN or word in adapters() or word.endswith(SUFFIX) or "/" in word:
            gateways.append(word)
        elif name in all_scenarios():
            points += _points_of(name, variant)
        else:
            raise UsageError(unknown("bakeoff", word, (STAND_IN, *adapters(), *SCENARIOS)))
    return tuple(dict.fromkeys(gateways)), tuple(dict.fromkeys(points)) or POINTS


def _points_of(scenario: str, variant: str) -> list[Point]:
    found = [point for point in POINTS if point[0] == scenario]
    if not found:
        raise UsageError(f"bakeoff: no figure is read from {scenario}; there are {', '.join(SCENARIOS)}")
    if not variant:
        return found
    if (scenario, variant) not in found:
        raise UsageError(unknown(f"bakeoff: {scenario}", variant, [each for _, each in found]))
    return [(scenario, variant)]


def present(gateways: Sequence[str], must_have: Sequence[str] = ()) -> tuple[tuple[str, ...], dict[str, str]]:
    """Of these (none: all there are adapters for) those that are here; and of the others what installs them.

    Raises:
        UsageError: one that must be here is not, or none is.
    """
    skipped = {name: f"not installed: {adapters()[name].install}" for name in gateways or adapters()
               if name in adapters() and adapters()[name].missing()}  # fmt: skip
    for name in must_have:
        if name in skipped:
            raise UsageError(f"bakeoff: {name} must be here (IDCHAOS_MUST_HAVE) and is {skipped[name]}")
    found = tuple(name for name in gateways or adapters() if name not in skipped)
    if not found:
        name, why = next(iter(skipped.items()))
        raise UsageError(f"bakeoff: nothing that is asked for is installed here; {name}: {why}")
    for name in found:
        adapter_named(name)
    return found, skipped


def planned(
    request: Request,
    gateways: Sequence[str],
    points: Sequence[Point],
    *,
    times: int,
    short: bool,
    longest_s: float,
    skipped: Mapping[str, str] | None = None,
) -> Planned:
    """All runs, in an order that chance chose by the seed: what a machine does in one hour falls on all alike.

    ``request``: what all have in common, with the first seed. ``short``: with :data:`SHORT`.

    Raises:
        UsageError: what is wrong, where, and what would be right.
    """
    first, left_out = request.seed or 0, {}
    cells: list[Cell] = []
    for gateway, point in product(gateways, points):
        for repeat in range(times):
            asked = replace(request, scenario=point[0], gateway=gateway, seed=first + repeat)
            try:
                prepared = prepare(replace(asked, overrides=_settings(asked, point, short=short)))
            except Unsuited as error:
                left_out[gateway, point] = str(error)
                break
            why_not = _why_not(prepared, longest_s)
            if why_not:
                left_out[gateway, point] = why_not
                break
            cells.append(Cell(gateway, point, repeat, prepared))
    random.Random(first).shuffle(cells)
    return Planned(tuple(gateways), tuple(points), tuple(cells), skipped or {}, left_out, short)


def _settings(request: Request, point: Point, *, short: bool) -> dict[str, Any]:
    """A component's own fixed settings come first; then what is asked for, the variant, and the bake-off's own."""
    scenario = scenario_named(point[0])
    known, adapter = names(scenario.settings), adapter_named(request.gateway)
    fixed = {f"gateway.{name}" for name in adapter.fixed} if adapter else set()
    own = {**SHORT, **ITS_OWN.get(point[0], {})} if short else {}
    own = {name: value for name, value in own.items() if name in known and name not in fixed}
    told = {name: value for name, value in request.overrides.items() if name in known and name not in fixed}
    return {**own, **ALWAYS.get(point[0], {}), **scenario.variants[point[1]], **told}


def _why_not(prepared: Prepared, longest_s: float) -> str:
    """Why a run would tell nothing, or take too long; empty: neither."""
    adapter = adapter_named(prepared.request.gateway)
    cache_s = prepared.settings.gateway.jwks_cache_s
    lasts_s = _outage_s(prepared)
    if lasts_s and adapter and cache_s > lasts_s and "jwks_cache_s" in adapter.fixed:
        return (
            f"its keys live for {cache_s:g} s, which it has no setting for, and the outage lasts {lasts_s:g} s: nobody "
            f"would ask for keys (--set fault.duration_s={cache_s + lasts_s:g})"
        )
    if seconds_of(prepared) > longest_s:
        return f"a run of it would take {seconds_of(prepared):.0f} s (--longest {seconds_of(prepared) + 1:.0f})"
    return ""


def _outage_s(prepared: Prepared) -> float:
    if prepared.scenario.name not in ("jwks_outage", "live_key_removed"):
        return 0.0
    found: dict[str, Any] = prepared.settings.model_dump()
    return float(found["fault"]["duration_s"])


def check_assignments(overrides: Mapping[str, Any], points: Sequence[Point]) -> None:
    """Refuse a setting that none of the scenarios has.

    Raises:
        UsageError: names the nearest ones that there are.
    """
    known = {name for scenario, _ in points for name in names(scenario_named(scenario).settings)}
    for name in overrides:
        if name not in known:
            raise UsageError(unknown("--set", name, sorted(known)))
