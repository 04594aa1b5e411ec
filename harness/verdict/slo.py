"""From measurements to verdicts. Pure; see the rules of truth in the docs.

PASS and FAIL are both claims, and each needs evidence: PASS that the whole interval meets the bound, FAIL
that the whole interval misses it. Everything else is INCONCLUSIVE and says what it would take.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from idchaos.experiment import SHOWN_FOR_S, Bound, Canary, Invariant, Objective, Outcome, PhaseName, Verdict
from idchaos.planning import steadiness
from idchaos.reasons import FOREIGN_ANSWER
from idchaos.record.record import FaultRecord, Json, RunRecord, as_number
from idchaos.record.samples import AROUND
from idchaos.verdict import stats
from idchaos.verdict.sli import Measurement, good_traffic

LATE_P99_S = 0.05
"""Beyond this the arrivals are no longer those that were planned: bursts and gaps within a second are the
generator's own.
"""
LATE_SHARE_OF_BOUND = 0.1
"""Latency counts from when a request was due, so lateness is part of it: at most a tenth of the bound may
be of our making.
"""
OWN_DROPPED = 0.001
FULL = 0.9
"""From this share of ``max_in_flight`` on, the bound is held full by slow answers: a drop then is the
target's doing.
"""
RIPENING_S = 10.0
"""Ample time to revoke a token anew after a fault, beside the time that caches have to learn of it."""
SHOWN_BREACHES = 20
WITHDRAWN_KEYS, BAD_TOKENS = "withdrawn_keys_refused", "bad_tokens_refused"
"""See :func:`implied_invariants`."""
WITHHELD = frozenset({"jwks_unavailable", "introspection_unavailable", "revocations_unavailable"})
"""Reasons of a validator that could not decide. It let nobody in, so the invariant was tried and held in that
phase; it is no decided attempt, and none of these alone makes PASS.
"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and, unless it is a plain PASS, one sentence why."""

    verdict: Verdict
    reason: str = ""
    needed: int | None = None
    """Of an undecided one: samples that would decide it, if everything else stays as it is."""


def judge(
    objective: Objective, measured: Measurement, seconds: float | None, within: stats.Estimate | None = None
) -> Judgement:
    """Judge a measurement against an objective's bound.

    ``seconds``: how long the phase lasted, for telling how long it would have to be; ``None``: it never
    began. ``within``: of a quantile with an upper bound, the share of samples that keep to it, which decides then
    (see :func:`idchaos.verdict.sli.within`).
    """
    bound = objective.bound
    where = f"{objective.name} in {objective.phase}"
    if seconds is None:
        return Judgement(Verdict.INCONCLUSIVE, f"{where}: the phase never began")
    if measured.samples == 0 or math.isnan(measured.value):
        needs = (
            f"needs at least {_least(bound, measured):,} samples" if measured.kind != "lag" else "no data is no pass"
        )
        note = f" ({measured.note})" if measured.note else ""
        return Judgement(Verdict.INCONCLUSIVE, f"{where}: nothing was measured{note}; {needs}")
    if within is not None and measured.q is not None and bound.op == "<=":
        return _judge_quantile(objective, measured, seconds, within)
    low, high = measured.low, measured.high
    meets = low >= bound.limit if bound.op == ">=" else high <= bound.limit
    misses = high < bound.limit if bound.op == ">=" else low > bound.limit
    if meets and not misses:
        return Judgement(Verdict.PASS)
    said = f"{where}: {shown(measured.value, measured)} [{shown(low, measured)}, {shown(high, measured)}]"
    if misses:
        return Judgement(Verdict.FAIL, f"{said} misses {bound.op} {shown(bound.limit, measured)}{_note(measured)}")
    undecided = f"{said} can't decide {bound.op} {shown(bound.limit, measured)} from {measured.samples:,} samples"
    reason = f"{undecided}; {_would_take(bound, measured, seconds)}{_note(measured)}"
    return Judgement(Verdict.INCONCLUSIVE, reason, _needed(bound, measured))


