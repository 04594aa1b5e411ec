"""What a person sees at the end of a run, of several, of the zoo."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from idchaos.experiment import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from idchaos.report.together import Unjudged
    from idchaos.studies.repeated import Joint
    from idchaos.studies.zoo.results import Detection, Matrix
    from idchaos.verdict.comparison import Comparison
    from idchaos.verdict.verdict import ObjectiveVerdict, RunVerdict

COLOURS = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
CAUGHT = {"PASS": "caught", "FAIL": "MISSED", "INCONCLUSIVE": "undecided"}
"""A row's verdict, said of its defect."""
LOG_WIDTH = 160
WIDE = 100
"""Columns that the table of objectives needs."""
SHOWN = 4
"""Reasons beside the first."""


def show_verdict(verdict: RunVerdict, command: str) -> None:
    """The verdict, what decided it, and last the sentence that matters, where the report is, and what to do next; by
    ``command`` the run can be made again.
    """
    from idchaos.report.steps import next_step
    from idchaos.report.story import story
    from idchaos.report.summary import headline, reasons, replays, tried, unspoken

    console = _console()
    head = Text(headline(verdict), style=COLOURS[verdict.verdict])
    console.print(Text.assemble(head, f"  {verdict.scenario} · {verdict.variant}"))
    # Beside a PASS it comes first what that does not speak of; else what failed does.
    passed, unsaid = verdict.verdict is Verdict.PASS, unspoken(verdict)
    if verdict.status != "completed" and len(unsaid) > SHOWN:
        unsaid = [f"Not spoken of, since the run ended early: {len(unsaid)} things, in the report."]
    for text in unsaid if passed else ():
        console.print(_indented(text))
    if verdict.cleanup.problem:
        console.print(_indented(Text(verdict.cleanup.problem, style=COLOURS["FAIL"])))
    if verdict.objectives:
        console.print(_objectives(verdict.objectives, console.width))
    found = "; ".join(tried(verdict)) or "nothing was tried"
    console.print(_indented(f"{len(verdict.invariants)} invariants: {found}"))
    for text in () if passed else unsaid:
        console.print(_indented(text))
    for name, again in replays(verdict):
        console.print(_indented(f"replay {name}: {again}"))
    if verdict.cleanup.clean is None:
        unsure = "clean-up: the run did not come to it; idchaos recover makes sure"
        console.print(_indented(Text(unsure, style=COLOURS["INCONCLUSIVE"])))
    console.print()
    first, *follow = [reason.text for reason in reasons(verdict)][bool(verdict.cleanup.problem) :]
    console.print(Text.assemble(_verdict(verdict.verdict), f"  {first}"))
    # Where a run ended early, what is missing follows from that.
    shown = follow[:SHOWN] if verdict.status == "completed" else []
    for reason in shown:
        console.print(_indented(reason))
    if told := story(verdict):
        console.print(_indented(told))
    if len(follow) > len(shown):
        console.print(_indented(f"and {len(follow) - len(shown)} more, in the report"))
    # Not folded: whatever is copied from here is copied whole.
    console.print(f"  report: {verdict.run_dir}/report.html", soft_wrap=True)
    if step := next_step(verdict, command):
        console.print(f"  next: {step}", soft_wrap=True)


def _objectives(rows: Sequence[ObjectiveVerdict], width: int) -> RenderableType:
    """A table where there is room for it; else two lines a row. Names stay whole."""
    if width < WIDE:
        return Group(*(line for row in rows for line in _two_lines(row, width)))
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for heading in ("", "objective", "phase", "value", "interval", "samples", "bound"):
        table.add_column(
            heading, justify="right" if heading in ("value", "samples") else "left", no_wrap=heading == "objective"
        )
    for row in rows:
        table.add_row(_verdict(row.verdict), row.name, row.phase, *_figures(row))
    return table


