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
HEADROOM = 10.0
"""Above all that has an end, where there is something without one."""
MOST_POINTS = 60


class PastObjective(BaseModel):
    """An objective of a stored verdict, of whatever version."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    sli: str = ""
    phase: str = ""
    value: float | None = None
    endless: bool = False
    """Whether no end was seen: something was measured, and has no finite value."""
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
    gateway: str
    """Whose; empty for the stand-in, as is the IdP's."""
    idp: str
    topology: str
    asked: tuple[str, ...]
    """What was asked for besides: settings (``load.rate=80``) and added faults."""
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

    @property
    def system(self) -> str:
        """What was tested: ``local``, ``local, envoy``."""
        return ", ".join(filter(None, (self.target, self.gateway, self.idp)))


@dataclass(frozen=True, order=True)
class Kind:
    """What runs have in common whose measurements can stand on one line, whatever their seeds."""

    scenario: str
    variant: str
    profile: str
    system: str
    topology: str
    asked: tuple[str, ...]

    @classmethod
    def of(cls, run: Past) -> Kind:
        """A run's."""
        return cls(run.scenario, run.variant, run.profile, run.system, run.topology, run.asked)

    @property
    def where(self) -> str:
        """On one line, but for the scenario and for what was set."""
        return ", ".join(filter(None, (self.system, self.topology, self.profile)))


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
    """An objective over the runs of one kind, the oldest first."""

    kind: Kind
    name: str
    bound: str
    last: str
    points: tuple[Point, ...]

    @property
    def line(self) -> str:
        """For an SVG polyline."""
        return " ".join(f"{each.x:.1f},{each.y:.1f}" for each in self.points)


@dataclass(frozen=True)
class Filter:
    """One of several things that rows can be narrowed by. ``values``: each with how many runs have it."""

    name: str
    values: tuple[tuple[str, int], ...]

    @classmethod
    def by(cls, name: str, found: Sequence[str]) -> Filter:
        """Of what each run has of it."""
        return cls(name, tuple((value, found.count(value)) for value in sorted(set(found))))

    def number(self, value: str) -> int:
        """Which of its values that is: an attribute of a row may be any text, and a number needs no escape."""
        return [each for each, _ in self.values].index(value)


def page(runs: Sequence[Past]) -> str:
    """As HTML. ``runs``: the newest first."""
    verdicts = Filter("verdict", tuple((each.value, sum(run.verdict is each for run in runs)) for each in Verdict))
    of_kind = [
        Filter.by(name, [getattr(run, field) for run in runs])
        for name, field in (("scenario", "scenario"), ("profile", "profile"), ("target", "system"))
    ]

    def numbers(of: Past | Kind) -> dict[str, int]:
        values = (of.scenario, of.profile, of.system)
        return {each.name: each.number(value) for each, value in zip(of_kind, values, strict=True)}

    return filled(
        "history.html.j2",
        count=len(runs),
        filters=[verdicts, *of_kind],
        runs=[_row(run) | {"at": {"verdict": verdicts.number(run.verdict)} | numbers(run)} for run in runs],
        trends=[(numbers(trend.kind), trend) for trend in trends(runs)],
        width=WIDTH,
        height=HEIGHT,
    )


def trends(runs: Sequence[Past]) -> list[Trend]:
    """Of every objective that at least two runs of a kind measured. What a run with defects measured is no history."""
    found: dict[tuple[Kind, str], list[tuple[Past, PastObjective]]] = {}
    for run in reversed(runs):
        for each in () if run.defects else run.objectives:
            if each.value is not None or each.endless:
                found.setdefault((Kind.of(run), each.name), []).append((run, each))
    return [_trend(kind, name, pairs[-MOST_POINTS:]) for (kind, name), pairs in sorted(found.items()) if len(pairs) > 1]


def _trend(kind: Kind, name: str, pairs: Sequence[tuple[Past, PastObjective]]) -> Trend:
    points = tuple(
        Point(
            x=MARGIN + (WIDTH - 2 * MARGIN) * number / (len(pairs) - 1),
            y=y,
            verdict=each.verdict.value,
            title=f"{words.utc(run.started_at)}: {_told(each)}, {each.verdict.value}",
            link=f"{run.path}/report.html",
        )
        for number, (y, (run, each)) in enumerate(zip(heights([each for _, each in pairs]), pairs, strict=True))
    )
    last = pairs[-1][1]
    return Trend(kind, words.title(name), words.bound(last.bound, last.unit), _told(last), points)


def heights(measured: Sequence[PastObjective]) -> list[float]:
    """Where each is drawn, in CSS pixels from the top: the greatest highest, and what has no end above all that has."""
    values = [each.value or 0.0 for each in measured if not each.endless]
    low, high = min(values, default=0.0), max(values, default=0.0)
    bottom, top = HEIGHT - MARGIN, MARGIN + (HEADROOM if len(values) < len(measured) else 0.0)

    def height(each: PastObjective) -> float:
        if each.endless:
            return MARGIN
        return (
            (bottom + top) / 2 if low == high else bottom - (bottom - top) * ((each.value or 0.0) - low) / (high - low)
        )

    return [height(each) for each in measured]


def _told(each: PastObjective) -> str:
    return words.value(each.value, each.unit, endless=each.endless)


def _row(run: Past) -> dict[str, Any]:
    met = sum(each.verdict is Verdict.PASS for each in run.objectives)
    return {
        "link": f"{run.path}/report.html",
        "when": words.utc(run.started_at),
        "scenario": run.scenario,
        "variant": run.variant,
        "verdict": run.verdict.value,
        "kind": Kind.of(run),
        "defects": ", ".join(run.defects),
        "lasts": span(round(run.lasts_s, 1)),
        "objectives": f"{met} of {len(run.objectives)}",
        "invariants": f"{run.held} of {run.invariants}",
        "reason": run.reason,
        "seed": run.seed,
    }
