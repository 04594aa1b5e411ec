"""The page of two runs side by side."""

from __future__ import annotations

from typing import Any

from idchaos.record.record import Run
from idchaos.report import words
from idchaos.report.page import filled
from idchaos.report.summary import flat_settings
from idchaos.verdict.comparison import Change, Comparison, InvariantChange, ObjectiveChange
from idchaos.verdict.verdict import RunVerdict

COLOURS = {Change.NO_WORSE: "pass", Change.WORSE: "fail", Change.UNKNOWN: "inconclusive"}
SIGNS = {Change.NO_WORSE: "✓", Change.WORSE: "✕", Change.UNKNOWN: "?"}
WORST_FIRST = (Change.WORSE, Change.UNKNOWN, Change.NO_WORSE)


def page(
    found: Comparison, records: tuple[Run, Run], runs: tuple[RunVerdict, RunVerdict], links: tuple[str, str]
) -> str:
    """As HTML. ``links``: where the reports of both runs are."""
    return filled(
        "compared.html.j2",
        scenario=found.scenario,
        change=found.change.value,
        colour=COLOURS[found.change],
        sign=SIGNS[found.change],
        sentence=sentence(found),
        reasons=[words.sentence(words.title(words.signs(reason))) for reason in found.reasons],
        runs=[_run(name, run, link) for name, run, link in zip(("first", "second"), runs, links, strict=True)],
        settings=different_settings(*records),
        objectives=[_objective(row) for how in WORST_FIRST for row in found.objectives if row.change is how],
        invariants=[_invariant(row) for how in WORST_FIRST[:2] for row in found.invariants if row.change is how],
        held=sum(row.change is Change.NO_WORSE for row in found.invariants),
    )


def sentence(found: Comparison) -> str:
    """``The second run is no worse: 5 of 7 objectives and 38 of 38 invariants are no worse, 2 can't be told.``"""
    changes = [*(row.change for row in found.objectives), *(row.change for row in found.invariants)]
    counts = {how: changes.count(how) for how in Change}
    head = {
        Change.NO_WORSE: "The second run is no worse than the first",
        Change.WORSE: "The second run is worse than the first",
        Change.UNKNOWN: "Whether the second run is worse can't be told",
    }[found.change]
    return (
        f"{head}: of {len(changes)} objectives and invariants {counts[Change.WORSE]} are worse, "
        f"{counts[Change.UNKNOWN]} can't be told, {counts[Change.NO_WORSE]} are no worse."
    )


def different_settings(first: Run, second: Run) -> list[tuple[str, str, str]]:
    """Settings that differ, by name: the first run's and the second's."""
    before, after = (flat_settings(record.manifest.settings) for record in (first, second))
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [(name, words.plain(before.get(name, "none")), words.plain(after.get(name, "none"))) for name in names]


def _run(name: str, run: RunVerdict, link: str) -> dict[str, Any]:
    return {
        "name": name,
        "verdict": run.verdict.value,
        "when": words.utc(run.started_at),
        "link": link,
        "variant": run.variant,
        "seed": run.seed,
        "profile": run.profile,
    }


def _invariant(row: InvariantChange) -> dict[str, Any]:
    before, after = (verdict or "not tried" for verdict in row.verdicts)
    breaches = f"{row.breaches[0]:,} → {row.breaches[1]:,}"
    return {"name": words.title(row.name), "before": before, "after": after, "breaches": breaches, **_mark(row.change)}


def _mark(change: Change) -> dict[str, str]:
    return {"change": change.value, "colour": COLOURS[change], "sign": SIGNS[change]}


def values(row: ObjectiveChange) -> tuple[str, str, str]:
    """The first run's value, the second's, and the difference: ``4.2 s``, ``∞``, ``+∞``."""
    first, second = (
        words.value(value, row.unit, endless=endless)
        for value, endless in zip((row.first, row.second), row.endless, strict=True)
    )
    difference = words.change(row.difference, row.unit)
    if row.endless == (False, True) and row.first is not None:
        difference = f"+{words.ENDLESS}"
    elif row.endless == (True, False) and row.second is not None:
        difference = f"−{words.ENDLESS}"
    return first, second, difference


def _objective(row: ObjectiveChange) -> dict[str, Any]:
    first, second, difference = values(row)
    return {
        "name": words.title(row.name),
        "sli": row.sli,
        "phase": row.phase,
        "first": first,
        "second": second,
        "difference": difference,
        "interval": words.change_interval(row.interval, row.unit),
        "tolerance": words.change(row.tolerance, row.unit).lstrip("+"),
        "verdicts": " → ".join(verdict or "not judged" for verdict in row.verdicts),
        "reason": words.signs(row.reason),
        **_mark(row.change),
    }
