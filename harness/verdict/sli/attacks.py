"""For how long somebody else could use what was not theirs."""

from __future__ import annotations

from idchaos.indicators import Selector
from idchaos.record.record import When
from idchaos.verdict import lags
from idchaos.verdict.sli.base import Sli, bracketed
from idchaos.verdict.traffic import Reading, Traffic

_ATTACK = ("due_at", "sent_at", "decision", "replica", "format", "way")


def _attacker_last_success(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """From the rotation of a secret to the last success with the old one; ``way`` selects how."""
    contained = [event.at for event in traffic.record.named("secret_rotated")]
    mask = traffic.equal("flow", "attacker") & traffic.decided & traffic.chosen(selector)
    if not contained or not mask.any():
        return bracketed(lags.NOTHING, "no leaked secret was rotated while somebody attacked")
    return bracketed(lags.attack_end(traffic.rows(mask, *_ATTACK), max(contained)))


def _theft_window_max(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """From a theft to the last request that the loot was good for; ``way`` selects what was stolen."""
    mask = traffic.during(phase) & traffic.api & traffic.equal("flow", "thief") & traffic.chosen(selector)
    uses = traffic.rows(mask & traffic.decided, *_ATTACK)
    return bracketed(lags.theft_window(uses) if len(uses) else lags.NOTHING, "" if len(uses) else "nothing was stolen")


SLIS = (
    Sli(
        "attacker_last_success", _attacker_last_success, "lag", "s", needs=("flow", *_ATTACK, "journal.secret_rotated")
    ),
    Sli("theft_window_max", _theft_window_max, "lag", "s", needs=("flow", "endpoint", *_ATTACK)),
)
