"""The page: one self-contained file that needs no network and no JavaScript. Everything shown is escaped."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from idchaos.experiment import PhaseName, Verdict
from idchaos.record.record import Event, FaultRecord, Run
from idchaos.report import words
from idchaos.report.advice import glossary, of_invariant, slug
from idchaos.report.breaches import Group, groups
from idchaos.report.canvas import NARROW, WIDE
from idchaos.report.findings import duration, of_paging, windows
from idchaos.report.gallery import Gallery
from idchaos.report.page import filled
from idchaos.report.steps import mend, steps
from idchaos.report.story import story
from idchaos.report.strip import strip
from idchaos.report.summary import (
    changed_settings,
    checks,
    command_line,
    defects_asked_for,
    extra,
    flat_settings,
    headline,
    met,
    named_kinds,
    own_reason,
    reasons,
    tried,
    unspoken,
)
from idchaos.verdict.measures import Measure
from idchaos.verdict.series.canaries import CanaryTable
from idchaos.verdict.series.series import Series
from idchaos.verdict.verdict import FaultVerdict, InvariantVerdict, ObjectiveVerdict, RunVerdict, SliValue

MOST_JOURNAL_LINES = 2_000
MOST_REASONS = 5
Judged = TypeVar("Judged", ObjectiveVerdict, InvariantVerdict)
MOMENTS = ("before", "during", "after")
SOURCES = {"control": "control plane", "probe": "probe through the path", "target": "target itself"}

Cells = dict[str, Any]


def page(run: Run, verdict: RunVerdict, series: Series, gallery: Gallery) -> str:
    """The report as HTML."""
    known = _known(run)
    counts = _counts(verdict)
    return filled(
        "report.html.j2",
        wide=WIDE,
        narrow=NARROW,
        verdict=verdict.verdict.value,
        headline=headline(verdict),
        unspoken=unspoken(verdict),
        scenario=verdict.scenario,
        variant=verdict.variant,
        when=words.utc(verdict.started_at),
        summary=words.plain(extra(run, "summary") or ""),
        wrong=defects_asked_for(run),
        story=story(verdict),
        strip=strip(series),
        steps=steps(run, verdict),
        reasons=reasons(verdict)[:MOST_REASONS],
        more_reasons=reasons(verdict)[MOST_REASONS:],
        checks=checks(verdict),
        asked=_asked(run, verdict),
        settings=_settings(run),
        objectives={
            "open": [_objective(row, verdict) for row in _worst_first(verdict.objectives)],
            "met": [_objective(row, verdict) for row in verdict.objectives if row.verdict is Verdict.PASS],
        },
        measures=[_measure(row) for row in verdict.measures],
        nervous=of_paging(verdict.paging, series.axis.origin)
        if verdict.paging and verdict.paging.paged_in_baseline
        else "",
        invariants={
            "open": [_invariant(row, known) for row in _worst_first(verdict.invariants)],
            "held": [_invariant(row, known) for row in verdict.invariants if row.verdict is Verdict.PASS],
        },
        tried=f"{words.sentence('; '.join(tried(verdict)))}" if tried(verdict) else "",
        breaches=[_breach(group, known) for row in verdict.invariants for group in groups(run, series, row)],
        explained=[_explained(kind, known[kind]) for kind in _broken(verdict) if kind in known],
        glossary=glossary(),
        slug=slug,
        canaries=_canaries(series.canaries),
        faults=_faults(run, verdict),
        cleanup=_cleanup(verdict),
        counts=counts,
        reconciled=all(row["verdict"] == Verdict.PASS for row in counts),
        generator=_generator(verdict),
        gallery=gallery,
        fault_windows=windows(series.axis.faults),
        slis=_slis(verdict.slis),
        changes=[_change(row, verdict.slis) for row in verdict.changes if row.phase == PhaseName.FAULT.value],
        journal=_journal(run),
        journal_title=f"{len(run.events):,} event{'' if len(run.events) == 1 else 's'}"
        + (f", the first {MOST_JOURNAL_LINES:,} shown" if len(run.events) > MOST_JOURNAL_LINES else ""),
        command=command_line(run),
        analyze=f"idchaos analyze {verdict.run_dir}",
        versions=_versions(run),
    )


def _asked(run: Run, verdict: RunVerdict) -> list[tuple[str, str]]:
    plan = run.plan
    told = {
        "Scenario": verdict.scenario,
        "Variant": verdict.variant,
        "Profile": verdict.profile,
        "Target": words.plain(extra(run, "target") or "unknown"),
        "Gateway": words.plain(extra(run, "gateway") or ""),
        "Topology": words.plain(extra(run, "topology") or ""),
        "Seed": str(verdict.seed),
        "Load": f"{plan.load.rate:g} arrivals/s, open loop",
        "Phases": ", ".join(f"{phase.name.value} {phase.duration_s:g} s" for phase in plan.phases),
        "Run": verdict.status,
    }
    return [(term, value) for term, value in told.items() if value]


def _settings(run: Run) -> Cells:
    changed = changed_settings(run)
    every = _named(sorted(flat_settings(run.manifest.settings).items()))
    if changed is None:
        return {"title": "Settings", "shown": every, "all": []}
    return {"title": "Settings that differ from the defaults", "shown": _named(sorted(changed.items())), "all": every}


def _named(settings: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(name, words.plain(value)) for name, value in settings]


def _versions(run: Run) -> list[tuple[str, str]]:
    host = extra(run, "host")
    return [*_named(run.manifest.versions.items()), *([("host", words.plain(host))] if host else [])]


def _objective(row: ObjectiveVerdict, verdict: RunVerdict) -> Cells:
    return {
        "name": words.title(row.name),
        "sli": row.sli,
        "phase": row.phase,
        "value": words.value(row.value, row.unit, endless=row.endless),
        "interval": words.interval(row.interval, row.unit),
        "samples": f"{row.samples:,}",
        "bound": words.bound(row.bound, row.unit),
        "verdict": row.verdict.value,
        "reason": own_reason(row),
        "why": row.why if row.verdict is Verdict.FAIL else "",
        "mend": mend(row, verdict) if row.verdict is Verdict.FAIL else "",
    }


def _measure(row: Measure) -> Cells:
    return {
        "id": row.id,
        "name": row.name,
        "sli": row.sli,
        "value": words.value(row.value, row.unit, endless=row.endless),
        "interval": words.interval(row.interval, row.unit),
        "samples": f"{row.samples:,}",
        "target": words.bound(row.target, row.unit) if row.target else words.NOTHING,
        "verdict": "" if row.met is None else (Verdict.PASS if row.met else Verdict.FAIL).value,
        "met": met(row),
        "note": row.note.partition(": ")[2] if row.met is None else row.note,
    }


def _worst_first(rows: Sequence[Judged]) -> list[Judged]:
    """Those that are no PASS: broken ones first."""
    return [row for wanted in (Verdict.FAIL, Verdict.INCONCLUSIVE) for row in rows if row.verdict is wanted]


def _known(run: Run) -> dict[str, dict[str, str]]:
    """What the load generator says of each kind of bad token, where the run tells: what, bad, why, source."""
    told = extra(run, "canaries")
    kinds = told if isinstance(told, dict) else {}
    return {
        str(kind): {key: str(value).replace("`", "") for key, value in each.items()} for kind, each in kinds.items()
    }


def _broken(verdict: RunVerdict) -> list[str]:
    """Kinds of bad tokens that were accepted, each once."""
    return list(
        dict.fromkeys(str(each["canary"]) for row in verdict.invariants for each in row.evidence if each.get("canary"))
    )


def _explained(kind: str, known: dict[str, str]) -> Cells:
    told = {key: known.get(key, "") for key in ("what", "bad", "source")}
    return {"id": slug(f"kind {kind}"), "kind": kind, "name": words.title(kind), **told}


def _invariant(row: InvariantVerdict, known: dict[str, dict[str, str]]) -> Cells:
    failed = row.verdict is Verdict.FAIL
    kinds = [str(row.evidence[0].get("canary", ""))] if row.evidence else []
    return {
        "name": words.title(row.name),
        "verdict": row.verdict.value,
        "attempts": f"{row.attempts:,}",
        "breaches": f"{row.breaches:,}",
        "breached": row.breaches > 0,
        "reason": words.sentence(named_kinds(row)) if row.reason else "",
        "why": next((known[kind].get("why", "") for kind in kinds if kind in known), "") if failed else "",
        "mend": of_invariant(row.name) if failed else "",
    }


def _breach(group: Group, known: dict[str, dict[str, str]]) -> Cells:
    explained = slug(f"kind {group.kind}") if group.kind in known else ""
    return {**dataclasses.asdict(group), "explained": explained}


def _canaries(table: CanaryTable) -> Cells | None:
    if not table.cells:
        return None
    return {
        "phases": table.phases,
        "rows": [{"kind": kind, "cells": cells} for kind, cells in table.cells.items()],
        "breaches": sum(cells[-1].accepted for cells in table.cells.values()),
    }


def _faults(run: Run, verdict: RunVerdict) -> list[Cells]:
    recorded = {fault.name: fault for fault in run.faults}
    return [_fault(run, recorded.get(row.name, FaultRecord(name=row.name)), row) for row in verdict.faults]


def _fault(run: Run, fault: FaultRecord, row: FaultVerdict) -> Cells:
    zero = run.load_started_at or 0.0
    if row.applied_at is None:
        when = "never applied"
    else:
        healed = "never healed" if row.healed_at is None else f"healed at {row.healed_at - zero:.1f} s"
        when = f"applied at {row.applied_at - zero:.1f} s, {healed}"
    proof = [
        {
            "source": label,
            "cells": [
                {
                    "moment": moment,
                    "found": [
                        {"ok": effect.ok, "evidence": words.plain(effect.evidence)}
                        for effect in row.evidence
                        if (effect.source, effect.moment) == (source, moment)
                    ],
                }
                for moment in MOMENTS
            ],
        }
        for source, label in SOURCES.items()
    ]
    return {
        "name": row.name,
        "when": when,
        "detail": words.plain(fault.detail) if fault.detail else "",
        "reason": row.reason.replace(f"fault {row.name}: ", ""),
        "proved": row.effect_proved,
        "proof": proof if row.evidence else [],
    }


def _cleanup(verdict: RunVerdict) -> str:
    clean, left = verdict.cleanup.clean, verdict.cleanup.left
    if clean is None:
        return "Nobody looked whether anything was left behind."
    return "Nothing was left behind." if clean else f"Left behind: {', '.join(left) or 'not said what'}."


def _counts(verdict: RunVerdict) -> list[Cells]:
    return [
        {
            "what": row.what,
            "expected": " to ".join(f"{end:,}" for end in dict.fromkeys(row.expected)),
            "seen": words.NOTHING if row.seen is None else f"{row.seen:,}",
            "told": row.seen is not None,
            "verdict": (Verdict.PASS if row.agrees else Verdict.INCONCLUSIVE).value,
            "note": row.note or ", ".join(f"{flow} {count:,}" for flow, count in row.by_flow.items()),
        }
        for row in verdict.reconciliation
    ]


def _generator(verdict: RunVerdict) -> list[Cells]:
    return [
        {
            "phase": row.phase,
            "due": f"{row.due:,}",
            "late": duration(row.late_p99_s),
            "limit": duration(row.late_limit_s),
            "own": f"{row.own_dropped:,}",
            "target": f"{row.target_dropped:,}",
            "verdict": (Verdict.PASS if row.healthy else Verdict.INCONCLUSIVE).value,
        }
        for row in verdict.generator
    ]


def _slis(rows: Iterable[SliValue]) -> Cells | None:
    """One row an SLI, one column a phase."""
    found = {(row.sli, row.phase): row for row in rows}
    if not found:
        return None
    phases = [name.value for name in PhaseName if any(phase == name.value for _, phase in found)]
    names = list(dict.fromkeys(name for name, _ in found))
    return {
        "phases": phases,
        "rows": [{"sli": name, "cells": [_sli(found.get((name, phase))) for phase in phases]} for name in names],
    }


def _sli(row: SliValue | None) -> Cells | None:
    if row is None:
        return None
    return {
        "value": words.value(row.value, row.unit, endless=row.endless),
        "interval": words.interval(row.interval, row.unit),
        "samples": f"{row.samples:,}",
    }


def _change(row: SliValue, slis: Iterable[SliValue]) -> Cells:
    """An SLI's change over the baseline, beside what it was before and during. ``differs``: the interval excludes 0."""
    name = row.sli.replace("_change", "")
    values = {each.phase: words.number(each.value, each.unit) for each in slis if each.sli == name}
    low, high = row.interval
    return {
        "sli": name,
        "before": values.get(PhaseName.BASELINE.value, words.NOTHING),
        "during": values.get(row.phase, words.NOTHING),
        "change": words.change(row.value, row.unit),
        "interval": words.change_interval(row.interval, row.unit),
        "differs": (low is not None and low > 0) or (high is not None and high < 0),
    }


def _journal(run: Run) -> list[Cells]:
    zero = run.load_started_at or 0.0
    return [_line(event, zero) for event in run.events[:MOST_JOURNAL_LINES]]


def _line(event: Event, zero: float) -> Cells:
    return {"at": f"{event.at - zero:+.2f}", "event": event.event, "details": words.plain(event.fields)}
