"""How long something lasted after the moment that caused it. Pure: samples and moments -> brackets of
seconds.

A lag is never seen itself, only bracketed: it had not ended at one sample (``low``), it had at another
(``high``). Where the record ends first it is right-censored: ``high`` is ``inf``. Times are those of
sending (``sent_at``), because a request tells about the moment in which it was judged; one that was never
sent counts at ``due_at``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from idchaos.reasons import NOT_OF_KEYS, NOT_OF_REVOCATION, OF_KEYS
from idchaos.record.record import Event

SUSTAINED_S = 2.0
"""A stretch without any bad sample must last this long to count as recovered."""
SUSTAINED_SAMPLES = 10
LAG_COLUMNS = (
    "probe",
    "replica",
    "format",
    "revoked_at",
    "last_accept_s",
    "first_denial_s",
    "lag_s",
    "censored",
    "note",
)


@dataclass(frozen=True, slots=True)
class Bracket:
    """Seconds between a cause and an end: at least ``low``, at most ``high``. ``nan`` value: nothing was
    observed.
    """

    value: float
    low: float
    high: float
    samples: int
    note: str = ""


NOTHING = Bracket(math.nan, 0.0, math.inf, 0)


def longest(brackets: Iterable[Bracket]) -> Bracket:
    """The greatest of several lags. It is unknown while any of them is: what was not observed might be the
    greatest.
    """
    found = list(brackets)
    if not found:
        return NOTHING
    samples = sum(bracket.samples for bracket in found)
    worst = max(found, key=lambda bracket: (bracket.high, bracket.value))
    unseen = [bracket for bracket in found if math.isnan(bracket.value)]
    low = max(bracket.low for bracket in found)
    if unseen:
        return Bracket(math.nan, low, math.inf, samples, unseen[0].note)
    return Bracket(max(bracket.value for bracket in found), low, worst.high, samples, worst.note)


def least(brackets: Iterable[Bracket]) -> Bracket:
    """The smallest of several, like :func:`longest`: unknown while any of them is."""
    found = list(brackets)
    if not found:
        return NOTHING
    samples = sum(bracket.samples for bracket in found)
    first = min(found, key=lambda bracket: (bracket.low, bracket.value))
    unseen = [bracket for bracket in found if math.isnan(bracket.value)]
    if unseen:
        return Bracket(math.nan, 0.0, math.inf, samples, unseen[0].note)
    return Bracket(min(b.value for b in found), first.low, min(b.high for b in found), samples, first.note)


def timed(frame: pd.DataFrame) -> pd.DataFrame:
    """The samples with ``at`` (when sent, else when due), in that order."""
    return frame.assign(at=frame["sent_at"].fillna(frame["due_at"])).sort_values("at", kind="stable")


def refusal_window(good: pd.DataFrame, origin: float, replicas: Sequence[str], kid: str | None = None) -> Bracket:
    """Origin to the last good token that was not let in, the longest over replicas.

    Refused or not decided (503, no answer), the user was not served either way. What the load generator dropped by
    itself tells nothing. ``good``: samples whose right answer is to accept, due from ``origin`` on. ``kid``: the key
    that signs since then, if the cause is a rotation; each replica must then have met a token of that key, and the
    window is open until it accepted one.
    """
    frame = timed(good)
    watched = frame[frame["kid"] == kid] if kid else frame
    exposed = float(watched["at"].iloc[0]) if len(watched) and kid else origin
    return longest(_refusals(frame, watched, replica, origin, exposed) for replica in replicas)


def _refusals(all_good: pd.DataFrame, watched: pd.DataFrame, replica: str, origin: float, exposed: float) -> Bracket:
    mine = all_good[(all_good["replica"] == replica) & (all_good["error_code"] != "dropped")]
    unserved = mine[mine["outcome"] != "ok"]
    if unserved.empty:
        accepted = watched[(watched["replica"] == replica) & (watched["outcome"] == "ok")]
        if accepted.empty:
            return Bracket(math.nan, 0.0, math.inf, len(mine), f"{replica} accepted nothing that would show it")
        # Between the first token that it could have met and the first that it accepted, nobody knows.
        return Bracket(0.0, 0.0, max(0.0, float(accepted["at"].iloc[0]) - exposed), len(mine))
    last = unserved.iloc[-1]
    after = mine[(mine["at"] > last["at"]) & (mine["outcome"] == "ok")]
    if last["kid"]:  # without it there was no token to send: any that is let in again will do
        after = after[after["kid"] == last["kid"]]
    lag = max(0.0, float(last["at"]) - origin)
    if after.empty:
        return Bracket(math.inf, lag, math.inf, len(mine), f"{replica} did not let good tokens in at the end")
    return Bracket(lag, lag, float(after["at"].iloc[0]) - origin, len(mine), f"longest at {replica}")


def recovery_time(good: pd.DataFrame, healed_at: float, until: float) -> Bracket:
    """Healing to the last bad sample before a stretch of :data:`SUSTAINED_S` without any, the longest over
    replicas.

    ``good``: samples whose right answer is to accept, due from ``healed_at`` to ``until``.
    """
    frame = timed(good)
    frame = frame[(frame["at"] >= healed_at) & (frame["error_code"] != "dropped")]
    return longest(
        _recovery(rows, str(replica) or "the IdP", healed_at, until) for replica, rows in frame.groupby("replica")
    )


def _recovery(rows: pd.DataFrame, replica: str, healed_at: float, until: float) -> Bracket:
    bad = rows["outcome"].ne("ok").to_numpy()
    times = rows["at"].to_numpy(dtype=float)
    ends = [float(at) for at in (*times[bad], max(until, times[-1]))]
    start = healed_at
    for index, end in enumerate(ends):
        calm = times[(times > start) & (times < end)] if index else times[times < end]
        if end - start >= SUSTAINED_S and len(calm) >= SUSTAINED_SAMPLES:
            lag = start - healed_at
            note = f"longest at {replica}" if lag else ""
            return Bracket(lag, lag, float(calm[0]) - healed_at, len(rows), note)
        start = end
    last = times[bad][-1] if bad.any() else healed_at
    if not bad.any():
        return Bracket(math.nan, 0.0, math.inf, len(rows), f"{replica}: too few samples after healing")
    return Bracket(math.inf, float(last) - healed_at, math.inf, len(rows), f"{replica} did not recover by the end")


def unserved_time(good: pd.DataFrame, start: float, end: float) -> Bracket:
    """The longest time between two good answers, the longest over replicas; open where it lasts to ``end``.

    ``good``: samples whose right answer is to accept, due from ``start`` to ``end``. Between its first and its last bad
    sample a replica surely did not serve, between the good ones around them it may not have.
    """
    frame = timed(good)
    frame = frame[frame["error_code"] != "dropped"]
    return longest(_unserved(rows, str(replica), start, end) for replica, rows in frame.groupby("replica"))


def _unserved(rows: pd.DataFrame, replica: str, start: float, end: float) -> Bracket:
    times, served = rows["at"].to_numpy(dtype=float), rows["outcome"].eq("ok").to_numpy()
    edges = [start, *(float(at) for at in times[served]), end]
    began, ended = max(pairwise(edges), key=lambda pair: pair[1] - pair[0])
    bad = times[~served & (times >= began) & (times <= ended)]
    low = float(bad[-1] - bad[0]) if len(bad) else 0.0
    if ended == end and len(bad):
        return Bracket(math.inf, low, math.inf, len(rows), f"{replica} did not serve at the end")
    return Bracket(ended - began, low, ended - began, len(rows), f"longest at {replica}")


def retired_key_acceptance(
    samples: pd.DataFrame, withdrawals: Sequence[Event], replicas: Sequence[str], until: float
) -> Bracket:
    """Withdrawal of a key to the last accepted token that it had signed, the longest over keys and replicas.

    Only tokens that are good but for their key count: those of sessions, and the ``retired_key`` canary. Other canaries
    carry the old ``kid`` too, and are refused for what else is wrong with them. A refusal closes the window if its
    reason is one of :data:`OF_KEYS`, or if neither its reason (:data:`NOT_OF_KEYS`) nor expiry explains it otherwise.
    """
    frame = timed(samples[samples["canary"].isin(["", "retired_key"])])
    found = []
    for event in withdrawals:
        signed = frame[(frame["kid"] == event.text("kid")) & (frame["at"] >= event.at) & (frame["at"] < until)]
        found += [_acceptance(signed[signed["replica"] == replica], event, replica) for replica in replicas]
    return longest(found)


def _acceptance(rows: pd.DataFrame, event: Event, replica: str) -> Bracket:
    decided = rows[rows["decision"] != "undecided"]
    accepted = decided[decided["decision"] == "accept"]
    unexplained = ~decided["error_code"].isin(NOT_OF_KEYS) & (decided["at"] < decided["token_exp"].fillna(math.inf))
    of_key = decided["error_code"].isin(OF_KEYS) | unexplained
    refused = decided[(decided["decision"] == "deny") & of_key]
    last = float(accepted["at"].iloc[-1]) if len(accepted) else event.at
    after = refused[refused["at"] > last]
    lag = last - event.at
    if after.empty:
        seen = bool(len(accepted))
        note = f"{replica} still accepted it at the end" if seen else f"{replica} was never asked about it"
        return Bracket(math.inf if seen else math.nan, lag, math.inf, len(decided), note)
    return Bracket(lag, lag, float(after["at"].iloc[0]) - event.at, len(decided), f"longest at {replica}")


def attack_end(attacks: pd.DataFrame, contained_at: float) -> Bracket:
    """Containment to the attacker's last success, the longest over replicas and token formats.

    ``attacks``: decided attempts of one way of attacking, or of several. A way that never worked before shows nothing
    by working no longer.
    """
    frame = timed(attacks)
    return longest(
        _attack_end(rows, f"{replica or 'the IdP'}, {kind}", contained_at)
        for (replica, kind), rows in frame.groupby(["replica", "format"])
    )


def theft_window(uses: pd.DataFrame) -> Bracket:
    """From a theft to the last request that what was stolen was good for, the longest over replicas and loot.

    ``uses``: decided requests of thieves at gateways. The theft is as old as its first request.
    """
    frame = timed(uses)
    return longest(
        _theft_window(rows, f"{replica}, {loot}", float(frame.loc[frame["way"] == loot, "at"].min()))
        for (replica, loot), rows in frame.groupby(["replica", "way"])
    )


def _theft_window(rows: pd.DataFrame, where: str, stolen_at: float) -> Bracket:
    accepted = rows.loc[rows["decision"] == "accept", "at"]
    if accepted.empty:
        return Bracket(math.nan, 0.0, math.inf, len(rows), f"{where}: what was stolen was never good for anything")
    last = float(accepted.iloc[-1])
    refused = rows.loc[(rows["decision"] == "deny") & (rows["at"] > last), "at"]
    if refused.empty:
        return Bracket(math.inf, last - stolen_at, math.inf, len(rows), f"{where}: still accepted at the end")
    return Bracket(
        last - stolen_at, last - stolen_at, float(refused.iloc[0]) - stolen_at, len(rows), f"longest at {where}"
    )


def _attack_end(rows: pd.DataFrame, where: str, contained_at: float) -> Bracket:
    accepted = rows.loc[rows["decision"] == "accept", "at"]
    if not (accepted < contained_at).any():
        return Bracket(math.nan, 0.0, math.inf, len(rows), f"{where}: no attack succeeded before the containment")
    last = max(float(accepted.iloc[-1]), contained_at)
    refused = rows.loc[(rows["decision"] == "deny") & (rows["at"] > last), "at"]
    lag = last - contained_at
    if refused.empty:
        return Bracket(math.inf, lag, math.inf, len(rows), f"{where}: still accepted at the end")
    return Bracket(lag, lag, float(refused.iloc[0]) - contained_at, len(rows), f"longest at {where}")


ALARM_RATIO = 3.0
"""A client that is given this many times the tokens of its baseline, within one second, is noticed."""


def issuance_alarm(baseline: Sequence[float], issued: Sequence[float], length_s: float, since: float) -> Bracket:
    """From a leak to the end of the first second in which :data:`ALARM_RATIO` times the baseline's rate was issued.

    ``baseline``: Unix times of tokens issued to the client within ``length_s`` seconds before; ``issued``: of all
    since.
    """
    if not baseline or length_s <= 0:
        return Bracket(math.nan, 0.0, math.inf, len(issued), "no tokens were issued in the baseline to compare with")
    usual = len(baseline) / length_s
    seconds = Counter(int(at - since) for at in issued if at >= since)
    loud = [second for second, count in sorted(seconds.items()) if count > ALARM_RATIO * usual]
    if not loud:
        last = float(max(seconds, default=0))
        return Bracket(math.inf, last, math.inf, len(issued), f"never more than {ALARM_RATIO:g} times {usual:.2g}/s")
    peak = max(seconds.values()) / usual
    return Bracket(loud[0] + 1.0, float(loud[0]), loud[0] + 1.0, len(issued), f"at most {peak:.2g} times {usual:.2g}/s")


def revocation_lags(samples: pd.DataFrame, confirm: int = 3) -> pd.DataFrame:
    """One row for each revocation probe and replica: how long after the revocation it went on accepting.

    A probe is the ``session`` of samples of flow ``revocation``: one sample of endpoint ``revoke``, whose
    answer starts the clock, and polls of every replica. The lag is that of the first refusal after the last
    accept, once ``confirm`` refusals in a row say that it lasts. It is right-censored at the last accept
    when refusals never came, were too few, or came when the token had expired anyway or for a reason of
    :data:`NOT_OF_REVOCATION`.

    Columns: :data:`LAG_COLUMNS`; ``lag_s`` is the time of the event or of the censoring, ``last_accept_s``
    0 when there was none.
    """
    flow = timed(samples[samples["flow"] == "revocation"])
    revokes = flow[(flow["endpoint"] == "revoke") & (flow["decision"] == "accept")]
    polls = flow[flow["endpoint"].str.startswith("/")]
    answered = (revokes["at"] + revokes["service_time_s"]).groupby(revokes["session"]).max()
    moments = {str(probe): float(at) for probe, at in answered.items()}
    rows = [
        _revocation(asked[asked["at"] >= moments[str(probe)]], str(probe), str(replica), moments[str(probe)], confirm)
        for (probe, replica), asked in polls.groupby(["session", "replica"])
        if str(probe) in moments and replica
    ]
    frame = pd.DataFrame(rows, columns=list(LAG_COLUMNS))
    return frame.sort_values(["revoked_at", "probe", "replica"], kind="stable").reset_index(drop=True)


def _revocation(polls: pd.DataFrame, probe: str, replica: str, revoked_at: float, confirm: int) -> tuple[object, ...]:
    decided = polls[polls["decision"] != "undecided"]
    accepted = decided[decided["decision"] == "accept"]
    last_accept = float(accepted["at"].iloc[-1]) if len(accepted) else revoked_at
    denials = decided[(decided["decision"] == "deny") & (decided["at"] >= last_accept)]
    kind = str(polls["format"].iloc[0]) if len(polls) else ""
    last = last_accept - revoked_at
    first = math.nan
    if denials.empty:
        note = "never refused" if len(polls) else "never asked after the revocation"
    elif len(denials) < confirm:
        note = f"only {len(denials)} refusals seen"
    elif denials["error_code"].iloc[0] in NOT_OF_REVOCATION:
        note = f"refused as {denials['error_code'].iloc[0]}"
    elif denials["at"].iloc[0] >= denials["token_exp"].fillna(math.inf).iloc[0]:
        note = "refused after the token had expired"
    else:
        first, note = float(denials["at"].iloc[0]) - revoked_at, ""
    censored = math.isnan(first)
    return (probe, replica, kind, revoked_at, last, first, last if censored else first, censored, note)
