"""``summary.md``: the verdict, short enough for a comment on a pull request."""

from __future__ import annotations

import re

from idchaos.experiment import Verdict
from idchaos.record.record import Run
from idchaos.report import words
from idchaos.report.findings import of_paging
from idchaos.report.story import story
from idchaos.report.summary import (
    GLYPHS,
    checks,
    command_line,
    defects_asked_for,
    headline,
    met,
    reasons,
    replays,
    unspoken,
    variant,
)
from idchaos.verdict.measures import Measure
from idchaos.verdict.verdict import ObjectiveVerdict, RunVerdict

MOST_REASONS = 8
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!@&$])")


def summary(run: Run, verdict: RunVerdict) -> str:
    """Headline, reasons, checks, objectives, pages, the guide's measures, and the command that runs it again."""
    manifest = run.manifest
    name, which = escape(verdict.scenario), escape(variant(run, verdict))
    lines = [f"### {GLYPHS[verdict.verdict]} {headline(verdict)}: {name}{f' ({which})' if which else ''}", ""]
    wrong = defects_asked_for(run)
    lines += [f"**{escape(wrong)}**", ""] if wrong else []
    passed, unsaid = verdict.verdict is Verdict.PASS, [f"- {escape(text)}" for text in unspoken(verdict)]
    lines += unsaid if passed else []
    lines += [escape(told), ""] if (told := story(verdict)) else []
    why = reasons(verdict)
    lines += [f"- {escape(reason.text)}" for reason in why[:MOST_REASONS]]
    if len(why) > MOST_REASONS:
        lines.append(f"- and {len(why) - MOST_REASONS} more")
    lines += [] if passed or not unsaid else ["", *unsaid]
    lines += [
        "",
        " · ".join(_check(check.verdict, f"{check.label}: {check.detail}") for check in checks(verdict)),
    ]
    if verdict.objectives:
        lines += ["", "| Objective | Phase | Value | Bound | Interval | Samples | Verdict |"]
        lines += ["|---|---|--:|--:|--:|--:|---|"]
        lines += [_row(row) for row in verdict.objectives]
    if again := replays(verdict):
        lines += ["", "Replay the first breach:", ""]
        lines += [f"    {' '.join(command.split())}" for _, command in again]
    if verdict.paging:
        lines += ["", escape(of_paging(verdict.paging, run.load_started_at or 0.0))]
    if any(each.samples for each in verdict.measures):
        lines += ["", "| Measure (whole run, informative) | Value | Target | Met | Samples |", "|---|--:|--:|---|--:|"]
        lines += [_measure(row) for row in verdict.measures if row.samples]
        silent = [row.id for row in verdict.measures if not row.samples]
        lines += ["", escape(f"No data: {', '.join(silent)}.")] if silent else []
    lines += [
        "",
        f"Profile {escape(manifest.profile)}, seed {manifest.seed}, {words.utc(run.started_at)}. Again:",
        "",
    ]
    lines += [f"    {' '.join(command_line(run).split())}", ""]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no mention, one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace(r"\@", "@\u200b")


def _check(verdict: Verdict, text: str) -> str:
    return f"{GLYPHS[verdict]} {escape(text)}"


def _row(row: ObjectiveVerdict) -> str:
    cells = [
        escape(words.title(row.name)),
        escape(row.phase),
        f"**{words.value(row.value, row.unit, endless=row.endless)}**",
        escape(words.bound(row.bound, row.unit)),
        words.interval(row.interval, row.unit),
        f"{row.samples:,}",
        f"{GLYPHS[row.verdict]} {row.verdict}",
    ]
    return f"| {' | '.join(cells)} |"


def _measure(row: Measure) -> str:
    cells = [
        escape(f"{row.id} {row.name}"),
        f"**{words.value(row.value, row.unit, endless=row.endless)}**",
        escape(words.bound(row.target, row.unit)) if row.target else words.NOTHING,
        escape(row.note if row.met is None else met(row)),
        f"{row.samples:,}",
    ]
    return f"| {' | '.join(cells)} |"
