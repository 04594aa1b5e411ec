"""The token endpoint: whether it issued, how evenly it was asked; and how long its tokens live."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from idchaos.indicators import TOKEN_FLOWS, Selector
from idchaos.record.record import When
from idchaos.verdict import stats
from idchaos.verdict.sli.base import Read, Sli, counted, estimated, share_of, unknown
from idchaos.verdict.stats import Floats, Ints
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


def token_uses(traffic: Traffic, phase: When, selector: Selector = EVERYTHING) -> pd.DataFrame:
    """Good traffic that carried a token whose life is known, by when it was due.

    Columns: ``jti`` (of an opaque token: a hash), ``due_at``, ``life_s`` (``exp`` - ``iat``, or ``expires_in``), and
    ``left_s`` when it was sent, by the client's own clock, so that a skewed IdP changes nothing.
    """
    life = traffic.floats("token_exp") - traffic.floats("token_iat")
    mask = traffic.during(phase) & traffic.good & traffic.api & traffic.chosen(selector)
    mask &= ~np.isnan(life) & ~traffic.equal("jti", "")
    used = traffic.rows(mask, "jti", "due_at")
    left = (traffic.floats("token_obtained_at") + life - traffic.floats("sent_at"))[mask]
    return used.assign(life_s=life[mask], left_s=left).sort_values("due_at", kind="stable")


def _lifetimes(traffic: Traffic, selector: Selector, phase: When) -> tuple[Floats, Ints]:
    """Of each token its life, and the second of its first use."""
    tokens = token_uses(traffic, phase, selector).drop_duplicates("jti")
    return tokens["life_s"].to_numpy(dtype=np.float64), stats.seconds_of(tokens["due_at"].to_numpy(dtype=np.float64))


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
    return Sli(name, partial(_lifetime, q), "quantile", "s", needs=_LIFE, q=q, within=_lifetimes_within)


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
