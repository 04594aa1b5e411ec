"""Security properties that no fault excuses: judged by canaries, and by whatever else was wrongly accepted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from idchaos.contract import CALLED_BAD
from idchaos.experiment import (
    REVOKED,
    RIPENING_S,
    SHOWN,
    SHOWN_WHILE_GOOD,
    Canary,
    Invariant,
    Outcome,
    PhaseName,
    Verdict,
)
from idchaos.reasons import FOREIGN_ANSWER, NOT_OF_REVOCATION
from idchaos.record.record import Run, RunRecord
from idchaos.record.samples import is_way
from idchaos.verdict.evidence import Evidence, evidence_of, methods
from idchaos.verdict.objectives import Judgement
from idchaos.verdict.ways import unoffered

SHOWN_BREACHES = 20
WITHDRAWN_KEYS, BAD_TOKENS = "withdrawn_keys_refused", "bad_tokens_refused"
"""See :func:`implied_invariants`."""
WITHHELD = frozenset({"jwks_unavailable", "introspection_unavailable", "revocations_unavailable"})
"""Reasons of a validator that could not decide. It let nobody in, so the invariant was tried and held in that
phase; it is no decided attempt, and none of these alone makes PASS.
"""
LOGS_INVARIANT = "no_tokens_in_logs"
LINES = "log_lines_not_forged"
LOG_GROWTH = "logs_bounded"
"""See :mod:`idchaos.verdict.leaks`."""
ISOLATION = "answers_are_ones_own"
"""See :mod:`idchaos.verdict.isolation`."""
REFUSALS = "refusals_repeat_no_token"
ANSWERS = "answers_repeat_no_token"
"""See :mod:`idchaos.verdict.leaks`."""
PROMPTNESS = "junk_refused_at_once"
"""See :mod:`idchaos.verdict.promptness`."""
LEFT_OUT = "nobody_is_left_out"
"""See :mod:`idchaos.verdict.unserved`."""
PASSWORDS = "wrong_passwords_refused"
DEAD_ON_ARRIVAL = "fresh_tokens_by_live_keys"
"""See :mod:`idchaos.verdict.dead_on_arrival`."""
UNASKED = {
    "token_answers_not_stored": "token answers that a cache may keep",
    "no_private_keys_published": "published keys with private members",
    "tokens_unguessable": "kinds of tokens that could be guessed",
    "logins_get_their_own_tokens": "logins with tokens of somebody else",
    "clients_put_off_briefly": "failures that send clients away for more than five minutes",
    "token_lives_told_rightly": "tokens that live for less long than was told",
    "refreshes_speak_of_the_same_login": "refreshes that speak of another login",
    "answers_not_shared": "answers to requests with tokens that caches may give to all",
    "errors_show_no_traces": "errors that show where in the code they come from",
    "refusals_serve_nothing": "refusals that hold what a service has answered",
    "fresh_tokens_are_known": "fresh tokens that the IdP itself refuses, beyond one in twenty",
    "userinfo_tells_of_ones_own": "answers of userinfo about somebody else",
    "key_sets_not_kept_long": "key sets that caches may keep for more than 100 days",
    "passwords_not_sent_on": "login forms that browsers are to send on to clients, password and all",
    "refused_requests_go_no_further": "requests that were refused, and served all the same",
    "posts_are_served_once": "POSTs that were served twice",
}
"""See :mod:`idchaos.verdict.unasked`: each, and what its breaches are."""
IN_EVERY_RUN = (
    WITHDRAWN_KEYS,
    BAD_TOKENS,
    PASSWORDS,
    LOGS_INVARIANT,
    LINES,
    LOG_GROWTH,
    ISOLATION,
    REFUSALS,
    ANSWERS,
    PROMPTNESS,
    CALLED_BAD,
    LEFT_OUT,
    DEAD_ON_ARRIVAL,
    *UNASKED,
)
"""Invariants that no plan names: each run that has what they are about is judged by them."""


@dataclass(frozen=True, slots=True)
class InvariantJudgement:
    """What became of an invariant's canaries."""

    attempts: int
    """Decided ones: refused or accepted. An attempt that got no decision shows nothing."""
    breaches: int
    judgement: Judgement
    evidence: tuple[dict[str, str | float | int], ...] = ()
    """Enough to find and replay each breach; never the token."""
    by_canary: tuple[tuple[str, str, int], ...] = ()
    """Denominators: (canary, phase, decided attempts)."""
    counted: str = "bad tokens accepted"
    """What breaches are, of attempts."""


