"""Clients that register themselves (RFC 7591): whether they could, and what they were told when not."""

from __future__ import annotations

import numpy as np

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict import stats
from idchaos.verdict.sli.base import Sli, counted, share_of, unknown
from idchaos.verdict.traffic import Reading, Traffic

_NEEDS = ("canary", "flow", "expected", "endpoint", "due_at", "outcome")


def _errors(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Of clients' requests to register themselves, those that failed."""
    mask = traffic.during(phase) & traffic.good & traffic.chosen(selector) & traffic.equal("endpoint", "register")
    return share_of(~traffic.equal("outcome", "ok")[mask], stats.seconds_of(traffic.floats("due_at")[mask]))


def _completed(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Of the registrations begun in the phase, those that succeeded in the end, however often they were tried."""
    mask = traffic.good & traffic.chosen(selector)
    mask &= traffic.equal("flow", "registration") & traffic.equal("endpoint", "register")
    frame = traffic.rows(mask, "session", "due_at", "sent_at", "outcome")
    frame = frame.sort_values(["due_at", "sent_at"], kind="stable")
    begun = (
        frame.assign(ok=frame["outcome"].eq("ok")).groupby("session").agg(due_at=("due_at", "first"), ok=("ok", "any"))
    )
    window = traffic.record.window(phase) or (0.0, 0.0)
    begun = begun[begun["due_at"].between(*window, inclusive="left")]
    seconds = stats.seconds_of(begun["due_at"].to_numpy(dtype=np.float64))
    return share_of(begun["ok"].to_numpy(dtype=bool), seconds)


def _limits_untold(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Registrations that were one too many, or failed, and were not told when to try again (RFC 6585 section 4)."""
    status = traffic.samples["status"].to_numpy()
    mask = traffic.during(phase) & traffic.chosen(selector)
    mask &= traffic.equal("endpoint", "register") & traffic.equal("canary", "") & ((status == 429) | (status >= 500))
    if not mask.any():
        return unknown("no registration was put off")
    return counted(float((~traffic.equal("error_code", "rate_limited"))[mask].sum()), int(mask.sum()))


SLIS = (
    Sli("registration_error_rate", _errors, "share", "share", needs=_NEEDS, counts="bad", of_generator=True),
    Sli(
        "registration_completion_rate",
        _completed,
        "share",
        "share",
        needs=(*_NEEDS, "session", "sent_at"),
        counts="good",
        of_generator=True,
    ),
    Sli(
        "limits_untold",
        _limits_untold,
        "rate",
        "count",
        needs=("canary", "endpoint", "due_at", "status", "error_code"),
        worsened_by_waiting=False,
    ),
)
