"""What a person sees while a run goes on, and at its end. Quiet where nobody watches."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from idchaos.experiment import Outcome, Verdict
from idchaos.run.runner import Observer, Progress

if TYPE_CHECKING:
    from idchaos.run.launch import Prepared
    from idchaos.studies.zoo.results import Detection, Matrix
    from idchaos.verdict.verdict import RunVerdict

COLOURS = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
CAUGHT = {"PASS": "caught", "FAIL": "MISSED", "INCONCLUSIVE": "undecided"}
"""A row's verdict, said of its defect."""
REFRESH_S = 0.25
LOG_WIDTH = 160


@contextlib.contextmanager
def watching(prepared: Prepared, *, quiet: bool) -> Iterator[Observer | None]:
    """An observer that draws on a terminal; elsewhere a line per phase on stderr; nothing when quiet."""
    title = f"{prepared.scenario.name} · {prepared.experiment.plan.variant} · {prepared.request.profile}"
    if quiet:
        yield None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield PhaseLines(title)
        return
    with Live(console=console, refresh_per_second=1 / REFRESH_S, transient=True) as live:
        yield LiveView(title, live)


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
    """Phase, time left, rate, success, p95, active faults; redrawn in place."""

    def __init__(self, title: str, live: Live) -> None:
        self._title = title
        self._live = live
        self._drawn = 0.0

    def update(self, progress: Progress) -> None:
        """Redraw, a few times a second at most."""
        if time.monotonic() - self._drawn >= REFRESH_S:
            self._drawn = time.monotonic()
            self._live.update(view(self._title, progress))


def view(title: str, progress: Progress) -> Table:
    """The live view as a renderable."""
    load = progress.load
    good, bad = int(load.get("ok") or 0), int(load.get("bad") or 0)
    grid = Table.grid(padding=(0, 3))
    grid.add_row(Text(title, style="bold"), Text(progress.stage, style="cyan"), f"{progress.left_s:.0f} s left")
    if load:
        p95 = load.get("p95_s")
        success = f"{good / (good + bad):.2%} ok" if good + bad else "nothing answered"
        grid.add_row(
            f"{float(load.get('rate') or 0):.0f} requests/s",
            Text(success, style="red" if bad else "green"),
            f"p95 {float(p95) * 1000:.0f} ms" if p95 is not None else "p95 –",
        )
    accepted = int((load.get("by_outcome") or {}).get(Outcome.WRONGLY_ACCEPTED) or 0)
    if accepted:
        grid.add_row(Text(f"{accepted} bad tokens accepted", style="bold red"))
    fault = ", ".join(progress.active_faults)
    grid.add_row(Text(f"fault: {fault}", style="yellow") if fault else Text("no fault in force", style="dim"))
    return grid


def show_verdict(verdict: RunVerdict) -> None:
    """The verdict, its reasons, the objectives, and where the report is, on stdout."""
    from idchaos.report.summary import replays, tried

    # Where no terminal sets a width, nothing is folded: logs are read and searched by the line.
    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    head = Text(f"{verdict.verdict}", style=COLOURS[verdict.verdict])
    head.append(f"  {verdict.scenario} · {verdict.variant}", style="default")
    console.print(head)
    if verdict.cleanup.problem:
        console.print(Text(f"  {verdict.cleanup.problem}", style=COLOURS["FAIL"]))
    for reason in verdict.reasons:
        console.print(Text(f"  {reason}"))
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for heading in ("", "objective", "phase", "value", "interval", "samples", "bound"):
        table.add_column(heading, justify="right" if heading in ("value", "samples") else "left")
    for item in verdict.objectives:
        table.add_row(
            Text(item.verdict, style=COLOURS[item.verdict]),
            item.name,
            item.phase,
            _number(item.value),
            f"{_number(item.interval[0])} … {_number(item.interval[1])}" if item.interval else "–",
            str(item.samples),
            item.bound,
        )
    console.print(table)
    console.print(f"  {len(verdict.invariants)} invariants: {'; '.join(tried(verdict)) or 'nothing was tried'}")
    for name, command in replays(verdict):
        console.print(Text(f"  replay {name}: {command}"))
    if verdict.cleanup.clean is None:
        console.print(Text("  clean-up: the run did not come to it; idchaos recover makes sure", style="bold yellow"))
    console.print(f"  report: {verdict.run_dir}/report.html")


def show_matrix(matrix: Matrix) -> None:
    """Every defect with what caught it, every sound run with its verdict, on stdout; last, what stayed inconclusive."""
    from idchaos.studies.zoo.results import Control

    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for heading in ("", "defect", "run", "outcome"):
        table.add_column(heading)
    for row in matrix.rows:
        mark = Text(CAUGHT[row.verdict], style=COLOURS[row.verdict])
        table.add_row(mark, row.defect, f"{row.scenario} · {row.variant}", row.line())
    for runs in matrix.sound:
        table.add_row(_verdict(runs.verdict), "none", f"{runs.scenario} · {runs.variant}", runs.line())
    console.print(table)
    for each in matrix.undecided:
        what = each.defect if isinstance(each, Control) else "no defect"
        console.print(f"  inconclusive: {what}, {each.scenario} · {each.variant}: {each.line()}")
    caught = sum(row.verdict is Verdict.PASS for row in matrix.rows)
    passed = sum(runs.verdicts.count(Verdict.PASS) for runs in matrix.sound)
    whole = sum(len(runs.verdicts) for runs in matrix.sound)
    console.print(
        Text.assemble(
            _verdict(matrix.verdict),
            f"  {caught} of {len(matrix.rows)} defects caught by name; {passed} of {whole} sound runs passed",
        )
    )


def show_detection(detection: Detection) -> None:
    """Defects by runs, a sign for each, on stdout."""
    from idchaos.studies.zoo.results import MARKS

    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("defect")
    for runs in detection.sound:
        table.add_column(f"{runs.scenario}\n{runs.variant}", justify="center")
    table.add_row("none", *(_verdict(runs.verdict) for runs in detection.sound))
    for defect, cells in detection.by_defect.items():
        table.add_row(defect, *(Text(cell.mark, style=COLOURS[cell.verdict]) for cell in cells))
    console.print(table)
    console.print("  " + "; ".join(f"{mark} {meaning}" for mark, meaning in MARKS.items()))
    caught = sum(any(cell.verdict is Verdict.PASS for cell in cells) for cells in detection.by_defect.values())
    console.print(
        Text.assemble(
            _verdict(detection.verdict), f"  {caught} of {len(detection.by_defect)} defects caught by name in some run"
        )
    )


def _verdict(verdict: Verdict) -> Text:
    return Text(verdict, style=COLOURS[verdict])


def show_verdicts(verdicts: Sequence[RunVerdict]) -> None:
    """One line for each of several runs, on stdout."""
    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    table = Table(box=None, padding=(0, 2), show_header=False)
    for verdict in verdicts:
        first = verdict.reasons[0] if verdict.reasons else ""
        name = f"{verdict.scenario} · {verdict.variant}"
        table.add_row(Text(verdict.verdict, style=COLOURS[verdict.verdict]), name, Text(first))
    console.print()
    console.print(table)


def show_skipped(skipped: Mapping[str, str]) -> None:
    """One line for each scenario that is not run, and why, on stdout."""
    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    for reason in skipped.values():
        console.print(Text.assemble(("  SKIPPED", "dim"), f"  {reason}"))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