def _rows(headings: Sequence[str], rows: Sequence[tuple[Text, str, *tuple[str, ...]]], width: int) -> RenderableType:
    """A verdict, a name, and what is said of it: a table where there is room for one, else two lines a row."""
    if width < WIDE:
        named = ((_headed(mark, name, width), ": ".join(filter(None, said))) for mark, name, *said in rows)
        return Group(*(part for name, said in named for part in (name, *([_below(said)] if said else []))))
    table = Table(box=None, padding=(0, 2), header_style="dim", show_header=bool(headings))
    for place, heading in enumerate(headings or ("",) * 3):
        table.add_column(heading, no_wrap=place < 2)
    for row in rows:
        table.add_row(row[0], *map(Text, row[1:]))
    return table


def _headed(mark: Text, name: str, width: int) -> Text:
    """A mark and a name, which stays whole: on a line of its own where there is no room beside the mark."""
    beside = 3 + len(mark.plain) + len(name) <= width
    return Text.assemble("  ", mark, " " if beside else "\n  ", name)


def _below(said: str) -> RenderableType:
    return Padding(Text(said, style="dim"), (0, 0, 0, 6))


def _two_lines(row: ObjectiveVerdict, width: int) -> tuple[RenderableType, RenderableType]:
    value, interval, samples, bound = _figures(row)
    said = f"{row.phase}: {value} ({interval}) of {samples}; bound {bound}"
    return _headed(_verdict(row.verdict), row.name, width), _below(said)


def _figures(row: ObjectiveVerdict) -> tuple[str, str, str, str]:
    """Value, interval, samples, bound: in units, as the report has them."""
    from idchaos.report import words

    value = words.value(row.value, row.unit, endless=row.endless)
    return value, words.interval(row.interval, row.unit), f"{row.samples:,}", words.bound(row.bound, row.unit)


class Unquitting(Console):
    """A console that leaves a closed pipe to the command: Rich would exit with 1, which here says FAIL."""

    def on_broken_pipe(self) -> None:
        """Raises the error of the pipe, which is being handled."""
        raise  # noqa: PLE0704


def _console() -> Console:
    """Stdout. Where no terminal sets a width, nothing is folded: logs are read and searched by the line."""
    return Unquitting(
        highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH, soft_wrap=not sys.stdout.isatty()
    )


def _indented(text: str | Text) -> RenderableType:
    """Folded at words, to the right of what it belongs to; in a log not folded at all."""
    told = Text(text) if isinstance(text, str) else text
    return Padding(told, (0, 0, 0, 2)) if sys.stdout.isatty() else Text.assemble("  ", told)


def show_matrix(matrix: Matrix) -> None:
    """Every defect with what caught it, every sound run with its verdict, on stdout; last, what stayed inconclusive."""
    from idchaos.studies.zoo.results import Control

    console = _console()
    rows = [
        (
            Text(CAUGHT[row.verdict], style=COLOURS[row.verdict]),
            row.defect,
            f"{row.scenario} · {row.variant}",
            row.line(),
        )
        for row in matrix.rows
    ]
    for runs in matrix.sound:
        rows.append((_verdict(runs.verdict), "none", f"{runs.scenario} · {runs.variant}", runs.line()))
    console.print(_rows(("", "defect", "run", "outcome"), rows, console.width))
    for each in matrix.undecided:
        what = each.defect if isinstance(each, Control) else "no defect"
        console.print(_indented(f"inconclusive: {what}, {each.scenario} · {each.variant}: {each.line()}"))
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

    console = _console()
    # Runs by number: their names side by side are wider than any terminal.
    for number, runs in enumerate(detection.sound, 1):
        told = Text.assemble(f"{number:>2}  ", _verdict(runs.verdict), f"  {runs.scenario} · {runs.variant}")
        console.print(_indented(told))
    console.print()
    numbers = " ".join(f"{number:>2}" for number, _ in enumerate(detection.sound, 1))
    longest = max(map(len, detection.by_defect), default=0)
    beside = 2 + longest + 2 + len(numbers) <= console.width
    console.print(Text(f"  {'defect':<{longest}}  {numbers}" if beside else f"  defect\n    {numbers}", style="dim"))
    for defect, cells in detection.by_defect.items():
        marks = Text(" ").join(Text(f" {cell.mark}", style=COLOURS[cell.verdict]) for cell in cells)
        console.print(Text.assemble(f"  {defect:<{longest}}  " if beside else f"  {defect}\n    ", marks))
    console.print(_indented("; ".join(f"{mark} {meaning}" for mark, meaning in MARKS.items())))
    caught = sum(any(cell.verdict is Verdict.PASS for cell in cells) for cells in detection.by_defect.values())
    console.print(
        Text.assemble(
            _verdict(detection.verdict), f"  {caught} of {len(detection.by_defect)} defects caught by name in some run"
        )
    )


