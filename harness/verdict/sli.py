"""Service level indicators: from a run's samples to numbers with intervals. Pure.

An SLI is written as a name with selectors: ``success_rate{flow=api,replica=gateway-1}``; alternatives are
separated by ``|``. Selectors are columns of the samples; the thresholds of clock errors
(``skew_threshold_min``, ``skew_threshold_max``: the first and the last validator to refuse) take ``side`` as well.

*Good traffic* below means samples of no canary whose right answer is to accept. Whatever the harness could
not send (dropped, no session, no token) is in the denominator as well: the user behind it was not served.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import JsonValue

from idchaos.errors import UsageError
from idchaos.experiment import PhaseName
from idchaos.indicators import TOKEN_FLOWS, Selector
from idchaos.reasons import UNDECIDED_REASONS
from idchaos.record.record import RunRecord
from idchaos.record.samples import AROUND
from idchaos.verdict import lags, protocol, reconcile, stats
from idchaos.verdict.stats import Bools, Floats

Kind = Literal["share", "quantile", "lag", "rate"]
When = PhaseName | Literal["all"]
COLUMNS = ("flow", "endpoint", "replica", "service", "format", "kid", "session", "canary", "error_code")
_SPELLING = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(?:\{(?P<where>[^{}]*)\})?")
_QUANTILE = re.compile(r"(?P<family>latency|revocation_lag|service_time|token_lifetime)_p(?P<digits>[1-9][0-9]{0,3})")
_CHANGE = "_change"
CHANGED = frozenset({"success_rate", "wrongly_denied_rate", "unavailable_rate", "availability"})
"""Shares whose change over the baseline is an SLI as well, as is that of every latency quantile."""
SHARES: dict[str, Literal["good", "bad"]] = {
    "success_rate": "good",
    "wrongly_denied_rate": "bad",
    "unavailable_rate": "bad",
    "availability": "good",
    "token_issuance_error_rate": "bad",
    "refresh_error_rate": "bad",
    "login_success_rate": "good",
    "token_validation_success_rate": "good",
    "registration_error_rate": "bad",
    "registration_completion_rate": "good",
}
"""SLIs that are shares, and of what."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """An SLI's value with one-sided 95 % bounds on each side. ``nan``: no data; ``inf``: beyond what was
    observed.
    """

    value: float
    low: float
    high: float
    samples: int
    effective: float
    unit: str
    kind: Kind
    needed: int | None = None
    """The fewest samples with which the interval is closed at all; ``None`` where that depends on the
    bound.
    """
    note: str = ""
    q: float | None = None
    """Of a quantile: which."""
    of_generator: bool = True
    """Worthless when the load generator was behind its schedule."""


NO_DATA = Measurement(math.nan, -math.inf, math.inf, 0, 0.0, "", "rate", note="nothing was measured")
"""Of an SLI that can't be measured at all."""
NOT_BY_WAITING = frozenset(
    {
        "jwks_fetch_failures", "jwks_fetch_rate", "jwks_fetch_rate_max", "jwks_fetches_per_1000",
        "refusals_told_as_errors", "outages_told_as_refusals", "misuse_alerts",
        "audience_confusion", "audience_confusion_around",
        "unbound_answers", "parallel_uses_accepted", "tampered_redirects_accepted", "replays_unnoticed",
        "token_lifetime_max", "sessions_beyond_policy", "limits_untold",
    }
)  # fmt: skip
"""What a machine short of CPU can't make worse: nobody fetches more often, or answers otherwise, for having waited."""
BEHIND_THE_GATEWAY = frozenset({"upstream_unavailable", "upstream_timeout"})
"""Why a gateway could not answer although it had let the token pass."""
MISUSE_CANARIES = frozenset({"wrong_audience", "replayed", "code_replayed", "assertion_replayed"})
"""Canaries that a detector of misuse is there for."""
_FOREIGN = "audience_mismatch"
AUDIENCE_OF = "canary:for_"
"""How the ``session`` of a canary begins whose token is for another service; that one's audience follows."""


