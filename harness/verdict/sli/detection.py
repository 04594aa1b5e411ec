"""Would anybody have noticed: the target's own detectors of misuse, and how conspicuous an attacker was."""

from __future__ import annotations

from idchaos.experiment import PhaseName
from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict import lags, reconcile
from idchaos.verdict.sli.base import Sli, bracketed, counted, ranged, unknown
from idchaos.verdict.stats import Bools
from idchaos.verdict.traffic import Reading, Traffic

MISUSE_CANARIES = ("wrong_audience", "replayed", "code_replayed", "assertion_replayed")
"""Canaries that a detector of misuse is there for."""
_FOREIGN = "audience_mismatch"
_MISUSE = ("canary", "flow", "endpoint", "decision", "status", "error_code", "sent_at", "counts.requests")


def _misuse_alerts(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Alerts of the target's own detectors of misuse that no canary explains.

    Canaries misuse tokens on purpose; each that was refused for it is an alert that had to come. Detectors are read
    before and after the load: there is one count for the whole of it, warm-up included. A canary without an answer may
    or may not have raised one, so the bounds allow for both.
    """
    if phase != "all":
        return unknown("detectors are read for the whole load only")
    raised = [reconcile.growth(traffic.record, name, *path) for name, path in _detectors(traffic.record)]
    untold = next((each.note for each in raised if each.count is None), "")
    if not raised or untold:
        return unknown(untold or "no component counts misuse")
    sent = traffic.sent & traffic.all
    silent = traffic.samples["status"].to_numpy() == 0
    provoking = sent & (traffic.equal("canary", *MISUSE_CANARIES) | traffic.equal("flow", "parallel_replay"))
    refused = provoking & (traffic.equal("error_code", _FOREIGN) | _refused_replay(traffic))
    unanswered = provoking & silent & ~traffic.equal("error_code", *reconcile.NEVER_ARRIVED)
    high = max(0, sum(each.count or 0 for each in raised) - int(refused.sum()))
    low = max(0, high - int(unanswered.sum()))
    return ranged(high, low, high, int((sent & ~silent).sum()))


def _replays_unnoticed(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Replays that the IdP refused and that its own detector of them did not count. Whatever it is that reads the
    counter would not have known of these. One after the other only: of parallel uses, an IdP may count one or more.
    """
    record = traffic.record
    raised = [
        reconcile.growth(record, name, *path) for name, path in _detectors(record) if path == ("replays_detected",)
    ]
    replays = traffic.sent & traffic.all & traffic.equal("canary", *MISUSE_CANARIES)
    refused = int((replays & _refused_replay(traffic)).sum())
    if phase != "all" or not refused or not raised or any(each.count is None for each in raised):
        return unknown("no replay was refused, or no IdP counts them", refused)
    told = sum(each.count or 0 for each in raised)
    return counted(float(max(0, refused - told)), refused, f"{told} counted, {refused} refused")


def _refused_replay(traffic: Traffic) -> Bools:
    return traffic.equal("endpoint", "token") & traffic.equal("decision", "deny")


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


def _issuance_alarm_delay(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """From the leak of a secret to the first second in which its client was issued conspicuously many tokens, the
    longest over clients (told apart by the format of their tokens).
    """
    leaked = next((event.at for event in traffic.record.named("secret_leaked")), None)
    window = traffic.record.window(PhaseName.BASELINE)
    if leaked is None or window is None:
        return bracketed(lags.NOTHING, "no secret leaked after a baseline")
    issued = traffic.equal("flow", "partner", "attacker") & traffic.equal("endpoint", "token") & traffic.all
    issued &= traffic.equal("decision", "accept") & traffic.chosen(selector)
    found = []
    for _, rows in traffic.rows(issued, "format", "sent_at").groupby("format"):
        at = rows["sent_at"].to_numpy(dtype=float)
        before = at[(at >= window[0]) & (at < window[1])]
        found.append(lags.issuance_alarm(list(before), list(at[at >= leaked]), window[1] - window[0], leaked))
    return bracketed(lags.longest(found))


SLIS = (
    Sli("misuse_alerts", _misuse_alerts, "rate", "alerts", needs=_MISUSE, worsened_by_waiting=False),
    Sli("replays_unnoticed", _replays_unnoticed, "rate", "count", needs=_MISUSE, worsened_by_waiting=False),
    Sli(
        "issuance_alarm_delay",
        _issuance_alarm_delay,
        "lag",
        "s",
        needs=("flow", "endpoint", "decision", "format", "sent_at", "journal.secret_leaked"),
    ),
)
