"""The token endpoint: whether it issued, how evenly it was asked; and how long its tokens live."""

from __future__ import annotations

from functools import partial
from typing import cast

import numpy as np
import pandas as pd

from idchaos.indicators import TOKEN_FLOWS, Selector
from idchaos.record.record import When
from idchaos.verdict import stats
from idchaos.verdict.sli.base import Read, Sli, counted, estimated, share_of, unknown
from idchaos.verdict.stats import Bools, Floats, Ints
from idchaos.verdict.traffic import EVERYTHING, Reading, Traffic

_USE = ("canary", "flow", "expected", "endpoint", "replica", "due_at", "sent_at", "jti")
_LIFE = (*_USE, "token_iat", "token_exp")


def _errors(*flows: str) -> Read:
    def read(traffic: Traffic, selector: Selector, phase: When) -> Reading:
        mask = traffic.during(phase) & traffic.good & traffic.chosen(selector)
        mask &= traffic.equal("endpoint", "token") & traffic.equal("flow", *flows)
        return share_of(~traffic.equal("outcome", "ok")[mask], stats.seconds_of(traffic.floats("due_at")[mask]))

    return read


def _request_peak(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """The most token requests within any one second over their mean per second: 1 when they are spread evenly."""
    window = traffic.record.window(phase)
    mask = traffic.during(phase) & traffic.chosen(selector) & traffic.equal("endpoint", "token") & traffic.sent
    times = np.sort(traffic.floats("sent_at")[mask])
    if window is None or not len(times):
        return unknown("no token was asked for")
    within_1_s = np.searchsorted(times, times + 1.0) - np.arange(len(times))
    peak = float(within_1_s.max()) * (window[1] - window[0]) / len(times)
    note = f"{within_1_s.max():,} in one second, {len(times) / (window[1] - window[0]):.3g} per second on average"
    return counted(peak, len(times), note)


def _refresh_attempts(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Refresh requests over refreshes that came due: 1 when each succeeds at once, more where clients try again."""
    mask = traffic.during(phase) & traffic.chosen(selector) & traffic.equal("flow", "refresh")
    begun = int((traffic.samples["retry"].to_numpy()[mask] == 0).sum())
    return counted(int(mask.sum()) / begun, begun) if begun else unknown("no refresh came due")


def lives(traffic: Traffic, phase: When, selector: Selector = EVERYTHING) -> tuple[Floats, Floats]:
    """Of each token of good traffic whose life is known, in the order of their first uses: its life in seconds (``exp``
    - ``iat``, or ``expires_in``), and when that use was due.
    """
    mask = _used(traffic, phase, selector)
    tokens = cast(pd.Categorical, traffic.samples["jti"].array)
    due, codes = traffic.floats("due_at")[mask], tokens.codes[mask]
    order = np.argsort(due, kind="stable")
    # Written from the last use to the first: what remains is the first.
    first = np.full(len(tokens.categories), -1)
    first[codes[order[::-1]]] = np.arange(len(order))[::-1]
    uses = order[np.sort(first[first >= 0])]
    return _life(traffic, mask)[uses], due[uses]


def lives_left(traffic: Traffic, phase: When) -> Floats:
    """Of each use of such a token: the seconds it had left when it was sent, by the client's own clock, so that an
    IdP's clock changes nothing.
    """
    mask = _used(traffic, phase, EVERYTHING)
    return traffic.floats("token_obtained_at")[mask] + _life(traffic, mask) - traffic.floats("sent_at")[mask]


def _used(traffic: Traffic, phase: When, selector: Selector) -> Bools:
    """Good traffic that carried a token whose life is known; ``jti`` of an opaque one is a hash."""
    known = ~np.isnan(traffic.floats("token_exp")) & ~np.isnan(traffic.floats("token_iat")) & ~traffic.equal("jti", "")
    return known & traffic.during(phase) & traffic.good & traffic.api & traffic.chosen(selector)


def _life(traffic: Traffic, mask: Bools) -> Floats:
    life: Floats = traffic.floats("token_exp")[mask]
    life -= traffic.floats("token_iat")[mask]
    return life


def _lifetimes(traffic: Traffic, selector: Selector, phase: When) -> tuple[Floats, Ints]:
    """Of each token its life, and the second of its first use."""
    life_s, first_due = lives(traffic, phase, selector)
    return life_s, stats.seconds_of(first_due)


def _lifetime_max(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """The longest life (``exp`` - ``iat``) of a token that good traffic used."""
    lives, _ = _lifetimes(traffic, selector, phase)
    return counted(float(lives.max()), len(lives)) if len(lives) else unknown("no token tells its life")


def _lifetime(q: float, traffic: Traffic, selector: Selector, phase: When) -> Reading:
    values, seconds = _lifetimes(traffic, selector, phase)
    return estimated(stats.quantile(values, q, seconds))


def _lifetimes_within(traffic: Traffic, selector: Selector, phase: When, limit: float) -> stats.Estimate:
    values, seconds = _lifetimes(traffic, selector, phase)
    return stats.proportion(values <= limit, seconds)


def lifetime(q: float, name: str) -> Sli:
    """The SLI ``name``: the q-quantile of tokens' lives."""
    return Sli(
        name, partial(_lifetime, q), "quantile", "s", _LIFE, q=q, within=_lifetimes_within, worsened_by_waiting=False
    )


SLIS = (
    *(
        Sli(
            name,
            _errors(*flows),
            "share",
            "share",
            needs=("canary", "flow", "expected", "endpoint", "due_at", "outcome"),
            counts="bad",
            flows=flows,
            of_generator=True,
        )
        for name, flows in TOKEN_FLOWS.items()
    ),
    Sli("refresh_attempts", _refresh_attempts, "rate", "times", needs=("flow", "due_at", "retry")),
    Sli("token_request_peak", _request_peak, "rate", "times", needs=("endpoint", "due_at", "sent_at")),
    Sli("token_lifetime_max", _lifetime_max, "rate", "s", needs=_LIFE, worsened_by_waiting=False),
)