def _judge_quantile(objective: Objective, measured: Measurement, seconds: float, within: stats.Estimate) -> Judgement:
    """At most ``limit`` is the q-quantile exactly when a share of q is at most ``limit``."""
    q, limit = measured.q or 0.0, objective.bound.limit
    if within.low >= q:
        return Judgement(Verdict.PASS)
    said = f"{objective.name} in {objective.phase}: {shown(measured.value, measured)}"
    share = f"{within.value * 100:.4g} % [{within.low * 100:.4g} %, {within.high * 100:.4g} %] are within"
    share = f"{share} {shown(limit, measured)}, of {q * 100:g} %"
    if within.high < q:
        return Judgement(Verdict.FAIL, f"{said} misses <= {shown(limit, measured)}: {share}{_note(measured)}")
    deff = within.samples / within.effective if within.effective else 1.0
    needed = stats.samples_to_decide(within.value, q, deff)
    rate = within.samples / seconds if seconds > 0 else 0.0
    take = "more samples alone can't decide it"
    if needed is not None and rate:
        take = f"it takes about {needed:,} samples, {math.ceil(needed / rate):,} s at this rate"
    undecided = f"{said} can't decide <= {shown(limit, measured)} from {within.samples:,} samples: {share}; {take}"
    return Judgement(Verdict.INCONCLUSIVE, f"{undecided}{_note(measured)}", needed)


def shown(value: float, measured: Measurement) -> str:
    """A value in words of its unit."""
    if math.isnan(value):
        return "nothing"
    if math.isinf(value):
        return "unbounded" if value > 0 else "-unbounded"
    if measured.unit == "share":
        return f"{value * 100:.4g} %"
    if measured.unit == "count":
        return f"{value:,.0f}"
    return f"{value:.4g} {measured.unit}"


def _note(measured: Measurement) -> str:
    return f" ({measured.note})" if measured.note else ""


def _least(bound: Bound, measured: Measurement) -> int:
    """The fewest samples with which the bound could be met at all."""
    if measured.kind == "share":
        return stats.samples_needed(bound.limit if bound.op == ">=" else 1 - bound.limit)
    return measured.needed or 1


def _would_take(bound: Bound, measured: Measurement, seconds: float) -> str:
    """How many samples, and how long a phase at the observed rate."""
    needed = _needed(bound, measured)
    if needed is None:
        return (
            "more samples alone can't decide it" if measured.kind != "lag" else "a longer phase may close the bracket"
        )
    if measured.kind == "share" and measured.value in (0.0, 1.0):
        text = f"it takes {needed:,} good samples in a row"
    else:
        text = f"it takes about {needed:,} samples"
    rate = measured.samples / seconds if seconds > 0 else 0.0
    return f"{text}, {math.ceil(needed / rate):,} s at this rate" if rate else text


def _needed(bound: Bound, measured: Measurement) -> int | None:
    """Samples that would decide it if everything else stays as it is; ``None`` when no number of them
    would.
    """
    deff = measured.samples / measured.effective if measured.effective else 1.0
    if measured.kind == "share":
        share, limit = measured.value, bound.limit
        if bound.op == "<=":
            share, limit = 1 - share, 1 - limit
        return stats.samples_to_decide(share, limit, deff) if 0 < limit < 1 else None
    if measured.kind == "quantile":
        least = math.ceil((measured.needed or 1) * deff)
        if measured.samples < least:
            return least
        edge = measured.high if bound.limit >= measured.value else measured.low
        distance = abs(bound.limit - measured.value)
        if not math.isfinite(edge) or not math.isfinite(distance) or distance < stats.TINY:
            return None
        # The width of an interval shrinks with the square root of the number of samples.
        wanted = measured.samples * (abs(edge - measured.value) / distance) ** 2
        return math.ceil(wanted) if wanted < stats.MOST_NEEDED else None
    return None


# --- the load generator


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """How the load generator kept its schedule in one phase."""

    late_p99_s: float
    late_limit_s: float
    due: int
    own_dropped: int
    target_dropped: int
    """Dropped while slow answers held ``max_in_flight`` full: failures of the target, not of the
    generator.
    """

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why availability and latency of the phase can't be trusted; empty when they can."""
        found = []
        if self.late_p99_s > self.late_limit_s:
            late, limit = self.late_p99_s * 1000, self.late_limit_s * 1000
            found.append(f"the load generator was late (p99 {late:.1f} ms, limit {limit:.1f} ms)")
        if self.due and self.own_dropped / self.due > OWN_DROPPED:
            found.append(f"the load generator dropped {self.own_dropped:,} of {self.due:,} requests by itself")
        return tuple(found)