def judge_invariant(invariant: Invariant, record: RunRecord) -> InvariantJudgement:
    """:func:`judge_planned` of a whole record."""
    return judge_planned(invariant, record, evidence_of(record))


def implied_invariants(record: RunRecord) -> tuple[tuple[str, InvariantJudgement], ...]:
    """:func:`judge_implied` of a whole record."""
    return judge_implied(record, evidence_of(record))


def judge_planned(invariant: Invariant, run: Run, evidence: Evidence) -> InvariantJudgement:
    """FAIL on any accepted canary, in any phase; PASS only if each planned kind was tried in each phase and
    refused.
    """
    kinds = [str(kind) for kind in invariant.canaries]
    asked = evidence.asked
    sent = asked[asked["canary"].isin(kinds) & ~_unpromised(run, asked)]
    breaches = sent[sent["outcome"] == str(Outcome.WRONGLY_ACCEPTED)]
    # A service that refuses whoever comes around its gateway has not looked at the token: that shows nothing of it.
    tried = sent[~sent["around"]]
    decided = _decided(tried)
    judgement = Judgement(Verdict.PASS)
    if len(breaches):
        judgement = _breached(invariant.name, breaches, _decided(sent), "bad tokens")
    elif missing := _missing(invariant, run, evidence, tried, decided):
        judgement = Judgement(Verdict.INCONCLUSIVE, f"{invariant.name}: {missing}")
    counts = tuple((kind, phase.value, _count(decided, kind, phase)) for kind in kinds for phase in run.windows)
    return InvariantJudgement(len(decided), len(breaches), judgement, _evidence(breaches), counts)


def judge_implied(run: Run, evidence: Evidence) -> tuple[tuple[str, InvariantJudgement], ...]:
    """What no plan needs to ask for, each with its name: whatever was wrongly accepted is a breach, planned or not.

    :data:`WITHDRAWN_KEYS`, of runs that withdrew a key: nobody takes its tokens once caches must have forgotten it,
    be they of sessions or of canaries; PASS takes a decided attempt for each key. :data:`PASSWORDS`, of runs in which
    users mistype theirs. :data:`BAD_TOKENS`: breaches that no invariant watches.
    """
    asked = evidence.asked
    keys = sorted({event.text("kid") for event in run.named("key_withdrawn")})
    of_keys = asked["kid"].isin(keys) & asked["canary"].isin(["", str(Canary.RETIRED_KEY)])
    watched = {str(kind) for invariant in run.plan.invariants for kind in invariant.canaries}
    # A session refreshed beyond its age is counted by an SLI of its own: no bad token was taken.
    of_age = (asked["flow"] == "refresh") & (asked["canary"] == "")
    accepted = (asked["outcome"] == str(Outcome.WRONGLY_ACCEPTED)) & (asked["error_code"] != FOREIGN_ANSWER)
    mistyped = (asked["flow"] == "login") & (asked["endpoint"] == "login") & (asked["expected"] == "deny")
    rest = ~of_keys & ~of_age & ~mistyped & ~_unpromised(run, asked) & ~asked["canary"].isin(watched)
    unwatched = asked[accepted & rest]
    found = []
    if tried := len(decided := _decided(asked[mistyped])):
        breaches = decided[decided["decision"] == "accept"]
        held = _breached(PASSWORDS, breaches, decided, "logins") if len(breaches) else Judgement(Verdict.PASS)
        judged = InvariantJudgement(tried, len(breaches), held, _evidence(breaches), counted="wrong passwords accepted")
        found.append((PASSWORDS, judged))
    if keys:
        found.append((WITHDRAWN_KEYS, _withdrawn(keys, asked[of_keys])))
    if len(unwatched):
        judgement = _breached(BAD_TOKENS, unwatched, _decided(unwatched), "requests")
        found.append((BAD_TOKENS, InvariantJudgement(len(unwatched), len(unwatched), judgement, _evidence(unwatched))))
    return tuple(found)


