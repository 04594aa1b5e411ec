"""The zoo's results as Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from idchaos.report.markdown import escape
from idchaos.report.summary import GLYPHS
from idchaos.studies.zoo.results import MARKS, Control, Detection, Matrix, SoundRuns
from idchaos.targets.standin.defects import DEFECTS
from idchaos.topologies import DEFAULT_TOPOLOGY


def markdown(matrix: Matrix) -> str:
    """The matrix as Markdown tables."""
    lines = ["| | defect | what it is | run | caught by | failed besides |", "|---|---|---|---|---|---|"]
    for row in matrix.rows:
        by = ", ".join(f"`{name}`" for name in row.caught_by) or f"**{escape(row.reason)}**"
        cells = [GLYPHS[row.verdict], f"`{row.defect}`", escape(DEFECTS[row.defect].meaning), _trial(row), by]
        lines.append(f"| {' | '.join([*cells, ', '.join(f'`{name}`' for name in row.besides) or '–'])} |")
    lines += ["", "| | run without a defect | verdicts |", "|---|---|---|"]
    for runs in matrix.sound:
        verdicts = ", ".join(runs.verdicts) + "".join(f"; {escape(reason)}" for reason in runs.reasons)
        lines.append(f"| {GLYPHS[runs.verdict]} | {_trial(runs)} | {verdicts} |")
    return "\n".join([*lines, *_left_out(matrix.topology, matrix.skipped)]) + "\n"


def _left_out(topology: str, skipped: Mapping[str, str]) -> list[str]:
    """Which topology it was, where it is not the default, and what could not be tried there."""
    if topology == DEFAULT_TOPOLOGY:
        return []
    return [
        "",
        f"Topology: `{topology}`. Not tried there:" if skipped else f"Topology: `{topology}`.",
        "",
        *(f"- `{name}`: {escape(reason)}" for name, reason in skipped.items()),
    ]


def detection_markdown(detection: Detection) -> str:
    """Defects by trials as one Markdown table, and below it what each ○ failed under and why each ? is one."""
    titles = [_trial(runs) for runs in detection.sound]
    lines = [f"| defect | {' | '.join(titles)} |", f"|---|{':-:|' * len(titles)}"]
    lines.append(f"| *none* | {' | '.join(runs.verdict.value for runs in detection.sound)} |")
    for defect, cells in detection.by_defect.items():
        lines.append(f"| `{defect}` | {' | '.join(cell.mark for cell in cells)} |")
    lines += ["", " · ".join(f"{mark} {meaning}" for mark, meaning in MARKS.items()), ""]
    for cell in detection.cells:
        if cell.mark == "○":
            lines.append(f"- ○ `{cell.defect}`, {_trial(cell)}: {', '.join(f'`{name}`' for name in cell.besides)}")
        elif cell.mark == "?":
            lines.append(f"- ? `{cell.defect}`, {_trial(cell)}: {escape(cell.reason)}")
    lines += _left_out(detection.topology, detection.skipped)
    return "\n".join(lines).rstrip() + "\n"


def _trial(item: Control | SoundRuns) -> str:
    return f"{escape(item.scenario)} ({escape(item.variant)})"