def late_asked(record: RunRecord) -> float:
    """The setting ``slo.late_p99_s`` of a run, in seconds; :data:`LATE_P99_S` where it has none."""
    group = record.manifest.settings.get("slo")
    asked = as_number(group.get("late_p99_s")) if isinstance(group, dict) else None
    return LATE_P99_S if asked is None else asked


def late_limit(objectives: Sequence[Objective], phase: PhaseName | str, asked_s: float = LATE_P99_S) -> float:
    """How late the generator may be in a phase, in seconds: the least of :data:`LATE_P99_S`, what was asked for (the
    setting ``slo.late_p99_s``), and a tenth of the tightest latency bound judged in it.
    """
    bounds = [
        objective.bound.limit
        for objective in objectives
        if objective.sli.startswith("latency_p") and "change" not in objective.sli and objective.phase in (phase, "all")
    ]
    return min([LATE_P99_S, asked_s, *(LATE_SHARE_OF_BOUND * limit for limit in bounds if limit > 0)])


def generator_health(record: RunRecord, phase: PhaseName | str) -> GeneratorHealth:
    """Lateness of what was due by the schedule, and what was never sent, with who is to blame."""
    window = PhaseName(phase) if phase != "all" else "all"
    frame = record.in_phase(window)  # type: ignore[arg-type]
    scheduled = frame[frame["flow"].isin(["api", "opaque", "machine"]) & (frame["retry"] == 0)]
    late = (scheduled["sent_at"] - scheduled["due_at"]).dropna().to_numpy(dtype=float)
    late_p99 = float(np.quantile(late, 0.99, method="inverted_cdf")) if len(late) else 0.0
    dropped = frame[frame["error_code"] == "dropped"]
    full = in_flight(record.samples, dropped["due_at"].to_numpy(dtype=float)) >= FULL * record.plan.load.max_in_flight
    limit = late_limit(record.plan.objectives, phase, late_asked(record))
    return GeneratorHealth(late_p99, limit, len(frame), int((~full).sum()), int(full.sum()))


def in_flight(samples: pd.DataFrame, moments: np.ndarray[tuple[int], np.dtype[np.float64]]) -> stats.Ints:
    """How much of what ``max_in_flight`` bounds was in flight at each moment: requests waiting for answers, and
    revocation probes until their token was revoked. Their polls are outside that bound.
    """
    polls = (samples["flow"] == "revocation") & (samples["expected"] == "either")
    sent = samples[samples["sent_at"].notna() & ~polls]
    sent = sent.assign(end=sent["sent_at"] + sent["service_time_s"].fillna(0.0))
    probing = sent["flow"] == "revocation"
    probes = sent[probing].groupby("session").agg(sent_at=("sent_at", "min"), end=("end", "max"))
    flights = pd.concat([sent.loc[~probing, ["sent_at", "end"]], probes])
    starts = np.sort(flights["sent_at"].to_numpy(dtype=float))
    ends = np.sort(flights["end"].to_numpy(dtype=float))
    waiting = np.searchsorted(starts, moments, side="right") - np.searchsorted(ends, moments, side="right")
    return np.asarray(waiting, dtype=np.int64)


def baseline_reasons(record: RunRecord) -> tuple[str, ...]:
    """Why the baseline is not steady; empty when it is, or when none was planned."""
    planned = any(phase.name is PhaseName.BASELINE for phase in record.plan.phases)
    window = record.window(PhaseName.BASELINE)
    if not planned:
        return ()
    if window is None:
        return ("the baseline never began",)
    good = good_traffic(record.in_phase(PhaseName.BASELINE))
    if good.empty:
        return ("the baseline has no good traffic",)
    ok = int(good["outcome"].eq("ok").sum())
    halves = good["due_at"] < sum(window) / 2
    before, after = (float(good.loc[half, "latency_s"].median()) for half in (halves, ~halves))
    found = (steadiness.failing(ok, len(good) - ok), steadiness.drifting(before, after))
    return tuple(f"the baseline is not steady: {reason}" for reason in found if reason)