def _unpromised(run: Run, asked: pd.DataFrame) -> pd.Series:
    """Requests with bad tokens that the target does not promise to refuse."""
    planned = run.plan.load.canaries
    mask = pd.Series(False, index=asked.index)
    for what in planned.unpromised if planned is not None else ():
        kind, _, way = what.partition(":")
        mask |= (asked["canary"] == kind) & (is_way(asked["way"], way) | (not way))
    return mask


def _withdrawn(keys: Sequence[str], tried: pd.DataFrame) -> InvariantJudgement:
    decided = _decided(tried)
    breaches = tried[tried["outcome"] == str(Outcome.WRONGLY_ACCEPTED)]
    untried = [key for key in keys if not (decided["kid"] == key).any()]
    judgement = Judgement(Verdict.PASS)
    if len(breaches):
        judgement = _breached(WITHDRAWN_KEYS, breaches, decided, "requests")
    elif untried:
        what = f"nobody said yes or no to a token of {', '.join(untried)} after caches must have forgotten that key"
        judgement = Judgement(Verdict.INCONCLUSIVE, f"{WITHDRAWN_KEYS}: {what}")
    return InvariantJudgement(len(decided), len(breaches), judgement, _evidence(breaches))


def _decided(tried: pd.DataFrame) -> pd.DataFrame:
    """Also of revoked tokens that their decider need not have heard of yet: who refuses one has."""
    heard = (tried["decision"] == "deny") & ~tried["error_code"].isin(NOT_OF_REVOCATION)
    heard &= tried["canary"].isin(REVOKED)
    return tried[((tried["expected"] == "deny") & (tried["decision"] != "undecided")) | heard]


def _breached(name: str, breaches: pd.DataFrame, decided: pd.DataFrame, what: str) -> Judgement:
    first = _breach(breaches.iloc[0])
    return Judgement(
        Verdict.FAIL,
        f"{name}: {len(breaches):,} of {len(decided):,} {what} were accepted, first"
        f" {first['canary'] or 'a token of ' + str(first['kid'])}"
        f" in {first['phase'] or 'no phase'} by {first['replica'] or first['endpoint']}",
    )


def _evidence(breaches: pd.DataFrame) -> tuple[dict[str, str | float | int], ...]:
    return tuple(_breach(row) for _, row in breaches.head(SHOWN_BREACHES).iterrows())


def _missing(invariant: Invariant, record: Run, evidence: Evidence, tried: pd.DataFrame, decided: pd.DataFrame) -> str:
    """What is missing for PASS; empty when nothing is."""
    planned = record.plan.load.canaries
    gone = set(unoffered(record)) & set(invariant.canaries)
    offered = [kind for kind in invariant.canaries if kind not in gone]
    # Without any there is nothing to be said, and no PASS.
    for kind in offered or invariant.canaries:
        if planned is None or kind not in planned.kinds:
            return f"no bad token of the kind {kind} was planned"
        if not (decided["canary"] == str(kind)).any():
            skipped = record.generator.get("skipped")
            unmade = skipped.get(str(kind)) if isinstance(skipped, dict) else None
            return _unanswered(kind) + (f" ({unmade} were due and could not be made)" if unmade else "")
    if len(decided) < invariant.min_attempts:
        return f"{len(decided):,} bad tokens were answered with a yes or no, where it takes {invariant.min_attempts:,}"
    if missing := _silent(invariant, record, evidence, decided) or _missing_after_healing(invariant, record, decided):
        return missing
    held = tried[(tried["decision"] != "undecided") | tried["error_code"].isin(WITHHELD)]
    once = planned.once if planned else ()
    for phase in record.windows:
        for kind in invariant.canaries:
            if phase is not PhaseName.WARMUP and kind not in once and not _count(held, kind, phase):
                return _unanswered(kind, f" in {phase}")
    return ""


