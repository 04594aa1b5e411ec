"""Were users served? Shares of good traffic by what came of it, and how long nobody was served."""

from __future__ import annotations

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict import lags, reconcile, stats
from idchaos.verdict.sli.base import Read, Sli, bracketed, share_of
from idchaos.verdict.traffic import Reading, Traffic, replicas

BEHIND_THE_GATEWAY = ("upstream_unavailable", "upstream_timeout")
"""Why a gateway could not answer although it had let the token pass."""
_GOOD = ("canary", "flow", "expected", "due_at")
_LAG = ("due_at", "sent_at", "replica", "outcome", "error_code", "kid")


def _outcomes(*outcomes: str) -> Read:
    def read(traffic: Traffic, selector: Selector, phase: When) -> Reading:
        mask = traffic.during(phase) & traffic.good & traffic.chosen(selector)
        return share_of(traffic.equal("outcome", *outcomes)[mask], stats.seconds_of(traffic.floats("due_at")[mask]))

    return read


def _validated(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Of the good tokens sent to a gateway, those that it let pass; a service behind it that then failed is not
    validation's fault. What never arrived was never validated; what got no answer counts as not passed.
    """
    mask = traffic.during(phase) & traffic.good & traffic.api & traffic.sent & traffic.chosen(selector)
    mask &= ~traffic.equal("error_code", *reconcile.NEVER_ARRIVED)
    passed = traffic.equal("decision", "accept") | traffic.equal("error_code", *BEHIND_THE_GATEWAY)
    return share_of(passed[mask], stats.seconds_of(traffic.floats("due_at")[mask]))


def _refusal_window(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """From the moment a new key signs (else: the fault was applied) to the last good token that was not let
    in, by replica.
    """
    record, window = traffic.record, traffic.record.window(phase)
    if window is None:
        return bracketed(lags.NOTHING)
    signings = [event for event in record.named("key_signing") if window[0] <= event.at < window[1]]
    faults = [f.applied_at for f in record.faults if f.applied_at is not None and window[0] <= f.applied_at < window[1]]
    origin = min([event.at for event in signings] or faults, default=None)
    if origin is None:
        return bracketed(lags.NOTHING, "no key began to sign and no fault was applied in this phase")
    good = traffic.good & traffic.api & traffic.chosen(selector)
    after = traffic.rows(good & traffic.between(origin, window[1]), *_LAG)
    kid = signings[0].text("kid") if signings else None
    return bracketed(lags.refusal_window(after, origin, replicas(traffic.rows(good, "replica")), kid))


def _recovery_time(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """From healing to the last bad sample before a sustained good stretch, by replica: of the flows selected, else of
    all API calls.
    """
    window = traffic.record.window(phase)
    healed = [
        f.healed_at for f in traffic.record.faults if f.healed_at is not None and window and f.healed_at < window[1]
    ]
    if not healed or window is None:
        return bracketed(lags.NOTHING, "no fault was healed")
    good = traffic.good & traffic.chosen(selector) & traffic.between(max(healed), window[1])
    asked = good if "flow" in dict(selector.where) else good & traffic.api
    return bracketed(lags.recovery_time(traffic.rows(asked, *_LAG), max(healed), window[1]))


def _unserved_time(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """The longest time without a good answer to an API call, by replica."""
    window = traffic.record.window(phase)
    if window is None:
        return bracketed(lags.NOTHING)
    good = traffic.during(phase) & traffic.good & traffic.api & traffic.chosen(selector)
    return bracketed(lags.unserved_time(traffic.rows(good, *_LAG), *window))


SLIS = (
    *(
        Sli(
            name,
            _outcomes(*outcomes),
            "share",
            "share",
            needs=(*_GOOD, "outcome"),
            counts=counts,  # type: ignore[arg-type]
            comparable=True,
            of_generator=True,
        )
        for name, counts, outcomes in (
            ("success_rate", "good", ("ok",)),
            ("wrongly_denied_rate", "bad", ("wrongly_denied",)),
            ("unavailable_rate", "bad", ("unavailable",)),
            ("availability", "good", ("ok", "wrongly_denied")),
        )
    ),
    Sli(
        "token_validation_success_rate",
        _validated,
        "share",
        "share",
        needs=(*_GOOD, "sent_at", "endpoint", "replica", "decision", "error_code"),
        counts="good",
        of_generator=True,
    ),
    Sli("refusal_window", _refusal_window, "lag", "s", needs=(*_GOOD, *_LAG, "endpoint", "journal.key_signing")),
    Sli("recovery_time", _recovery_time, "lag", "s", needs=(*_GOOD, *_LAG, "endpoint", "journal.fault_healed")),
    Sli("unserved_time", _unserved_time, "lag", "s", needs=(*_GOOD, *_LAG, "endpoint")),
)