# --- invariants


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
    """FAIL on any accepted canary, in any phase; PASS only if each planned kind was tried in each phase and
    refused.
    """
    kinds = [str(kind) for kind in invariant.canaries]
    sent = record.samples[record.samples["canary"].isin(kinds)].sort_values(["due_at", "sent_at"], kind="stable")
    breaches = sent[sent["outcome"] == str(Outcome.WRONGLY_ACCEPTED)]
    # A service that refuses whoever comes around its gateway has not looked at the token: that shows nothing of it.
    tried = sent[~sent["endpoint"].str.startswith(AROUND)]
    decided = _decided(tried)
    judgement = Judgement(Verdict.PASS)
    if len(breaches):
        judgement = _breached(invariant.name, breaches, _decided(sent), "canaries")
    elif missing := _missing(invariant, record, tried, decided):
        judgement = Judgement(Verdict.INCONCLUSIVE, f"{invariant.name}: {missing}")
    counts = tuple((kind, phase.value, _count(decided, kind, phase)) for kind in kinds for phase in record.windows)
    return InvariantJudgement(len(decided), len(breaches), judgement, _evidence(record, breaches), counts)


def implied_invariants(record: RunRecord) -> tuple[tuple[str, InvariantJudgement], ...]:
    """What no plan needs to ask for, each with its name: whatever was wrongly accepted is a breach, planned or not.

    :data:`WITHDRAWN_KEYS`, of runs that withdrew a key: nobody takes its tokens once caches must have forgotten it,
    be they of sessions or of canaries; PASS takes a decided attempt for each key. :data:`BAD_TOKENS`: breaches
    that no invariant watches.
    """
    samples = record.samples.sort_values(["due_at", "sent_at"], kind="stable")
    accepted = samples["outcome"] == str(Outcome.WRONGLY_ACCEPTED)
    keys = sorted({event.text("kid") for event in record.named("key_withdrawn")})
    of_keys = samples["kid"].isin(keys) & samples["canary"].isin(["", str(Canary.RETIRED_KEY)])
    watched = {str(kind) for invariant in record.plan.invariants for kind in invariant.canaries}
    # A session refreshed beyond its age is counted by an SLI of its own: no bad token was taken.
    of_age = samples["flow"].eq("refresh") & samples["canary"].eq("")
    unwatched = samples[
        accepted & ~of_keys & ~of_age & ~samples["canary"].isin(watched) & samples["error_code"].ne(FOREIGN_ANSWER)
    ]
    found = []
    if keys:
        found.append((WITHDRAWN_KEYS, _withdrawn(record, keys, samples[of_keys])))
    if len(unwatched):
        judgement = _breached(BAD_TOKENS, unwatched, _decided(unwatched), "requests")
        found.append(
            (BAD_TOKENS, InvariantJudgement(len(unwatched), len(unwatched), judgement, _evidence(record, unwatched)))
        )
    return tuple(found)


def _withdrawn(record: RunRecord, keys: Sequence[str], tried: pd.DataFrame) -> InvariantJudgement:
    decided = _decided(tried)
    breaches = tried[tried["outcome"] == str(Outcome.WRONGLY_ACCEPTED)]
    untried = [key for key in keys if not (decided["kid"] == key).any()]
    judgement = Judgement(Verdict.PASS)
    if len(breaches):
        judgement = _breached(WITHDRAWN_KEYS, breaches, decided, "requests")
    elif untried:
        what = f"no decided attempt with {', '.join(untried)} after caches must have forgotten it"
        judgement = Judgement(Verdict.INCONCLUSIVE, f"{WITHDRAWN_KEYS}: {what}")
    return InvariantJudgement(len(decided), len(breaches), judgement, _evidence(record, breaches))


def _decided(tried: pd.DataFrame) -> pd.DataFrame:
    return tried[(tried["expected"] == "deny") & (tried["decision"] != "undecided")]


def _breached(name: str, breaches: pd.DataFrame, decided: pd.DataFrame, what: str) -> Judgement:
    first = _breach(breaches.iloc[0])
    return Judgement(
        Verdict.FAIL,
        f"{name}: {len(breaches):,} of {len(decided):,} {what} were accepted, first"
        f" {first['canary'] or 'a token of ' + str(first['kid'])}"
        f" in {first['phase'] or 'no phase'} by {first['replica'] or first['endpoint']}",
    )


