"""What a person sees before and while a run goes on. Nothing where nobody watches."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from idchaos.commands.lines import tell
from idchaos.experiment import Objective, Outcome, Phase
from idchaos.report import words
from idchaos.run.progress import Observer, Progress
from idchaos.settings import CORES

if TYPE_CHECKING:
    from idchaos.run.cores import Cores
    from idchaos.run.launch import Prepared
    from idchaos.verdict.power import Forecast

REFRESH_S = 0.25
NARROW = 60
"""Columns; below, each figure has a line of its own."""
BUSY = 0.75
"""Processes that want a core, for each core: above it, the load generator may be late."""


@contextlib.contextmanager
def watching(prepared: Prepared, *, quiet: bool) -> Iterator[Observer | None]:
    """An observer that draws on a terminal; elsewhere a line per phase on stderr; nothing when quiet."""
    if quiet:
        yield None
        return
    plan = prepared.experiment.plan
    title = f"{prepared.scenario.name} · {plan.variant} · {prepared.request.profile}"
    console = Console(stderr=True)
    tell(f"{title}: {_ahead(prepared)}")
    if not console.is_terminal:
        yield PhaseLines(title)
        return
    with Live(console=console, refresh_per_second=1 / REFRESH_S, transient=True) as live:
        yield LiveView(title, plan.phases, plan.objectives, live)


def _ahead(prepared: Prepared) -> str:
    from idchaos.commands.forecast import forecast
    from idchaos.run.cores import cores

    wanted = CORES[prepared.request.profile]
    return f"{ahead(forecast(prepared))}; {fitness(cores(), os.getloadavg()[0], wanted)}"


def ahead(found: Forecast) -> str:
    """One line before the load: how long it takes, and what it can decide."""
    asked = [*(each.decidable for each in found.objectives), *(each.decidable for each in found.invariants)]
    sure = sum(each == "yes" for each in asked)
    decides = f"can decide all {len(asked)} objectives and invariants"
    if sure < len(asked):
        decides = f"can surely decide {sure} of {len(asked)} objectives and invariants (idchaos validate says why)"
    return f"about {found.duration_s:.0f} s of load; {decides}"


def fitness(cores: Cores, busy: float, wanted: int) -> str:
    """Whether this machine is fit for a load that wants so many cores. ``busy``: processes that want one, everywhere on
    it: what a container is kept from, others may use.
    """
    if cores.usable < wanted:
        of = f" of {cores.machine}" if cores.usable < cores.machine else ""
        return f"it wants {wanted} cores and may use {cores.usable:.3g}{of}, which may make it INCONCLUSIVE"
    if busy > BUSY * cores.machine:
        return f"this machine is busy (load {busy:.1f} on {cores.machine} cores), which may make it INCONCLUSIVE"
    if cores.usable < cores.machine:
        return f"{cores.usable:.3g} of {cores.machine} cores may be used, and are free enough"
    return f"{cores.machine} cores are free enough"


class PhaseLines:
    """One line on stderr per stage: enough for a log."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._stage = ""

    def update(self, progress: Progress) -> None:
        """Print the stage when it changes."""
        if progress.stage != self._stage:
            self._stage = progress.stage
            print(f"{self._title}: {progress.stage}", file=sys.stderr, flush=True)


class LiveView:
    """Phases, time left, rate, success, p95, faults in force, objectives of the phase; redrawn in place."""

    def __init__(self, title: str, phases: Sequence[Phase], objectives: Sequence[Objective], live: Live) -> None:
        self._title, self._phases, self._objectives, self._live = title, phases, objectives, live
        self._drawn = 0.0

    def update(self, progress: Progress) -> None:
        """Redraw, a few times a second at most."""
        if time.monotonic() - self._drawn >= REFRESH_S:
            self._drawn = time.monotonic()
            width = self._live.console.width
            self._live.update(view(self._title, progress, self._phases, width, self._objectives))


def view(
    title: str, progress: Progress, phases: Sequence[Phase], width: int, objectives: Sequence[Objective] = ()
) -> RenderableType:
    """The live view at a width in columns. No line is longer: what is folded leaves its ghost when it is redrawn."""
    head = [Text(title, style="bold"), Text(progress.stage, style="cyan"), Text(f"{progress.left_s:.0f} s left")]
    fault = ", ".join(progress.active_faults)
    lines = [
        *_joined(head, width),
        bar(phases, progress.left_s, width),
        *_joined(_figures(progress), width),
        Text(f"in force: {fault}", style="yellow") if fault else Text("no fault in force", style="dim"),
        *(standing(each, progress.load) for each in objectives if each.phase == progress.stage),
    ]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)


def bar(phases: Sequence[Phase], left_s: float, width: int) -> Text:
    """The phases side by side, as long as they last, filled as far as they are over."""
    whole = sum(phase.duration_s for phase in phases)
    at = max(0.0, whole - left_s)
    drawn, start = Text(), 0.0
    for phase in phases:
        cells = max(1, round((width - len(phases)) * phase.duration_s / whole))
        done = round(cells * min(1.0, max(0.0, at - start) / phase.duration_s))
        name = phase.name[:cells].ljust(cells)
        drawn.append(name[:done], style="reverse").append(name[done:], style="dim").append(" ")
        start += phase.duration_s
    return drawn


def standing(objective: Objective, load: Mapping[str, Any]) -> Text:
    """An objective of the phase under way, with what the last seconds of all traffic look like where that tells
    something of it; the judge has the last word, over the whole phase.
    """
    name, bound = objective.name, words.bound(objective.bound.text, objective.bound.unit)
    found, unit = _now(objective.sli, load)
    if found is None:
        return Text(f"  {name} {bound}: judged at the end", style="dim")
    meets = found >= objective.bound.limit if objective.bound.op == ">=" else found <= objective.bound.limit
    return Text.assemble(f"  {name} {bound}: ", (f"{words.number(found, unit)} now", "green" if meets else "red"))


def _now(sli: str, load: Mapping[str, Any]) -> tuple[float | None, str]:
    """What an SLI is at the moment, and its unit; ``None``: nobody knows before the end."""
    good, bad = int(load.get("ok") or 0), int(load.get("bad") or 0)
    if sli.startswith("success_rate{flow=api}") and good + bad:
        return good / (good + bad), "share"
    if sli.startswith("latency_p95{flow=api}") and load.get("p95_s") is not None:
        return float(load["p95_s"]), "s"
    return None, ""


def _figures(progress: Progress) -> list[Text]:
    load = progress.load
    if not load:
        return []
    good, bad = int(load.get("ok") or 0), int(load.get("bad") or 0)
    p95 = load.get("p95_s")
    success = f"{good / (good + bad):.2%} ok" if good + bad else "nothing answered"
    accepted = int((load.get("by_outcome") or {}).get(Outcome.WRONGLY_ACCEPTED) or 0)
    return [
        Text(f"{float(load.get('rate') or 0):.0f} requests/s"),
        Text(success, style="red" if bad else "green"),
        Text(f"p95 {float(p95) * 1000:.0f} ms" if p95 is not None else "p95 not known yet"),
        *([Text(f"{accepted} bad tokens accepted", style="bold red")] if accepted else []),
    ]


def _joined(parts: Sequence[Text], width: int) -> list[Text]:
    """On one line, or a line each where there is no room."""
    return list(parts) if width < NARROW else [Text("   ").join(parts)] if parts else []
