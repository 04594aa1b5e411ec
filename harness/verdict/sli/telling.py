"""Gateways' answers whose status says one thing and whose reason says another; clients go by the status. Counted."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import numpy as np

from idchaos.indicators import Selector
from idchaos.reasons import HELPED_BY_A_NEW_TOKEN, NOT_HELPED_BY_ONE, UNDECIDED_REASONS
from idchaos.record.record import When
from idchaos.verdict.sli.base import Read, Sli, counted, unknown
from idchaos.verdict.stats import Bools
from idchaos.verdict.traffic import Reading, Traffic


def _misstated(wrong: Callable[[Traffic], Bools]) -> Read:
    """Nothing is estimated: one such answer is one too many. Looked at is every answer that accepts nothing and says
    why.
    """

    def read(traffic: Traffic, selector: Selector, phase: When) -> Reading:
        told = ~traffic.equal("error_code", "") & ~traffic.starting("error_code", "http_")
        answered = traffic.samples["status"].to_numpy() > 0
        mask = traffic.during(phase) & traffic.api & traffic.chosen(selector)
        mask &= ~traffic.equal("decision", "accept") & answered & told
        if not mask.any():
            return unknown("no gateway refused anything and said why")
        found = traffic.rows(mask & wrong(traffic), "due_at", "status", "error_code", "replica")
        note = ""
        if len(found):
            first = found.sort_values("due_at", kind="stable").iloc[0]
            note = f"first: {first['status']} for {first['error_code']} by {first['replica']}"
        return counted(float(len(found)), int(mask.sum()), note)

    return read


def _refusal_as_error(traffic: Traffic) -> Bools:
    """A bad token, and nobody was kept from deciding: yet 5xx."""
    refused = traffic.equal("expected", "deny") & (traffic.samples["status"].to_numpy() >= 500)
    return refused & ~traffic.equal("error_code", *UNDECIDED_REASONS)


def _outage_as_refusal(traffic: Traffic) -> Bools:
    """It could not be decided: yet 4xx, as if it had been, or 500, as if whoever should decide were broken. That nobody
    could serve is told by 502, 503 or 504 (RFC 9110 section 15.6).
    """
    unserved = np.isin(traffic.samples["status"].to_numpy(), (502, 503, 504))
    return ~unserved & traffic.equal("error_code", *UNDECIDED_REASONS)


def _wrong_advice(traffic: Traffic) -> Bools:
    """Clients ask for another token when they are told 401 (RFC 6750 section 3.1), and only then."""
    status = traffic.samples["status"].to_numpy()
    stranded: Bools = traffic.equal("error_code", *HELPED_BY_A_NEW_TOKEN) & (status == HTTPStatus.FORBIDDEN)
    looping: Bools = traffic.equal("error_code", *NOT_HELPED_BY_ONE) & (status == HTTPStatus.UNAUTHORIZED)
    return stranded | looping


SLIS = tuple(
    Sli(
        name,
        _misstated(wrong),
        "rate",
        "count",
        needs=("endpoint", "replica", "due_at", "expected", "decision", "status", "error_code"),
        worsened_by_waiting=False,
    )
    for name, wrong in (
        ("refusals_told_as_errors", _refusal_as_error),
        ("outages_told_as_refusals", _outage_as_refusal),
        ("refusals_that_mislead", _wrong_advice),
    )
)
