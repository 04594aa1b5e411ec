"""What a request met, as its sender felt it: one outage told from its neighbours. Pure.

::

    refused   nobody listens            (RST in answer to SYN)
    reset     the connection was broken (RST)
    closed    the connection was ended before there was an answer (FIN)
    hung      nothing came for as long as the sender was ready to wait
    unusable  an answer came, of another status or another body than is needed
    answered  all well
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Symptom(StrEnum):
    """One kind of end that a request can come to."""

    ANSWERED = "answered"
    REFUSED = "refused"
    RESET = "reset"
    CLOSED = "closed"
    HUNG = "hung"
    UNUSABLE = "unusable answer"
    OTHER = "another failure"


CODES = {
    "connect_refused": Symptom.REFUSED,
    "connection_reset": Symptom.RESET,
    "connection_closed": Symptom.CLOSED,
    "timeout": Symptom.HUNG,
    "body_too_large": Symptom.UNUSABLE,
    "bad_body": Symptom.UNUSABLE,
}
"""What the codes of ``ProbeResult.error``, of a validator's ``recent_fetches`` and of ``Answer.error`` mean."""


class Met(NamedTuple):
    """One request: how it ended, after how long, with how much of a body."""

    symptom: Symptom
    took_s: float
    size_bytes: int = 0


def symptom_of(error: str | None) -> Symptom:
    """What a failure's code means; ``None``: there was no failure."""
    if error is None:
        return Symptom.ANSWERED
    if error.startswith(("http_", "bad_jwks")):
        return Symptom.UNUSABLE
    return CODES.get(error, Symptom.OTHER)


def listed(met: Iterable[Met]) -> str:
    """How many ended how: ``3 hung, 1 answered``."""
    counts = Counter(each.symptom for each in met)
    return ", ".join(f"{number} {symptom}" for symptom, number in counts.most_common()) or "none"


def mostly(met: Iterable[Met], wanted: Iterable[bool]) -> bool:
    """Whether at least one, and at least half of them, are as wanted. One may have begun just before the fault did."""
    wanted, all_of_them = list(wanted), list(met)
    return sum(wanted) > 0 and sum(wanted) >= len(all_of_them) / 2
