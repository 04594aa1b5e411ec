"""The page of all runs: what became of each, and how each objective went over time. Filters need no JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from idchaos.experiment import Verdict
from idchaos.report import words
from idchaos.report.findings import span
from idchaos.report.page import filled
from idchaos.values import Value

WIDTH, HEIGHT, MARGIN = 220.0, 44.0, 5.0
"""Of a trend, in CSS pixels."""
MOST_POINTS = 60


class PastObjective(BaseModel):
    """An objective of a stored verdict, of whatever version."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    sli: str = ""
    phase: str = ""
    value: float | None = None
    unit: str = ""
    bound: str = ""
    verdict: Verdict


class Past(Value):
    """A run as it was judged."""

    path: str
    """Its directory, from the page's folder."""
    scenario: str
    variant: str
    profile: str
    target: str
    topology: str
    defects: tuple[str, ...]
    seed: int
    started_at: float | None
    lasts_s: float
    """Of load, as planned."""
    verdict: Verdict
    reason: str
    objectives: tuple[PastObjective, ...]
    invariants: int
    held: int


@dataclass(frozen=True)
class Point:
    """One run in a trend, in CSS pixels."""

    x: float
    y: float
    verdict: str
    title: str
    link: str


@dataclass(frozen=True)
class Trend:
    """An objective over the runs of one scenario and variant, the oldest first."""

    scenario: str
    variant: str
    name: str
    bound: str
    last: str
    points: tuple[Point, ...]

    @property
    def line(self) -> str:
        """For an SVG polyline."""
        return " ".join(f"{each.x:.1f},{each.y:.1f}" for each in self.points)


def page(runs: Sequence[Past]) -> str:
    """As HTML. ``runs``: the newest first."""
    scenarios = list(dict.fromkeys(sorted(run.scenario for run in runs)))
    return filled(
        "history.html.j2",
        count=len(runs),
        scenarios=list(enumerate(scenarios)),
        verdicts=[(each.value, sum(run.verdict is each for run in runs)) for each in Verdict],
        runs=[_row(run, scenarios.index(run.scenario)) for run in runs],
        trends=[(scenarios.index(trend.scenario), trend) for trend in trends(runs)],
        width=WIDTH,
        height=HEIGHT,
    )


def trends(runs: Sequence[Past]) -> list[Trend]:
    """Of every objective that at least two runs of a scenario and variant measured, with the same settings or not."""
    found: dict[tuple[str, str, str], list[tuple[Past, PastObjective]]] = {}
    for run in reversed(runs):
        for each in run.objectives:
            if each.value is not None:
                found.setdefault((run.scenario, run.variant, each.name), []).append((run, each))
    return [
        _trend(scenario, variant, name, pairs[-MOST_POINTS:])
        for (scenario, variant, name), pairs in sorted(found.items())
        if len(pairs) > 1
    ]


def _trend(scenario: str, variant: str, name: str, pairs: Sequence[tuple[Past, PastObjective]]) -> Trend:
    values = [each.value or 0.0 for _, each in pairs]
    low, high = min(values), max(values)
    points = tuple(
        Point(
            x=MARGIN + (WIDTH - 2 * MARGIN) * number / (len(pairs) - 1),
            y=HEIGHT / 2 if low == high else HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / (high - low),
            verdict=each.verdict.value,
            title=f"{words.utc(run.started_at)}: {words.number(value, each.unit)}, {each.verdict.value}",
            link=f"{run.path}/report.html",
        )
        for number, (value, (run, each)) in enumerate(zip(values, pairs, strict=True))
    )
    last = pairs[-1][1]
    told = words.number(last.value, last.unit)
    return Trend(scenario, variant, words.title(name), words.bound(last.bound, last.unit), told, points)


def _row(run: Past, number: int) -> dict[str, Any]:
    met = sum(each.verdict is Verdict.PASS for each in run.objectives)
    return {
        "number": number,
        "link": f"{run.path}/report.html",
        "when": words.utc(run.started_at),
        "scenario": run.scenario,
        "variant": run.variant,
        "verdict": run.verdict.value,
        "where": ", ".join(filter(None, (run.target, run.topology, run.profile))),
        "defects": ", ".join(run.defects),
        "lasts": span(round(run.lasts_s, 1)),
        "objectives": f"{met} of {len(run.objectives)}",
        "invariants": f"{run.held} of {run.invariants}",
        "reason": run.reason,
        "seed": run.seed,
    }
