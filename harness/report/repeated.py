"""The page of several runs of one plan, judged together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from idchaos.experiment import Verdict
from idchaos.report import words
from idchaos.report.page import filled
from idchaos.verdict.repeats import RepeatedObjective, Repeats
from idchaos.verdict.verdict import RunVerdict

WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def page(judged: Repeats, runs: Sequence[RunVerdict], links: Sequence[str]) -> str:
    """As HTML. ``links``: where the report of each run is."""
    held = [each for each in judged.invariants if each.verdict is Verdict.PASS]
    return filled(
        "repeated.html.j2",
        verdict=judged.verdict.value,
        scenario=judged.scenario,
        variant=judged.variant,
        count=len(runs),
        sentence=sentence(judged),
        reasons=[words.sentence(reason) for reason in judged.reasons],
        missed=[each.could_have_missed.text for each in judged.objectives if each.could_have_missed],
        objectives=[_objective(each) for each in sorted(judged.objectives, key=lambda each: _rank(each.verdict))],
        broken=[each for each in judged.invariants if each.verdict is not Verdict.PASS],
        held=len(held),
        tried=f"{sum(each.attempts for each in held):,}",
        runs=[
            {"verdict": run.verdict.value, "seed": run.seed, "when": words.utc(run.started_at), "link": link}
            for run, link in zip(runs, links, strict=True)
        ],
        analyze="idchaos analyze " + " ".join(run.run_dir for run in runs),
    )


def sentence(judged: Repeats) -> str:
    """What the runs came to, in one sentence: ``Of 5 runs, 4 PASS and 1 INCONCLUSIVE; together: PASS.``"""
    count = len(judged.seeds)
    met = sum(each.verdict is Verdict.PASS for each in judged.objectives)
    held = sum(each.verdict is Verdict.PASS for each in judged.invariants)
    return (
        f"{count} {'run' if count == 1 else 'runs'} of one plan, seeds {', '.join(map(str, judged.seeds))}: together "
        f"{met} of {len(judged.objectives)} objectives met, {held} of {len(judged.invariants)} invariants held."
    )


def alone(row: RepeatedObjective) -> str:
    """``4 PASS, 1 INCONCLUSIVE``: what each run said by itself."""
    return ", ".join(f"{row.verdicts.count(each)} {each}" for each in WORST_FIRST if each in row.verdicts)


def _rank(verdict: Verdict) -> int:
    return WORST_FIRST.index(verdict)


def _objective(row: RepeatedObjective) -> dict[str, Any]:
    return {
        "name": words.title(row.name),
        "sli": row.sli,
        "phase": row.phase,
        "verdict": row.verdict.value,
        "value": words.value(row.value, row.unit, endless=row.endless),
        "bound": words.bound(row.bound, row.unit),
        "interval": words.interval(row.interval, row.unit),
        "samples": f"{row.samples:,}",
        "alone": alone(row),
        "reason": row.reason,
    }