def _silent(invariant: Invariant, record: Run, evidence: Evidence, decided: pd.DataFrame) -> str:
    """Who decided everyday requests and none of a kind: one replica of two may be wrong alone. So too of tokens that
    were shown while good, in a run that is long enough for them; and by which method nobody decided a kind that comes
    often enough for it. Empty when nobody is. What else did not meet is told: :func:`idchaos.verdict.ways.unmet`.
    """
    planned, deciders = record.plan.load.canaries, evidence.deciders
    for kind in invariant.canaries:
        mine = decided[decided["canary"] == str(kind)]
        asked = set(mine["replica"])
        if asked != {""} and (missed := deciders - asked):
            return _unanswered(kind, f" at {', '.join(sorted(missed))}")
        if planned is None:
            continue
        if kind in planned.everywhere and kind not in planned.once and (by := evidence.methods - methods(mine)):
            return _unanswered(kind, f" by {', '.join(sorted(by))}")
        if kind not in SHOWN_WHILE_GOOD or not planned.shows_in(record.lasted_s):
            continue
        if missed := deciders - set(mine.loc[is_way(mine["way"], SHOWN), "replica"]):
            return _unanswered(kind, f" that was shown while good at {', '.join(sorted(missed))}")
    return ""


def _missing_after_healing(invariant: Invariant, record: Run, decided: pd.DataFrame) -> str:
    """A fault may keep the news of revocations from a replica; afterwards it must be heard again. Empty when that was
    tried, or when the recovery is too short for it.
    """
    planned, healed = record.plan.load.canaries, _healed_at(record)
    if planned is None or healed is None or _recovery_lacks_s(record) > 0:
        return ""
    due = healed + planned.revoked_after_s
    for kind in (kind for kind in REVOKED if kind in invariant.canaries):
        if not ((decided["canary"] == str(kind)) & (decided["sent_at"] > due)).any():
            return _unanswered(kind, " after the fault was healed")
    return ""


def too_short_to_hear(record: Run) -> str:
    """Why a run can't tell who never hears of a revocation again after a fault that kept the news from them; empty when
    it can, or when no fault did.
    """
    lacking = _recovery_lacks_s(record)
    if not 0 < lacking < float("inf") or not any(fault.hides_revocations for fault in record.faults):
        return ""
    return f"who never hears of revocations again after the fault: the recovery is {lacking:.0f} s too short for it"


def _recovery_lacks_s(record: Run) -> float:
    """By how much the recovery is too short to hear of a revocation afterwards, in seconds; without one, infinite."""
    planned, window, healed = record.plan.load.canaries, record.window(PhaseName.RECOVERY), _healed_at(record)
    if planned is None or window is None or healed is None:
        return float("inf")
    return healed + 2 * planned.revoked_after_s + RIPENING_S - window[1]


def _healed_at(record: Run) -> float | None:
    return max((fault.healed_at for fault in record.faults if fault.healed_at is not None), default=None)


def _unanswered(kind: str, which: str = "") -> str:
    return f"nobody said yes or no to a bad token of the kind {kind}{which}"


def _count(canaries: pd.DataFrame, kind: str, phase: PhaseName) -> int:
    return int(((canaries["canary"] == str(kind)) & (canaries["phase"] == phase.value)).sum())


def _breach(row: pd.Series) -> dict[str, str | float | int]:
    """``page``: where it stands what such a breach means, and how to mend it."""
    names = ("canary", "phase", "replica", "service", "endpoint", "error_code", "kid", "jti", "session", "way")
    at = row["sent_at"] if pd.notna(row["sent_at"]) else row["due_at"]
    page = {"page": f"docs/canaries.md#{row['canary']}"} if row["canary"] else {}
    return {"at": round(float(at), 3), "status": int(row["status"]), **{name: str(row[name]) for name in names}, **page}