def parse(text: str) -> Selector:
    """Read ``name{column=value,column=value|value}``.

    Raises:
        UsageError: an unknown SLI or selector, or a spelling that is neither.
    """
    match = _SPELLING.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"SLI {text!r}: expected name{{selector=value,...}}")
    name = match["name"]
    if name not in REGISTRY and not quantile_of(name) and not _changed(name):
        near = difflib.get_close_matches(name, names(), n=1)
        raise UsageError(f"SLI {name!r} is unknown" + (f"; did you mean {near[0]!r}?" if near else ""))
    where = []
    for part in filter(None, (match["where"] or "").split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if (
            not equals
            or not value
            or key not in (*COLUMNS, "side")
            or (key == "side") != name.startswith("skew_threshold")
        ):
            raise UsageError(f"SLI {text!r}: {part.strip()!r} is no selector of it; there are {', '.join(COLUMNS)}")
        if key == "side" and value not in ("ahead", "behind"):
            raise UsageError(f"SLI {text!r}: side is ahead or behind")
        where.append((key, tuple(value.split("|"))))
    return Selector(name, tuple(where))


def names() -> tuple[str, ...]:
    """All names; of quantiles, the usual ones."""
    quantiles = ("latency_p50", "latency_p95", "latency_p99", "revocation_lag_p50", "revocation_lag_p95")
    changes = sorted(f"{name}{_CHANGE}" for name in (*CHANGED, "latency_p50", "latency_p95", "latency_p99"))
    return (*REGISTRY, *quantiles, "token_lifetime_p95", *changes)


def measure(record: RunRecord, sli: str | Selector, phase: When) -> Measurement:
    """An SLI of one phase of a run.

    Raises:
        UsageError: see :func:`parse`.
    """
    selector = parse(sli) if isinstance(sli, str) else sli
    if base := _changed(selector.name):
        return _change(record, replace(selector, name=base), phase)
    family = quantile_of(selector.name)
    if family and family[0] == "revocation_lag":
        return _revocation_quantile(record, selector, phase, family[1])
    if family and family[0] == "token_lifetime":
        return _token_lifetime(record, selector, phase, family[1])
    if family:
        return _latency(record, selector, phase, family[1], column=f"{family[0]}_s")
    return REGISTRY[selector.name](record, selector, phase)


def _changed(name: str) -> str:
    """``latency_p95_change`` → ``latency_p95``; ``""`` for what is no change of anything."""
    base, suffix, _ = name.partition(_CHANGE)
    family = quantile_of(base)
    comparable = base in CHANGED or (family is not None and family[0] == "latency")
    return base if suffix and name == base + _CHANGE and comparable else ""


def quantile_of(name: str) -> tuple[str, float] | None:
    """``latency_p95`` → ("latency", 0.95); p999 is 0.999. ``None`` for other SLIs."""
    match = _QUANTILE.fullmatch(name)
    return (match["family"], float(f"0.{match['digits']}")) if match else None


def good_traffic(frame: pd.DataFrame) -> pd.DataFrame:
    """Samples of no canary whose right answer is to accept."""
    return frame[(frame["canary"] == "") & (frame["flow"] != "canary") & (frame["expected"] == "accept")]


# --- shares


def share_of(frame: pd.DataFrame, good: Bools, *, note: str = "") -> Measurement:
    """The share of ``good`` among the samples, clustered by the second in which they were due."""
    estimate = stats.proportion(good, stats.seconds_of(_floats(frame, "due_at")))
    return _measured(estimate, "share", "share", note=note)


def _outcome_share(*outcomes: str) -> Sli:
    def sli(record: RunRecord, selector: Selector, phase: When) -> Measurement:
        frame = selector.choose(good_traffic(record.in_phase(phase)))
        return share_of(frame, frame["outcome"].isin(outcomes).to_numpy(dtype=bool))

    return sli


def _token_errors(*flows: str) -> Sli:
    def sli(record: RunRecord, selector: Selector, phase: When) -> Measurement:
        frame = selector.choose(good_traffic(record.in_phase(phase)))
        frame = frame[(frame["endpoint"] == "token") & frame["flow"].isin(flows)]
        return share_of(frame, frame["outcome"].ne("ok").to_numpy(dtype=bool))

    return sli


def _validation_success(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Of the good tokens sent to a gateway, those that it let pass; a service behind it that then failed is not
    validation's fault. What never arrived was never validated; what got no answer counts as not passed.
    """
    frame = selector.choose(good_traffic(_api(record.in_phase(phase))))
    frame = frame[frame["sent_at"].notna() & ~frame["error_code"].isin(reconcile.NEVER_ARRIVED)]
    passed = frame["decision"].eq("accept") | frame["error_code"].isin(BEHIND_THE_GATEWAY)
    return share_of(frame, passed.to_numpy(dtype=bool))


def _registration_errors(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Of clients' requests to register themselves (RFC 7591), those that failed."""
    frame = selector.choose(good_traffic(record.in_phase(phase)))
    frame = frame[frame["endpoint"] == "register"]
    return share_of(frame, frame["outcome"].ne("ok").to_numpy(dtype=bool))


def _registrations_completed(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Of the registrations begun in the phase, those that succeeded in the end, however often they were tried."""
    frame = good_traffic(record.samples)
    frame = selector.choose(frame[frame["flow"].eq("registration") & frame["endpoint"].eq("register")])
    frame = frame.sort_values(["due_at", "sent_at"], kind="stable")
    begun = (
        frame.assign(ok=frame["outcome"].eq("ok")).groupby("session").agg(due_at=("due_at", "first"), ok=("ok", "any"))
    )
    window = record.window(phase) or (0.0, 0.0)
    begun = begun[begun["due_at"].between(*window, inclusive="left")]
    return share_of(begun, begun["ok"].to_numpy(dtype=bool))


def _login_success(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Logins, each of several requests, that ended with a token. One that was still under way at the end is
    not counted.
    """
    frame = good_traffic(record.samples)
    frame = selector.choose(frame[frame["flow"] == "login"]).sort_values(["due_at", "sent_at"], kind="stable")
    starts = frame["endpoint"].eq("authorize")
    whole = bool(starts.any())
    attempts = starts.groupby(frame["session"]).cumsum() if whole else pd.Series(range(len(frame)), frame.index)
    grouped = frame.assign(ok=frame["outcome"].eq("ok"), token=frame["endpoint"].eq("token") | (not whole)).groupby(
        [frame["session"], attempts]
    )
    logins = grouped.agg(due_at=("due_at", "first"), ok=("ok", "all"), token=("token", "any"))
    window = record.window(phase) or (0.0, 0.0)
    logins = logins[logins["due_at"].between(*window, inclusive="left") & (logins["token"] | ~logins["ok"])]
    return share_of(logins, logins["ok"].to_numpy(dtype=bool))


def _login_retries(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Mean number of times that users had to try again before they were logged in: passwords mistyped, logins that
    failed and were begun anew. Of logins that ended with a token, by the time of its request.
    """
    logins = record.samples[record.samples["flow"] == "login"]
    mistyped = Counter(logins.loc[logins["expected"] == "deny", "session"])
    done = selector.choose(good_traffic(record.in_phase(phase)))
    done = done[(done["flow"] == "login") & (done["endpoint"] == "token") & (done["outcome"] == "ok")]
    pairs = zip(done["session"], done["retry"], strict=True)
    retries = np.array([begun_anew + mistyped[session] for session, begun_anew in pairs], dtype=np.int64)
    estimate = stats.mean_count(retries, stats.seconds_of(_floats(done, "due_at")))
    return _measured(estimate, "rate", "retries")


# --- tokens


def token_uses(record: RunRecord, phase: When, selector: Selector | None = None) -> pd.DataFrame:
    """Good traffic that carried a token whose life is known.

    Columns: ``jti`` (of an opaque token: a hash), ``due_at``, ``life_s`` (``exp`` - ``iat``, or ``expires_in``), and
    ``left_s`` when it was sent, by the client's own clock, so that a skewed IdP changes nothing.
    """
    used = good_traffic(_api(record.in_phase(phase))).sort_values("due_at", kind="stable")
    used = selector.choose(used) if selector else used
    used = used.assign(life_s=used["token_exp"] - used["token_iat"])
    used = used.assign(left_s=used["token_obtained_at"] + used["life_s"] - used["sent_at"])
    return used.loc[used["life_s"].notna() & (used["jti"] != ""), ["jti", "due_at", "life_s", "left_s"]]


def _token_lifetimes(record: RunRecord, selector: Selector, phase: When) -> tuple[Floats, stats.Ints]:
    """Of each token its life, and the second of its first use."""
    tokens = token_uses(record, phase, selector).drop_duplicates("jti")
    return _floats(tokens, "life_s"), stats.seconds_of(_floats(tokens, "due_at"))


def _token_lifetime(record: RunRecord, selector: Selector, phase: When, q: float) -> Measurement:
    values, seconds = _token_lifetimes(record, selector, phase)
    return _measured(stats.quantile(values, q, seconds), "quantile", "s", q=q, of_generator=False)


# --- latencies


def _latency(record: RunRecord, selector: Selector, phase: When, q: float, column: str = "latency_s") -> Measurement:
    """The q-quantile of all good traffic, whatever came of it. What got no answer counts as slow as the
    time limit at least: a refused connection is quick, but nobody was served quickly.
    """
    values, seconds, lost = _latencies(record, selector, phase, column)
    estimate = stats.quantile(values, q, seconds)
    limit = record.plan.load.timeout_s
    note = f"{lost:,} of {len(values):,} got no answer and count as {limit:g} s or more" if lost else ""
    return _measured(estimate, "quantile", "s", note=note, q=q)


def _latencies(record: RunRecord, selector: Selector, phase: When, column: str) -> tuple[stats.Floats, stats.Ints, int]:
    """Latencies, the second in which each was due, and how many of them got no answer."""
    frame = selector.choose(good_traffic(record.in_phase(phase)))
    values = _floats(frame, column)
    unanswered = (frame["status"].to_numpy() == 0) | np.isnan(values)
    values = np.where(unanswered, np.fmax(values, record.plan.load.timeout_s), values)
    return values, stats.seconds_of(_floats(frame, "due_at")), int(unanswered.sum())


def within(record: RunRecord, sli: str, phase: When, limit: float) -> stats.Estimate | None:
    """Of a quantile SLI: the share of samples that are at most ``limit``; ``None`` for other SLIs.

    The q-quantile is at most ``limit`` exactly when a share of q is. Asking that way around decides with fewer samples
    than the quantile's own interval, which is wide where samples are sparse, however far the limit lies beyond them.
    A lag that was last seen going on before ``limit`` may have been either: the lower bound takes it for longer, the
    upper bound for within.
    """
    selector = parse(sli)
    family = quantile_of(selector.name)
    if family is None:
        return None
    if family[0] == "revocation_lag":
        table = _revoked_in(record, selector, phase)
        short = _floats(table, "lag_s") <= limit
        surely = short & ~table["censored"].to_numpy(dtype=bool)
        seconds = stats.seconds_of(_floats(table, "revoked_at"))
        return replace(stats.proportion(surely, seconds), high=stats.proportion(short, seconds).high)
    if family[0] == "token_lifetime":
        lifetimes, seconds = _token_lifetimes(record, selector, phase)
        return stats.proportion(lifetimes <= limit, seconds)
    values, seconds, _ = _latencies(record, selector, phase, f"{family[0]}_s")
    return stats.proportion(values <= limit, seconds)


def _change(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """An SLI of the phase minus the same of the baseline; see :func:`idchaos.verdict.stats.difference`."""
    family = quantile_of(selector.name)
    if family is None:
        shares = []
        for when in (PhaseName.BASELINE, phase):
            found = REGISTRY[selector.name](record, selector, when)
            shares.append(stats.Estimate(found.value, found.low, found.high, found.samples, found.effective))
        return _measured(stats.difference(*shares), "rate", "share")
    column, q = f"{family[0]}_s", family[1]
    first, second = (
        stats.quantile(values, q, seconds)
        for values, seconds, _ in (_latencies(record, selector, when, column) for when in (PhaseName.BASELINE, phase))
    )
    return replace(_measured(stats.difference(first, second), "rate", "s"), needed=stats.samples_for_quantile(q))


# --- lags


def _refusal_window(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """From the moment a new key signs (else: the fault was applied) to the last good token that was not let
    in, by replica.
    """
    window = record.window(phase)
    if window is None:
        return _bracketed(lags.NOTHING)
    signings = [event for event in record.named("key_signing") if window[0] <= event.at < window[1]]
    faults = [f.applied_at for f in record.faults if f.applied_at is not None and window[0] <= f.applied_at < window[1]]
    origin = min([event.at for event in signings] or faults, default=None)
    if origin is None:
        return _bracketed(lags.NOTHING, "no key began to sign and no fault was applied in this phase")
    good = selector.choose(good_traffic(_api(record.samples)))
    after = good[(good["due_at"] >= origin) & (good["due_at"] < window[1])]
    kid = signings[0].text("kid") if signings else None
    return _bracketed(lags.refusal_window(after, origin, _replicas(good), kid))


def _recovery_time(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """From healing to the last bad sample before a sustained good stretch, by replica: of the flows selected, else of
    all API calls.
    """
    window = record.window(phase)
    healed = [f.healed_at for f in record.faults if f.healed_at is not None and window and f.healed_at < window[1]]
    if not healed or window is None:
        return _bracketed(lags.NOTHING, "no fault was healed")
    asked = record.samples if "flow" in dict(selector.where) else _api(record.samples)
    good = selector.choose(good_traffic(asked))
    after = good[(good["due_at"] >= max(healed)) & (good["due_at"] < window[1])]
    return _bracketed(lags.recovery_time(after, max(healed), window[1]))


def _unserved_time(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """The longest time without a good answer to an API call, by replica."""
    window = record.window(phase)
    if window is None:
        return _bracketed(lags.NOTHING)
    good = selector.choose(good_traffic(_api(record.in_phase(phase))))
    return _bracketed(lags.unserved_time(good, *window))


@functools.lru_cache(maxsize=1)
def revocation_table(record: RunRecord) -> pd.DataFrame:
    """Every revocation probe at every replica; see :func:`idchaos.verdict.lags.revocation_lags`.

    Kept for the record that was asked for last: it takes seconds, and many SLIs are made of it.
    """
    return lags.revocation_lags(record.samples, int(record.plan.load.setting("revocation", "confirm_denials", 3)))


def _revoked_in(record: RunRecord, selector: Selector, phase: When) -> pd.DataFrame:
    table = selector.choose(revocation_table(record))
    window = record.window(phase) or (0.0, 0.0)
    return table[table["revoked_at"].between(*window, inclusive="left")]


def _revocation_quantile(record: RunRecord, selector: Selector, phase: When, q: float) -> Measurement:
    """Over (probe, replica): revocation to the first lasting refusal; probes of one second are one
    cluster.
    """
    table = _revoked_in(record, selector, phase)
    times, censored = _floats(table, "lag_s"), table["censored"].to_numpy(dtype=bool)
    if not len(table):
        return _bracketed(lags.NOTHING, "no token was revoked")
    estimate = stats.censored_quantile(times, censored, q, stats.seconds_of(_floats(table, "revoked_at")))
    note = f"{int(censored.sum())} of {len(table)} had not ended when they were last seen" if censored.any() else ""
    return _measured(estimate, "quantile", "s", note=note, q=q, of_generator=False)


def _revocation_max(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """The longest that was seen, bracketed by the last accept and the first refusal."""
    table = _revoked_in(record, selector, phase)
    brackets = []
    for row in table.to_dict("records"):
        first = math.inf if row["censored"] else float(row["first_denial_s"])
        note = f"{row['replica']}: {row['note']}" if row["note"] else ""
        brackets.append(lags.Bracket(first, float(row["last_accept_s"]), first, 1, note))
    return _bracketed(lags.longest(brackets))


def _retired_key(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """From the withdrawal of a key to the last accepted token of it, by key and replica."""
    window = record.window(phase)
    if window is None:
        return _bracketed(lags.NOTHING)
    withdrawn = [event for event in record.named("key_withdrawn") if window[0] <= event.at < window[1]]
    if not withdrawn:
        return _bracketed(lags.NOTHING, "no key was withdrawn in this phase")
    replicas = _replicas(selector.choose(_api(record.samples)))
    end = record.window("all") or window
    return _bracketed(lags.retired_key_acceptance(selector.choose(record.samples), withdrawn, replicas, end[1] + 1.0))


def _attacker_last_success(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """From the rotation of a secret to the last success with the old one; ``session`` selects in which way."""
    contained = [event.at for event in record.named("secret_rotated")]
    attacks = selector.choose(record.samples[record.samples["flow"] == "attacker"])
    attacks = attacks[attacks["decision"] != "undecided"]
    if not contained or attacks.empty:
        return _bracketed(lags.NOTHING, "no leaked secret was rotated while somebody attacked")
    return _bracketed(lags.attack_end(attacks, max(contained)))


def _audience_confusion(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Of the pairs of a token's audience and another service, by replica, those where such a token was accepted.

    Nothing is known as long as a pair was not tried, or tried at one replica and not at another.
    """
    calls = _api(selector.choose(record.in_phase(phase)))
    accepted = _foreign_tokens(calls)
    cells = accepted.groupby(["audience", "service", "replica"])["accepted"].agg(["sum", "count"])
    replicas, services = _replicas(calls[calls["decision"].isin(["accept", "deny"])]), set(calls["service"])
    told = accepted.groupby(["audience", "service"], as_index=False)["accepted"].agg(["sum", "count"])
    # A gateway decides for every service; a service that decides does so for itself.
    whole = len(cells) == sum(
        name == service or name not in services for service in told["service"] for name in replicas
    )
    confused = float((cells["sum"] > 0).sum())
    count = confused if confused or (whole and _each_pair(record, calls, told)) else math.nan
    note = _of_pairs(told) or "no token for another service was sent"
    return _rate(count, count, count, len(accepted), unit="count", note=note)


def _audience_confusion_around(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """The same of tokens that were sent to services directly, around the gateways.

    Nothing is known as long as a service was not tried with the tokens for each of the others.
    """
    calls = selector.choose(record.in_phase(phase))
    accepted = _foreign_tokens(calls[calls["endpoint"].str.startswith(AROUND)])
    told = accepted.groupby(["audience", "service"], as_index=False)["accepted"].agg(["sum", "count"])
    confused = float((told["sum"] > 0).sum())
    count = confused if confused or _each_pair(record, calls, told) else math.nan
    note = _of_pairs(told) or "no token for another service was sent around the gateways"
    return _rate(count, count, count, len(accepted), unit="count", note=note)


def _each_pair(record: RunRecord, calls: pd.DataFrame, told: pd.DataFrame) -> bool:
    """Whether each service of these calls was tried with the tokens for each of the others."""
    every = _api(record.samples)["service"].nunique()
    return len(told) == _api(calls)["service"].nunique() * (every - 1) > 0


def _of_pairs(told: pd.DataFrame) -> str:
    rows = zip(told["audience"], told["service"], told["sum"], told["count"], strict=True)
    return "; ".join(f"for {one} at {other}: {bad} of {tried}" for one, other, bad, tried in rows)


def _foreign_tokens(calls: pd.DataFrame) -> pd.DataFrame:
    """Decided requests with a token for another service: that one's ``audience``, and whether it was ``accepted``."""
    decided = calls[calls["decision"].isin(["accept", "deny"])]
    foreign = decided[decided["canary"].eq("wrong_audience") & decided["session"].str.startswith(AUDIENCE_OF)]
    return foreign.assign(
        audience=foreign["session"].str.removeprefix(AUDIENCE_OF), accepted=foreign["decision"].eq("accept")
    )


def _issuance_alarm_delay(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """From the leak of a secret to the first second in which its client was issued conspicuously many tokens, the
    longest over clients (told apart by the format of their tokens).
    """
    leaked = next((event.at for event in record.named("secret_leaked")), None)
    window = record.window(PhaseName.BASELINE)
    issued = record.samples[
        record.samples["flow"].isin(["partner", "attacker"])
        & record.samples["endpoint"].eq("token")
        & record.samples["decision"].eq("accept")
    ]
    if leaked is None or window is None:
        return _bracketed(lags.NOTHING, "no secret leaked after a baseline")
    found = []
    for _, rows in selector.choose(issued).groupby("format"):
        at = _floats(rows, "sent_at")
        before = at[(at >= window[0]) & (at < window[1])]
        found.append(lags.issuance_alarm(list(before), list(at[at >= leaked]), window[1] - window[0], leaked))
    return _bracketed(lags.longest(found))


def skew_steps(record: RunRecord, phase: When = "all") -> tuple[lags.SkewStep, ...]:
    """Refusals at each step of the clocks, by validator, for the thresholds and for their plot."""
    window = record.window(phase)
    if window is None:
        return ()
    events = [event for event in record.named("clock_skewed") if window[0] - 1.0 <= event.at < window[1]]
    return lags.skew_steps(record.samples, events, window[1])


def _skew_threshold(worst: Callable[[Iterable[lags.Bracket]], lags.Bracket]) -> Sli:
    """Over validators: one that refuses early or late is not hidden by those that don't."""

    def sli(record: RunRecord, selector: Selector, phase: When) -> Measurement:
        return _bracketed(worst(lags.skew_thresholds(skew_steps(record, phase), selector.one("side", "ahead"))))

    return sli


# --- counters


def _fetches(counter: str, per_s: float, unit: str) -> Sli:
    """Growth of a counter of the validators' key caches over the phase, summed, per second or minute.

    Nothing is estimated, so there is no confidence interval: the bounds are the counter's growth within the
    phase, and between the reports just before and just after it.
    """

    def sli(record: RunRecord, selector: Selector, phase: When) -> Measurement:
        window = record.window(phase)
        wanted = dict(selector.where).get("replica", _validators(record))
        grown = [_growth(record.series(name, "jwks", counter), window) for name in wanted] if window else []
        if window is None or not grown or None in grown:
            return _rate(
                math.nan, 0.0, math.inf, 0, unit=unit, note="a validator reported no counter throughout the phase"
            )
        found = [item for item in grown if item is not None]
        scale = per_s / max(window[1] - window[0], 1e-9)
        low, high, reports = (sum(item[index] for item in found) for index in range(3))
        return _rate(high * scale, low * scale, high * scale, int(reports), unit=unit)

    return sli


def _busiest(counter: str) -> Sli:
    """The same of the one validator whose counter grew most: a sum would hide one replica's stampede."""
    each = _fetches(counter, 1.0, "1/s")

    def sli(record: RunRecord, selector: Selector, phase: When) -> Measurement:
        chosen = dict(selector.where).get("replica", _validators(record))
        found = {name: each(record, Selector(selector.name, (("replica", (name,)),)), phase) for name in chosen}
        told = {name: one for name, one in found.items() if one.samples}
        if not told:
            return each(record, selector, phase)
        name, most = max(told.items(), key=lambda item: item[1].value)
        high = most.high if len(told) == len(found) else math.inf
        low = max(one.low for one in told.values())
        return replace(most, low=low, high=high, note=f"most at {name}")

    return sli


def _validators(record: RunRecord) -> tuple[str, ...]:
    """Every component that reports a key cache."""
    return tuple(sorted({p.component for p in record.telemetry if "jwks" in p.state and p.component != "idp"}))


def _token_request_peak(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """The most token requests within any one second over their mean per second: 1 when they are spread evenly."""
    window = record.window(phase)
    frame = selector.choose(record.in_phase(phase))
    times = np.sort(_floats(frame[(frame["endpoint"] == "token") & frame["sent_at"].notna()], "sent_at"))
    if window is None or not len(times):
        return _rate(math.nan, 0.0, math.inf, 0, unit="times", note="no token was asked for")
    within_1_s = np.searchsorted(times, times + 1.0) - np.arange(len(times))
    peak = float(within_1_s.max()) * (window[1] - window[0]) / len(times)
    note = f"{within_1_s.max():,} in one second, {len(times) / (window[1] - window[0]):.3g} per second on average"
    return _rate(peak, peak, peak, len(times), unit="times", note=note)


def _refresh_attempts(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Refresh requests over refreshes that came due: 1 when each succeeds at once, more where clients try again."""
    frame = selector.choose(record.in_phase(phase))
    frame = frame[frame["flow"] == "refresh"]
    begun = int((frame["retry"] == 0).sum())
    if not begun:
        return _rate(math.nan, 0.0, math.inf, 0, unit="times", note="no refresh came due")
    attempts = len(frame) / begun
    return _rate(attempts, attempts, attempts, begun, unit="times")


def _fetches_per_1000(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Growth of the fetches of deciders' key caches over the growth of the requests they answered, times 1,000. Bounds
    as for rates: each count may have grown by up to one report more or less.
    """
    window = record.window(phase)
    deciders = sorted({p.component for p in record.telemetry if _decides_by_keys(p.state)})
    names = dict(selector.where).get("replica", tuple(deciders))
    fetches = [_growth(record.series(name, "jwks", "fetches"), window) for name in names]
    requests = [_growth(record.series(name, "requests", "total"), window) for name in names]
    if not names or None in fetches or None in requests:
        note = "nobody who decides by keys reported counters throughout the phase"
        return _rate(math.nan, 0.0, math.inf, 0, unit="per 1,000", note=note)
    fewest, most, reports = (sum(item[index] for item in fetches if item) for index in range(3))
    least, all_asked, _ = (sum(item[index] for item in requests if item) for index in range(3))
    low, value, high = (
        1000 * made / asked if asked else math.inf
        for made, asked in ((fewest, all_asked), (most, all_asked), (most, least))
    )
    return _rate(value, low, high, int(reports), unit="per 1,000")


def _decides_by_keys(state: Mapping[str, JsonValue]) -> bool:
    """Whether this is the state of who decides about clients' tokens, by the IdP's keys. One that does not say is taken
    for such if it passes requests on.
    """
    requests, settings = state.get("requests"), state.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    passes_on = isinstance(requests, dict) and "upstream" in requests
    return "jwks" in state and bool(settings.get("decides", passes_on)) and settings.get("introspects") != "every"


def _growth(series: list[tuple[float, float]], window: tuple[float, float] | None) -> tuple[float, float, int] | None:
    """Growth of a counter inside and around a window, and the number of reports; ``None`` unless they span
    most of it.
    """
    if window is None:
        return None
    inside = [(at, value) for at, value in series if window[0] <= at <= window[1]]
    if len(inside) < 2 or inside[-1][0] - inside[0][0] < 0.75 * (window[1] - window[0]):
        return None
    before = [point for point in series if point[0] < window[0]][-1:]
    after = [point for point in series if point[0] > window[1]][:1]
    return _increase(inside), _increase([*before, *inside, *after]), len(inside)


def _increase(series: list[tuple[float, float]]) -> float:
    """Sum of increments; a counter that falls was restarted from 0."""
    values = [value for _, value in series]
    return sum(later - earlier if later >= earlier else later for earlier, later in pairwise(values))


def _misstated(wrong: Callable[[pd.DataFrame], pd.Series[bool]]) -> Sli:
    """Gateways' answers whose status says one thing and whose reason says another; clients go by the status.

    Nothing is estimated: one such answer is one too many. Looked at is every answer that accepts nothing and says why.
    """

    def sli(record: RunRecord, selector: Selector, phase: When) -> Measurement:
        answers = _api(selector.choose(record.in_phase(phase)))
        told = answers["error_code"].ne("") & ~answers["error_code"].str.startswith("http_")
        told_why = answers[answers["decision"].ne("accept") & answers["status"].gt(0) & told]
        found = told_why[wrong(told_why)]
        note = "no gateway refused anything and said why" if told_why.empty else ""
        if len(found):
            first = found.sort_values("due_at", kind="stable").iloc[0]
            note = f"first: {first['status']} for {first['error_code']} by {first['replica']}"
        count = float(len(found)) if len(told_why) else math.nan
        return _rate(count, count, count, len(told_why), unit="count", note=note)

    return sli


def _refusal_as_error(answers: pd.DataFrame) -> pd.Series[bool]:
    """A bad token, and nobody was kept from deciding: yet 5xx."""
    return answers["expected"].eq("deny") & answers["status"].ge(500) & ~answers["error_code"].isin(UNDECIDED_REASONS)


def _outage_as_refusal(answers: pd.DataFrame) -> pd.Series[bool]:
    """It could not be decided: yet 4xx, as if it had been."""
    return answers["status"].lt(500) & answers["error_code"].isin(UNDECIDED_REASONS)


def _misuse_alerts(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Alerts of the target's own detectors of misuse that no canary explains.

    Canaries misuse tokens on purpose; each that was refused for it is an alert that had to come. Detectors are read
    before and after the load: there is one count for the whole of it, warm-up included. A canary without an answer may
    or may not have raised one, so the bounds allow for both.
    """
    if phase != "all":
        return _rate(math.nan, 0.0, math.inf, 0, unit="alerts", note="detectors are read for the whole load only")
    raised = [reconcile.growth(record, name, *path) for name, path in _detectors(record)]
    untold = next((each.note for each in raised if each.count is None), "")
    if not raised or untold:
        note = untold or "no component counts misuse"
        return _rate(math.nan, 0.0, math.inf, 0, unit="alerts", note=note)
    sent = record.samples[record.samples["sent_at"].notna()]
    provoking = _provoking(sent)
    refused = provoking["error_code"].eq(_FOREIGN) | _refused_replay(provoking)
    unanswered = provoking["status"].eq(0) & ~provoking["error_code"].isin(reconcile.NEVER_ARRIVED)
    high = max(0, sum(each.count or 0 for each in raised) - int(refused.sum()))
    low = max(0, high - int(unanswered.sum()))
    return _rate(high, low, high, int(sent["status"].ne(0).sum()), unit="alerts")


def _token_lifetime_max(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """The longest life (``exp`` - ``iat``) of a token that good traffic used."""
    lives, _ = _token_lifetimes(record, selector, phase)
    longest = float(lives.max()) if len(lives) else math.nan
    return _rate(longest, longest, longest, len(lives), unit="s", note="" if len(lives) else "no token tells its life")


def _theft_window_max(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """From a theft to the last request that the loot was good for; ``session`` selects what was stolen."""
    uses = selector.choose(_api(record.in_phase(phase)))
    uses = uses[uses["flow"].eq("thief") & uses["decision"].ne("undecided")]
    return _bracketed(lags.theft_window(uses) if len(uses) else lags.NOTHING, "" if len(uses) else "nothing was stolen")


def _provoking(sent: pd.DataFrame) -> pd.DataFrame:
    """Requests that misuse something on purpose."""
    return sent[sent["canary"].isin(MISUSE_CANARIES) | sent["flow"].eq("parallel_replay")]


def _refused_replay(requests: pd.DataFrame) -> pd.Series[bool]:
    return requests["endpoint"].eq("token") & requests["decision"].eq("deny")


def _replays_unnoticed(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Replays that the IdP refused and that its own detector of them did not count. Whatever it is that reads the
    counter would not have known of these. One after the other only: of parallel uses, an IdP may count one or more.
    """
    raised = [
        reconcile.growth(record, name, *path) for name, path in _detectors(record) if path == ("replays_detected",)
    ]
    sent = record.samples[record.samples["sent_at"].notna()]
    replays = sent[sent["canary"].isin(MISUSE_CANARIES)]
    refused = int(_refused_replay(replays).sum())
    if phase != "all" or not refused or not raised or any(each.count is None for each in raised):
        note = "no replay was refused, or no IdP counts them"
        return _rate(math.nan, 0.0, math.inf, refused, unit="count", note=note)
    counted = sum(each.count or 0 for each in raised)
    missed = float(max(0, refused - counted))
    return _rate(missed, missed, missed, refused, unit="count", note=f"{counted} counted, {refused} refused")


def _unbound_answers(record: RunRecord, selector: Selector, phase: When) -> Measurement:
    """Answers to logins that a careful client must not take for its own; ``error_code`` selects why."""
    flaws = dict(selector.where).get("error_code", tuple(protocol.FLAWED_AT))
    chosen = Selector(selector.name, tuple(pair for pair in selector.where if pair[0] != "error_code"))
    frame = chosen.choose(record.in_phase(phase))
    return _tallied(protocol.unbound_answers(frame, [flaw for flaw in flaws if flaw in protocol.FLAWED_AT]))


def _counted(count: Callable[[pd.DataFrame], protocol.Tally], unit: str = "count") -> Sli:
    def sli(record: RunRecord, selector: Selector, phase: When) -> Measurement:
        return _tallied(count(selector.choose(record.in_phase(phase))), unit)

    return sli


def _tallied(tally: protocol.Tally, unit: str = "count") -> Measurement:
    return _rate(tally.count, tally.count, tally.count, tally.samples, unit=unit, note=tally.note)


def _detectors(record: RunRecord) -> list[tuple[str, tuple[str, ...]]]:
    """Component and counter: an IdP's of used codes and refresh tokens that came again, a validator's of tokens for
    another audience.
    """
    after = record.counts.get("after")
    found: list[tuple[str, tuple[str, ...]]] = []
    for name, state in after.items() if isinstance(after, dict) else ():
        requests = state.get("requests") if isinstance(state, dict) else None
        if isinstance(state, dict) and "replays_detected" in state:
            found.append((name, ("replays_detected",)))
        if isinstance(requests, dict) and isinstance(requests.get("by_reason"), dict):
            found.append((name, ("requests", "by_reason", _FOREIGN)))
    return found


# --- helpers


def _api(frame: pd.DataFrame) -> pd.DataFrame:
    """What gateways answered, or should have."""
    return frame[frame["endpoint"].str.startswith("/") & (frame["replica"] != "")]


def _replicas(frame: pd.DataFrame) -> list[str]:
    return sorted(str(name) for name in frame["replica"].unique())


def _floats(frame: pd.DataFrame, column: str) -> Floats:
    return frame[column].to_numpy(dtype=np.float64)


def _measured(
    estimate: stats.Estimate,
    kind: Kind,
    unit: str,
    *,
    note: str = "",
    q: float | None = None,
    of_generator: bool = True,
) -> Measurement:
    return Measurement(
        estimate.value, estimate.low, estimate.high, estimate.samples, estimate.effective, unit, kind,
        stats.samples_for_quantile(q) if q else None, note, q, of_generator,
    )  # fmt: skip


def _bracketed(bracket: lags.Bracket, note: str = "") -> Measurement:
    return Measurement(
        bracket.value, bracket.low, bracket.high, bracket.samples, float(bracket.samples), "s", "lag",
        1, bracket.note or note, None, of_generator=False,
    )  # fmt: skip


def _rate(value: float, low: float, high: float, samples: int, *, unit: str, note: str = "") -> Measurement:
    return Measurement(value, low, high, samples, float(samples), unit, "rate", 2, note, None, of_generator=False)


Sli = Callable[[RunRecord, Selector, When], Measurement]

REGISTRY: dict[str, Sli] = {
    "success_rate": _outcome_share("ok"),
    "wrongly_denied_rate": _outcome_share("wrongly_denied"),
    "unavailable_rate": _outcome_share("unavailable"),
    "availability": _outcome_share("ok", "wrongly_denied"),
    "token_issuance_error_rate": _token_errors(*TOKEN_FLOWS["token_issuance_error_rate"]),
    "refresh_error_rate": _token_errors(*TOKEN_FLOWS["refresh_error_rate"]),
    "refresh_attempts": _refresh_attempts,
    "token_request_peak": _token_request_peak,
    "login_success_rate": _login_success,
    "login_retries": _login_retries,
    "token_validation_success_rate": _validation_success,
    "registration_error_rate": _registration_errors,
    "misuse_alerts": _misuse_alerts,
    "replays_unnoticed": _replays_unnoticed,
    "token_lifetime_max": _token_lifetime_max,
    "sessions_beyond_policy": _counted(protocol.sessions_beyond_policy),
    "theft_window_max": _theft_window_max,
    "limits_untold": _counted(protocol.limits_untold),
    "registration_completion_rate": _registrations_completed,
    "unbound_answers": _unbound_answers,
    "parallel_uses_accepted": _counted(protocol.most_accepted_at_once),
    "tampered_redirects_accepted": _counted(protocol.tampered_redirects_accepted),
    "jwks_fetch_failures": _fetches("fetch_failures", 60.0, "1/min"),
    "jwks_fetch_rate": _fetches("fetches", 1.0, "1/s"),
    "jwks_fetch_rate_max": _busiest("fetches"),
    "refusals_told_as_errors": _misstated(_refusal_as_error),
    "outages_told_as_refusals": _misstated(_outage_as_refusal),
    "jwks_fetches_per_1000": _fetches_per_1000,
    "refusal_window": _refusal_window,
    "recovery_time": _recovery_time,
    "unserved_time": _unserved_time,
    "revocation_lag_max": _revocation_max,
    "retired_key_acceptance": _retired_key,
    "skew_threshold_min": _skew_threshold(lags.least),
    "skew_threshold_max": _skew_threshold(lags.longest),
    "attacker_last_success": _attacker_last_success,
    "issuance_alarm_delay": _issuance_alarm_delay,
    "audience_confusion": _audience_confusion,
    "audience_confusion_around": _audience_confusion_around,
}