def _verdict(verdict: Verdict) -> Text:
    return Text(verdict, style=COLOURS[verdict])


def show_joint(joint: Joint) -> None:
    """What several runs of one plan come to together: objectives with the interval over runs, then the verdict."""
    from idchaos.report import words
    from idchaos.report.repeated import alone, sentence

    console, judged = _console(), joint.judged
    console.print(Text.assemble("\n", ("together  ", "bold"), f"{judged.scenario} · {judged.variant}"))
    for row in judged.objectives:
        console.print(_headed(_verdict(row.verdict), row.name, console.width))
        value = words.value(row.value, row.unit, endless=row.endless)
        said = f"{row.phase}: {value} ({words.interval(row.interval, row.unit)})"
        told = f"{said} of {row.samples:,}; bound {words.bound(row.bound, row.unit)}; alone: {alone(row)}"
        console.print(_below(told))
    console.print()
    console.print(Text.assemble(_verdict(judged.verdict), f"  {sentence(judged)}"))
    for reason in judged.reasons[:SHOWN]:
        console.print(_indented(reason))
    missed = [each.could_have_missed.text for each in judged.objectives if each.could_have_missed]
    if missed:
        console.print(_indented(words.sentence(missed[0])))
    console.print(f"  report: {joint.report}", soft_wrap=True)


def show_comparison(found: Comparison, page: Path) -> None:
    """What is worse and what can't be told, then whether the second run is worse at all."""
    from idchaos.report import words
    from idchaos.report.compared import WORST_FIRST, sentence, values

    console = _console()
    colours = dict(zip(WORST_FIRST, (COLOURS["FAIL"], COLOURS["INCONCLUSIVE"], COLOURS["PASS"]), strict=True))
    for how in WORST_FIRST:
        for row in (row for row in found.objectives if row.change is how):
            console.print(_headed(Text(row.change.value, colours[how]), row.name, console.width))
            first, second, difference = values(row)
            said = f"{row.phase}: {first} → {second}, {difference}"
            console.print(_below(f"{said} ({words.change_interval(row.interval, row.unit)})"))
        for each in (each for each in found.invariants if each.change is how and how is not WORST_FIRST[-1]):
            console.print(_headed(Text(each.change.value, colours[how]), each.name, console.width))
    console.print()
    console.print(Text.assemble((found.change.value, colours[found.change]), f"  {sentence(found)}"))
    console.print(f"  page: {page}", soft_wrap=True)


def show_verdicts(
    verdicts: Sequence[RunVerdict], joint: Sequence[Joint] = (), unjudged: Sequence[Unjudged] = ()
) -> None:
    """One line for each of several runs, on stdout, one for each plan whose runs were judged together, and one for each
    that came to no verdict.
    """
    console = _console()
    rows = [
        (_verdict(each.verdict), f"{each.scenario} · {each.variant}", each.reasons[0] if each.reasons else "")
        for each in verdicts
    ]
    for judged in (each.judged for each in joint):
        told = judged.reasons[0] if judged.reasons else ""
        rows.append((_verdict(judged.verdict), f"{judged.scenario}, together", told))
    for lost in unjudged:
        error = Text("ERROR", style=COLOURS["FAIL"])
        rows.append((error, f"{lost.scenario} · {lost.variant}", lost.error))
    console.print()
    console.print(_rows((), rows, console.width))


def show_skipped(skipped: Mapping[str, str]) -> None:
    """One line for each scenario that is not run, and why, on stdout."""
    console = _console()
    for reason in skipped.values():
        console.print(_indented(Text.assemble(("SKIPPED", "dim"), f"  {reason}")))
