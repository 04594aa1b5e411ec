"""What matters most of a run: what was let in; and what users felt, since when, where, by which error. Pure."""

from __future__ import annotations

from idchaos.report import words
from idchaos.report.advice import CAUSES
from idchaos.report.findings import duration, percent
from idchaos.verdict.felt import Felt
from idchaos.verdict.verdict import RunVerdict

MOSTLY = 0.6
"""From this share on, one replica is named alone."""
MOST_NAMED = 3


def story(verdict: RunVerdict) -> str:
    """What matters most in a sentence or two: what was let in, and what users felt; empty where nothing is known."""
    felt = verdict.felt
    if felt is not None and felt.requests and not felt.failed and _fault_never_came(verdict):
        told = f"No fault was made: the run ended before; all {felt.requests:,} good requests until then were served."
    else:
        told = _felt(felt)
    return " ".join(filter(None, (_let_in(verdict), told)))


def _fault_never_came(verdict: RunVerdict) -> bool:
    return bool(verdict.faults) and all(each.applied_at is None for each in verdict.faults)


def _let_in(verdict: RunVerdict) -> str:
    broken = [row for row in verdict.invariants if row.breaches]
    seen = [each for row in broken for each in row.evidence]
    if not broken:
        return ""
    kinds, replicas, phases = (_each(seen, key) for key in ("canary", "replica", "phase"))
    count = sum(row.breaches for row in broken)
    names = words.listed([words.title(row.name) for row in broken])
    what = f"{count:,} {'breach' if count == 1 else 'breaches'} of {names}"
    if kinds and all(row.counted == broken[0].counted for row in broken):
        many = f"{len(kinds)} kinds" if len(kinds) > MOST_NAMED else words.listed([words.title(kind) for kind in kinds])
        what = f"{count:,} bad {'token was' if count == 1 else 'tokens were'} accepted ({many})"
    where = f", by {words.listed(sorted(replicas))}" if 0 < len(replicas) <= MOST_NAMED else ""
    return f"{what}{where}{f', first in {phases[0]}' if phases else ''}."


def _each(seen: list[dict[str, str | float | int]], key: str) -> list[str]:
    return list(dict.fromkeys(str(each[key]) for each in seen if each.get(key)))


def _felt(felt: Felt | None) -> str:
    if felt is None:
        return ""
    if not felt.requests:
        return "No good request was made after the warm-up, so nobody knows what users would have felt."
    if not felt.failed:
        return f"Users felt nothing: all {felt.requests:,} good requests after the warm-up were served."
    share = f"{felt.failed:,} of {felt.requests:,} good requests ({percent(felt.failed / felt.requests)}) went wrong"
    return f"{share}: {_since(felt)}, {_where(felt)}, {_error(felt)}."


def settings(felt: Felt | None) -> tuple[str, ...]:
    """The settings that bear on the error of most failures."""
    cause = CAUSES.get(felt.error) if felt else None
    return cause.settings if cause else ()


def _since(felt: Felt) -> str:
    first, last = duration(felt.first_s or 0.0), duration(felt.last_s or 0.0)
    when = f"at {first}" if first == last else f"from {first} to {last}"
    after = f", {duration(felt.after_fault_s)} after it began" if felt.after_fault_s is not None else ""
    return f"{when} (in {felt.phase}{after})"


def _where(felt: Felt) -> str:
    total = sum(felt.replicas.values())
    if not total:
        return "before any replica answered"
    first, count = next(iter(felt.replicas.items()))
    if len(felt.replicas) == 1:
        return f"at {first}"
    if count > MOSTLY * total:
        return f"{_share(count, total)} at {first}"
    named = sorted(felt.replicas)
    return f"at {words.listed(named)}" if len(named) <= MOST_NAMED else f"at {len(named)} replicas alike"


def _error(felt: Felt) -> str:
    answer = f"HTTP {felt.status}" if felt.status else "no answer"
    cause = CAUSES.get(felt.error)
    means = f": {cause.means}" if cause else ""
    return f"{_share(felt.error_count, felt.failed)} by {felt.error or 'no error code'} ({answer}){means}"


def _share(count: int, of: int) -> str:
    return "all" if count == of else f"{percent(min(0.99, round(count / of, 2)))} of them"


def mend(felt: Felt | None) -> str:
    """How the error of most failures is mended, with the settings that bear on it; empty where that is unknown."""
    cause = CAUSES.get(felt.error) if felt else None
    if cause is None or not cause.mend:
        return ""
    return f"{cause.mend}{f' ({words.listed(cause.settings)})' if cause.settings else ''}."
