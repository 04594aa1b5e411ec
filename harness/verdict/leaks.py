"""Were secrets found in the logs, or in answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from idchaos.contract import METRICS_LOG
from idchaos.experiment import Verdict
from idchaos.reasons import LINE_BREAK
from idchaos.record.record import Json, Run, as_number
from idchaos.verdict.evidence import Evidence
from idchaos.verdict.invariants import (
    ANSWERS,
    LINES,
    LOG_GROWTH,
    LOGS_INVARIANT,
    REFUSALS,
    InvariantJudgement,
)
from idchaos.verdict.objectives import Judgement

MOST_BYTES = 4_096
"""A line of an access log with all headers is half as long."""
FEWEST_REQUESTS = 500
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
    elif leaks:
        judgement = Judgement(Verdict.FAIL, f"{LOGS_INVARIANT}: secrets of this run are in its logs")
    elif missing := _unsearched(record, searched, set(lines if isinstance(lines, dict) else ()), tried):
        judgement = Judgement(Verdict.INCONCLUSIVE, f"{LOGS_INVARIANT}: {missing}")
    return InvariantJudgement(tried, leaked, judgement, evidence, counted="secrets found in logs")


def judge_lines(record: Run, evidence: Evidence) -> InvariantJudgement | None:
    """FAIL when a log of the target has a line that a client wrote (CWE-117): some made-up keys have one in their name.
    Attempts: such tokens that were decided. ``None``: there was none, or nobody looked, as in runs of before.
    """
    asked = evidence.asked
    sent = asked["way"].astype(str).str.contains(LINE_BREAK, regex=False) & (asked["decision"] != "undecided")
    tried = int(sent.sum())
    searched = next((event.fields for event in record.named("logs_searched")), {})
    forged, lines = searched.get("forged"), searched.get("lines")
    logs = set(lines) - {OWN_LOG} if isinstance(lines, dict) else set()
    if not isinstance(forged, dict) or not logs:
        return None
    found = {name: int(as_number(count) or 0) for name, count in forged.items() if name in logs}
    if not tried and not found:
        return None
    where: tuple[dict[str, str | float | int], ...] = tuple(
        {"log": name, "lines": count} for name, count in sorted(found.items())
    )
    reason = f"{LINES}: clients wrote lines of their own into {', '.join(sorted(found))}" if found else ""
    judgement = Judgement(Verdict.FAIL if found else Verdict.PASS, reason)
    return InvariantJudgement(
        max(tried, len(found)), len(found), judgement, where, counted="logs with lines of clients"
    )


def judge_growth(record: Run) -> InvariantJudgement | None:
    """FAIL when a log of the target grew by more than :data:`MOST_BYTES` for each request of this run: a disk is full
    of it within hours, soonest when strangers ask for it (CWE-779). Attempts: logs. ``None`` for runs of before, and
    for those of fewer requests than :data:`FEWEST_REQUESTS`, in which a log tells most of its start.
    """
    searched = next((event.fields for event in record.named("logs_searched")), {})
    sizes, sent = searched.get("bytes"), int(as_number(record.generator.get("sent")) or 0)
    if not isinstance(sizes, dict) or sent < FEWEST_REQUESTS:
        return None
    theirs = {name: size for name, size in sizes.items() if name != OWN_LOG and not name.endswith(METRICS_LOG)}
    grown = {name: (as_number(size) or 0.0) / sent for name, size in theirs.items()}
    if not grown:
        return None
    long = {name: round(size) for name, size in sorted(grown.items()) if size > MOST_BYTES}
    reason = f"{LOG_GROWTH}: " + ", ".join(f"{name} grew by {size:,} bytes a request" for name, size in long.items())
    shown: tuple[dict[str, str | float | int], ...] = tuple(
        {"log": name, "bytes_a_request": size} for name, size in long.items()
    )
    judgement = Judgement(Verdict.FAIL, reason) if long else Judgement(Verdict.PASS)
    return InvariantJudgement(len(grown), len(long), judgement, shown, counted="logs that grow too fast")


def _unsearched(record: Run, searched: Json, logs: set[str], tried: int) -> str:
    """What is missing for PASS; empty when nothing is."""
    parts = record.counts.get("before")
    silent = sorted(name for name in (parts if isinstance(parts, dict) else ()) if f"{name}.log" not in logs)
    unread = searched.get("unread")
    names = ", ".join(map(str, unread)) if isinstance(unread, list) else ""
    missing = {
        "the logs were not searched for secrets": not searched,
        "it is not told whether a secret was found": any(
            as_number(searched.get(key)) is None for key in ("leaked", "hits")
        ),
        f"logs could not be read: {names}": bool(unread),
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


def judge_quotes(record: Run) -> Iterator[tuple[str, InvariantJudgement]]:
    """FAIL when an answer gives away a token, code or secret: a refusal what was sent, any other that or what somebody
    was handed. Attempts: answers that were looked through, by the load generator, as they came. Nothing of a kind that
    was not, as in runs of before.
    """
    for name, kind in ((REFUSALS, "refusals"), (ANSWERS, "answers")):
        searched, found = (_by_part(record, f"{kind}_{what}") for what in ("searched", "quoting"))
        if searched:
            yield name, _quoting(name, kind, searched, found, record.generator.get("quoted_first"))


def _quoting(
    name: str, kind: str, searched: Mapping[str, int], found: Mapping[str, int], first: JsonValue
) -> InvariantJudgement:
    tried, quoting = sum(searched.values()), sum(found.values())
    judgement = Judgement(Verdict.PASS)
    if quoting:
        by = ", ".join(f"{count:,} by {part}" for part, count in sorted(found.items()) if count)
        judgement = Judgement(Verdict.FAIL, f"{name}: {quoting:,} of {tried:,} {kind} quote a secret: {by}")
    evidence: tuple[dict[str, str | float | int], ...] = tuple(
        {
            "replica": part,
            "quoting": count,
            kind: searched.get(part, 0),
            "first": str(first.get(part, "")) if isinstance(first, dict) else "",
        }
        for part, count in sorted(found.items())
        if count
    )
    return InvariantJudgement(tried, quoting, judgement, evidence, counted=f"{kind} that quote a secret")


def _by_part(record: Run, name: str) -> dict[str, int]:
    found = record.generator.get(name)
    counts = {str(part): int(as_number(n) or 0) for part, n in found.items()} if isinstance(found, dict) else {}
    return {part: count for part, count in counts.items() if count}