def _evidence(record: RunRecord, breaches: pd.DataFrame) -> tuple[dict[str, str | float | int], ...]:
    return tuple(
        {**_breach(row), **({"replay": again} if (again := replay_command(record, row)) else {})}
        for _, row in breaches.head(SHOWN_BREACHES).iterrows()
    )


LOGS_INVARIANT = "no_tokens_in_logs"
ISOLATION = "answers_are_ones_own"
"""See :mod:`idchaos.verdict.isolation`."""
IN_EVERY_RUN = (WITHDRAWN_KEYS, BAD_TOKENS, LOGS_INVARIANT, ISOLATION)
"""Invariants that no plan names: each run that has what they are about is judged by them."""
OWN_LOG = "load.log"
"""The load generator's. A run in which only this was searched tells nothing of the target."""


def judge_logs(record: RunRecord) -> InvariantJudgement:
    """FAIL when the target's logs hold a secret that this run handed out; PASS only if all of it was looked for in all
    of them. Reads the event ``logs_searched`` (see :func:`idchaos.run.log_search.search_logs`).
    """
    searched = next((event.fields for event in record.named("logs_searched")), {})
    secrets, lines, found = (searched.get(key) for key in ("secrets", "lines", "found"))
    tried = sum(int(as_number(n) or 0) for n in secrets.values()) if isinstance(secrets, dict) else 0
    leaked, hits = (int(as_number(searched.get(key)) or 0) for key in ("leaked", "hits"))
    again = {"replay": shlex.join(words)} if (words := _run_command(record)) else {}
    leaks = [each for each in (found if isinstance(found, list) else ()) if isinstance(each, dict)]
    evidence = tuple({**_leak(each), **again} for each in leaks)
    judgement = Judgement(Verdict.PASS)
    if leaked or hits:
        reason = f"{LOGS_INVARIANT}: {leaked:,} secrets of this run are in its logs, {hits:,} times"
        if evidence:
            reason += f", first in {evidence[0]['log']} line {evidence[0]['line']}: {evidence[0]['secret']}"
        judgement = Judgement(Verdict.FAIL, reason)
    elif missing := _unsearched(record, searched, set(lines if isinstance(lines, dict) else ()), tried):
        judgement = Judgement(Verdict.INCONCLUSIVE, f"{LOGS_INVARIANT}: {missing}")
    return InvariantJudgement(tried, leaked, judgement, evidence, counted="secrets found in logs")


def _unsearched(record: RunRecord, searched: Json, logs: set[str], tried: int) -> str:
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


def _missing(invariant: Invariant, record: RunRecord, tried: pd.DataFrame, decided: pd.DataFrame) -> str:
    """What is missing for PASS; empty when nothing is."""
    planned = record.plan.load.canaries
    for kind in invariant.canaries:
        if planned is None or kind not in planned.kinds:
            return f"no canary of kind {kind} was planned"
        if not (decided["canary"] == str(kind)).any():
            skipped = record.generator.get("skipped")
            unmade = skipped.get(str(kind)) if isinstance(skipped, dict) else None
            return f"no decided attempt of {kind}" + (f" ({unmade} were due and could not be made)" if unmade else "")
    if len(decided) < invariant.min_attempts:
        return f"{len(decided):,} decided attempts, needs {invariant.min_attempts:,}"
    for kind, what_lacks in ((Canary.REVOKED, _missing_after_healing), (Canary.EXPIRED, _missing_opaque)):
        if kind in invariant.canaries and (missing := what_lacks(record, decided)):
            return missing
    held = tried[(tried["decision"] != "undecided") | tried["error_code"].isin(WITHHELD)]
    once = planned.once if planned else ()
    for phase in record.windows:
        for kind in invariant.canaries:
            if phase is not PhaseName.WARMUP and kind not in once and not _count(held, kind, phase):
                return f"no decided attempt of {kind} in {phase}"
    return ""


def _missing_opaque(record: RunRecord, decided: pd.DataFrame) -> str:
    """Where users have opaque tokens alone, one that expired must have been tried: a JWT that did shows nothing of how
    long an answer is believed. Empty when it was, or when the run is too short for one to be shown and to expire.
    """
    planned = record.plan.load.canaries
    users = record.samples[record.samples["flow"].eq("api") & record.samples["format"].ne("")]
    if planned is None or users.empty or users["format"].ne("opaque").any():
        return ""
    lasted = record.ended_at - min((start for start, _ in record.windows.values()), default=record.ended_at)
    if lasted < SHOWN_FOR_S + planned.clock_margin_s + RIPENING_S:
        return ""
    tried = decided["canary"].eq(str(Canary.EXPIRED)) & decided["format"].eq("opaque")
    return "" if tried.any() else "no decided attempt of expired with an opaque token, though users have no others"


