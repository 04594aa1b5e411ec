"""``study capacity``: the highest rate that still meets the objectives, by steps and then by bisection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from idchaos.errors import StoreError
from idchaos.experiment import Verdict
from idchaos.graph import Graph
from idchaos.record.record import load
from idchaos.studies.capacity.resources import Shortage, shortage
from idchaos.studies.study.edge import Search
from idchaos.studies.study.points import Result
from idchaos.studies.study.thresholds import Answer, Thresholds
from idchaos.values import Value

SCENARIO = Path(__file__).with_name("steady_load.py")
SETTING = "capacity.rate"
WATCHED = ("served", "in_time")
FLOWS = ("api", "opaque", "login", "machine")
LEAST_POINTS = 4


class Rate(Value):
    """What was measured at one rate, over its runs."""

    rate: float
    state: str
    """holds, breaks or undecided."""
    p95_s: float | None
    """The median of its runs."""
    served: float | None
    runs: int


class Headroom(Value):
    """What is left at a rate when one gateway is gone, if the others share its traffic, each as good as now."""

    at_rps: float
    gateways: int
    bears_rps: float
    left_rps: float


class Capacity(Value):
    """What was found."""

    answer: Answer
    flow: str
    rates: tuple[Rate, ...]
    knee_rps: float | None
    shortage: Shortage
    gateways: int | None
    """How many shared the load; ``None``: no run is there to tell."""

    @property
    def at_least(self) -> bool:
        """Whether the edge is not the system's: it might bear more."""
        return self.answer.edge.breaks is None or self.shortage.own

    @property
    def found(self) -> bool:
        """Whether it is known from both sides, as closely as was asked, and the system's own."""
        return self.answer.against(None) is Verdict.PASS and not self.at_least

    def sentence(self) -> str:
        """The answer in one sentence."""
        edge = self.answer.edge
        if edge.holds is None:
            return f"{self.flow}: no rate was seen to hold"
        lost = _lost(self.answer)
        if lost is None:
            return f"{self.flow}: {edge.holds:g}/s holds, and more was not tried"
        why = f": {self.shortage.what} ran out" if self.shortage.what and not self.shortage.own else ""
        if self.at_least:
            ours = self.shortage.what or "too little could be decided"
            return f"{self.flow}: at least {edge.holds:g}/s; {lost:g}/s says nothing of the system: {ours}"
        return f"{self.flow}: {edge.holds:g}/s holds, {lost:g}/s does not{why}"

    def headroom(self, at_rps: float, gateways: int) -> Headroom | None:
        """What is left when one of so many gateways is gone; ``None``: not known."""
        if self.answer.edge.holds is None or not self.gateways:
            return None
        bears = self.answer.edge.holds / self.gateways * (gateways - 1)
        return Headroom(at_rps=at_rps, gateways=gateways, bears_rps=bears, left_rps=bears - at_rps)


@dataclass(frozen=True)
class CapacityStudy(Thresholds):
    """A study of thresholds, of the one setting that says how much there is."""

    def question(self) -> dict[str, Any]:
        """What tells its table from another study's, wherever this program is installed."""
        return {**super().question(), "study": "capacity", "scenario": SCENARIO.stem}


def search(low: float, high: float, within: float, repeats: int) -> Search:
    """Steps of two, then bisection until the edge is known to so much of itself."""
    return Search(low=low, high=high, resolution=low * within, relative=within, growth=2.0, repeats=repeats)


def found(answer: Answer, flow: str) -> Capacity:
    """What the runs say: the knee, and what ran out at the lowest rate that did not hold."""
    rates = tuple(_rates(answer))
    lost = _lost(answer)
    at_edge = [each for each in answer.results if lost is not None and each.varied[SETTING] == lost]
    return Capacity(
        answer=answer.model_copy(update={"scenario": SCENARIO.stem}),
        flow=flow,
        rates=rates,
        knee_rps=knee(rates),
        shortage=_shortage([each for each in at_edge if each.verdict is Verdict.FAIL] or at_edge),
        gateways=_gateways(answer.results),
    )


def _lost(answer: Answer) -> float | None:
    """The lowest rate that broke; if none did, the lowest undecided one beyond what holds; ``None``: none either."""
    edge = answer.edge
    if edge.breaks is not None:
        return edge.breaks
    return min((each for each in edge.undecided if edge.holds is None or each > edge.holds), default=None)


def knee(rates: Sequence[Rate]) -> float | None:
    """The rate beyond which latency rises faster than load: the point farthest below the line between the ends
    (Satopää et al., "Finding a Kneedle in a Haystack", 2011); ``None``: too few rates to tell.
    """
    spots = [(each.rate, each.p95_s) for each in rates if each.p95_s is not None]
    if len(spots) < LEAST_POINTS:
        return None
    (x0, y0), (x1, y1) = spots[0], spots[-1]
    if x1 <= x0 or y1 <= y0:
        return None
    below = [(x - x0) / (x1 - x0) - (y - y0) / (y1 - y0) for x, y in spots]
    return spots[below.index(max(below))][0]


def _rates(answer: Answer) -> list[Rate]:
    by_rate: dict[float, list[Result]] = {}
    for result in answer.results:
        rate = result.varied[SETTING]
        assert isinstance(rate, int | float)
        by_rate.setdefault(float(rate), []).append(result)
    return [
        Rate(
            rate=rate,
            state=answer.state_of(rate),
            p95_s=_middle(results, "in_time"),
            served=_middle(results, "served"),
            runs=len(results),
        )
        for rate, results in sorted(by_rate.items())
    ]


def _middle(results: Sequence[Result], name: str) -> float | None:
    told = [each for each in results if each.decided] or results
    values = [each.value for one in told for each in one.measured if each.name == name and each.value is not None]
    return median(values) if values else None


def _shortage(results: Sequence[Result]) -> Shortage:
    seen = []
    for result in results:
        try:
            seen.append(shortage(load(Path(result.run_dir))))
        except StoreError:
            continue
    if results and not seen:
        return Shortage(what="the directories of its runs are gone", own=True)
    # Of several runs, what was the system's own counts only if no run ended by us.
    return max(seen, key=lambda each: (each.own, bool(each.what)), default=Shortage(what=""))


def _gateways(results: Sequence[Result]) -> int | None:
    for result in results:
        try:
            graph = (load(Path(result.run_dir)).manifest.model_extra or {}).get("graph")
        except StoreError:
            continue
        return len(Graph.model_validate(graph).gateways)
    return None
