"""Were secrets found in the logs, or in what refuses them. Pure."""

from __future__ import annotations

from idchaos.experiment import Verdict
from idchaos.record.record import Json, Run, as_number
from idchaos.verdict.invariants import LOGS_INVARIANT, REFUSALS, InvariantJudgement
from idchaos.verdict.objectives import Judgement

OWN_LOG = "load.log"
"""The load generator's. A run in which only this was searched tells nothing of the target."""


def judge_logs(record: Run) -> InvariantJudgement:
    """FAIL when the target's logs hold a secret that this run handed out; PASS only if all of it was looked for in all
    of them. Reads the event ``logs_searched`` (see :func:`idchaos.run.log_search.search_logs`).
    """
    searched = next((event.fields for event in record.named("logs_searched")), {})
    secrets, lines, found = (searched.get(key) for key in ("secrets", "lines", "found"))
    tried = sum(int(as_number(n) or 0) for n in secrets.values()) if isinstance(secrets, dict) else 0
    leaked, hits = (int(as_number(searched.get(key)) or 0) for key in ("leaked", "hits"))
    leaks = [each for each in (found if isinstance(found, list) else ()) if isinstance(each, dict)]
    evidence = tuple(_leak(each) for each in leaks)
    judgement = Judgement(Verdict.PASS)
    if leaked or hits:
        reason = f"{LOGS_INVARIANT}: {leaked:,} secrets of this run are in its logs, {hits:,} times"
        if evidence:
            reason += f", first in {evidence[0]['log']} line {evidence[0]['line']}: {evidence[0]['secret']}"
        judgement = Judgement(Verdict.FAIL, reason)
    elif missing := _unsearched(record, searched, set(lines if isinstance(lines, dict) else ()), tried):
        judgement = Judgement(Verdict.INCONCLUSIVE, f"{LOGS_INVARIANT}: {missing}")
    return InvariantJudgement(tried, leaked, judgement, evidence, counted="secrets found in logs")


def _unsearched(record: Run, searched: Json, logs: set[str], tried: int) -> str:
    """What is missing for PASS; empty when nothing is."""
    parts = record.counts.get("before")
    silent = sorted(name for name in (parts if isinstance(parts, dict) else ()) if f"{name}.log" not in logs)
    missing = {
        "the logs were not searched for secrets": not searched,
        "logs could not be read": bool(searched.get("unread")),
        "there is no log of the target to search": not logs - {OWN_LOG},
        f"there is no log of {', '.join(silent)} to search": bool(silent),
        "not all secrets of the run were known to look for": searched.get("complete") is not True or not tried,
        "some secrets of the run are too short to look for": bool(as_number(searched.get("too_short"))),
    }
    return next((what for what, so in missing.items() if so), "")


def _leak(found: Json) -> dict[str, str | float | int]:
    """What to look at; the secret itself was never recorded."""
    numbers = {key: int(as_number(found.get(key)) or 0) for key in ("line", "length")}
    return {
        "log": str(found.get("file", "")),
        "line": numbers["line"],
        "secret": str(found.get("kind", "")),
        "characters": numbers["length"],
        "hash": str(found.get("hash", "")),
    }


def judge_refusals(record: Run) -> InvariantJudgement | None:
    """FAIL when an answer that let nobody in quotes the token, code or secret that was sent. Attempts: refusals that
    were looked through, by the load generator, as they came. ``None`` where none was, as in runs of before.
    """
    searched, found = (_by_part(record, name) for name in ("refusals_searched", "refusals_quoting"))
    tried, quoting = sum(searched.values()), sum(found.values())
    if not tried:
        return None
    judgement = Judgement(Verdict.PASS)
    if quoting:
        by = ", ".join(f"{count:,} by {part}" for part, count in sorted(found.items()) if count)
        judgement = Judgement(Verdict.FAIL, f"{REFUSALS}: {quoting:,} of {tried:,} refusals quote what was sent: {by}")
    evidence: tuple[dict[str, str | float | int], ...] = tuple(
        {"replica": part, "quoting": count, "refusals": searched.get(part, 0)}
        for part, count in sorted(found.items())
        if count
    )
    return InvariantJudgement(tried, quoting, judgement, evidence, counted="refusals that quote a secret")


def _by_part(record: Run, name: str) -> dict[str, int]:
    found = record.generator.get(name)
    return {str(part): int(as_number(n) or 0) for part, n in found.items()} if isinstance(found, dict) else {}