def _missing_after_healing(record: RunRecord, decided: pd.DataFrame) -> str:
    """A fault may keep the news of revocations from a replica; afterwards it must be heard again. Empty when that was
    tried, or when the recovery is too short for it.
    """
    planned, window = record.plan.load.canaries, record.window(PhaseName.RECOVERY)
    healed = max((fault.healed_at for fault in record.faults if fault.healed_at is not None), default=None)
    if planned is None or window is None or healed is None:
        return ""
    due = healed + planned.revoked_after_s
    if window[1] < due + planned.revoked_after_s + RIPENING_S:
        return ""
    revoked = decided[(decided["canary"] == str(Canary.REVOKED)) & (decided["sent_at"] > due)]
    return "" if len(revoked) else "no decided attempt of revoked after the fault was healed"


def _count(canaries: pd.DataFrame, kind: str, phase: PhaseName) -> int:
    return int(((canaries["canary"] == str(kind)) & (canaries["phase"] == phase.value)).sum())


def _breach(row: pd.Series) -> dict[str, str | float | int]:
    names = ("canary", "phase", "replica", "service", "endpoint", "error_code", "kid", "jti", "session")
    at = row["sent_at"] if pd.notna(row["sent_at"]) else row["due_at"]
    return {"at": round(float(at), 3), "status": int(row["status"]), **{name: str(row[name]) for name in names}}


def _words(command: object) -> list[str]:
    try:
        return shlex.split(command) if isinstance(command, str) else []
    except ValueError:  # an open quote
        return []


def _run_command(record: RunRecord) -> list[str]:
    """The command that repeats the run; empty when the manifest does not tell."""
    words = _words((record.manifest.model_extra or {}).get("repeat"))
    return words if words[:2] == ["idchaos", "run"] and len(words) > 2 else []


def replay_command(record: RunRecord, row: pd.Series) -> str:
    """The command that makes a breach's canary afresh, at the same target with the same settings, and sends it again;
    empty when the manifest does not say how the run was started.

    It is the run's own command with another verb: whatever changes a run's target changes the replay's as well. What
    came of everyday traffic comes again with the run itself, with the same seed.
    """
    words = _run_command(record)
    if not words or not row["canary"]:
        return shlex.join(words)
    options = list(words[3:])
    if "--seed" in options:
        at = options.index("--seed")
        del options[at : at + 2]
    where = ["--replica", str(row["replica"])] if row["replica"] else []
    where += ["--route", str(row["endpoint"])] if str(row["endpoint"]).startswith("/") else []
    during = ["--in-fault"] if row["phase"] == PhaseName.FAULT.value else []
    return shlex.join(["idchaos", "canary", str(row["canary"]), "--scenario", words[2], *options, *during, *where])


# --- faults


def fault_reasons(fault: FaultRecord) -> tuple[str, ...]:
    """Which proofs of a fault are missing or failed; empty when its effect is proven on both sides.

    Before: the path worked. During: the control plane, a probe and the target all say that it was in force.
    After: healed.
    """
    if fault.applied_at is None:
        return (f"fault {fault.name}: it was never applied",)
    reasons = []
    for moment, sources in (("before", ()), ("during", ("control", "probe", "target")), ("after", ())):
        found = [effect for effect in fault.effects if effect.moment == moment]
        if not found:
            reasons.append(f"fault {fault.name}: no proof from {moment} it")
            continue
        missing = [source for source in sources if source not in {effect.source for effect in found}]
        reasons += [f"fault {fault.name}: no proof by {source} {moment} it" for source in missing]
        for effect in found:
            if not effect.ok:
                evidence = f": {effect.evidence}" if effect.evidence else ""
                reasons.append(f"fault {fault.name}: the proof by {effect.source} {moment} it failed{evidence}")
    if fault.healed_at is None:
        reasons.append(f"fault {fault.name}: it was not healed")
    return tuple(reasons)
