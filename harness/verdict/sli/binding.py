"""Whose answer is it: answers to logins that are not bound to the request, or went elsewhere. Counted."""

from __future__ import annotations

from typing import Final

from idchaos.indicators import Selector
from idchaos.planning.redirects import ALWAYS
from idchaos.record.record import When
from idchaos.verdict.sli.base import Sli, counted, unknown
from idchaos.verdict.traffic import Reading, Traffic

FLAWED_AT: Final = {"state_mismatch": "login", "iss_mismatch": "login", "nonce_mismatch": "token"}
"""Why a client does not take an answer for its own, and the endpoint whose answers show it."""
LOGINS: Final = ("login", "native_login", "two_tabs", "lost_answer")
"""Flows that log users in with the care of a good client."""


def _unbound(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Answers to logins that a careful client must not take for its own; ``error_code`` selects why."""
    flaws = [flaw for flaw in dict(selector.where).get("error_code", tuple(FLAWED_AT)) if flaw in FLAWED_AT]
    others = Selector(selector.name, tuple(pair for pair in selector.where if pair[0] != "error_code"))
    mask = traffic.during(phase) & traffic.chosen(others)
    mask &= traffic.equal("flow", *LOGINS) & traffic.equal("expected", "accept")
    mask &= traffic.equal("endpoint", *{FLAWED_AT[flaw] for flaw in flaws})
    mask &= traffic.equal("decision", "accept") | traffic.equal("error_code", *FLAWED_AT)
    if not mask.any():
        return unknown("no login was answered")
    return counted(float(traffic.equal("error_code", *flaws)[mask].sum()), int(mask.sum()))


def _tampered(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Of the ways to tamper with a redirect URI, those that an IdP redirected to. Nothing is known of the whole before
    each way that there always is was tried and decided.
    """
    mask = traffic.during(phase) & traffic.chosen(selector) & traffic.equal("canary", "redirect_tampered")
    tried = traffic.rows(mask & traffic.decided, "decision", "way")
    ways = tried["way"].astype(str).str.split("+").str[0]
    accepted = sorted(set(ways[tried["decision"].eq("accept")]))
    untried = sorted(ALWAYS - set(ways))
    note = f"accepted: {', '.join(accepted)}" if accepted else ""
    if untried and not accepted:
        return unknown(f"{len(untried)} ways were not tried, {untried[0]} among them", len(tried))
    return counted(float(len(accepted)), len(tried), note or f"{ways.nunique()} ways were tried")


SLIS = (
    Sli(
        "unbound_answers",
        _unbound,
        "rate",
        "count",
        needs=("flow", "due_at", "expected", "endpoint", "decision", "error_code"),
        worsened_by_waiting=False,
    ),
    Sli(
        "tampered_redirects_accepted",
        _tampered,
        "rate",
        "count",
        needs=("canary", "due_at", "decision", "way"),
        worsened_by_waiting=False,
    ),
)
