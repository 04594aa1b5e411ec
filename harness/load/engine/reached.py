"""Did a service serve what its gateway refused? Whoever forwards first and checks beside lets bad requests do all the
harm that they can, and tells their senders that they did none. Pure.

A service may say in its answers which requests it served lately, by their echoes (docs/component-contract.md). So any
good answer tells of the refused requests before it, whoever sent those.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

RULE: Final = "refused_requests_go_no_further"
KEPT: Final = 20_000
"""So many echoes are kept of either kind; the oldest are forgotten."""


@dataclass
class Reached:
    """Bad requests that were refused, held against what services say that they served."""

    looked: int = 0
    """Refused requests after which their service told what it had served."""
    broken: int = 0
    first: str = ""
    _refused: dict[str, str] = field(default_factory=dict, repr=False)
    """What each was, by its echo."""
    _served: dict[str, str] = field(default_factory=dict, repr=False)
    """Who served it, by its echo."""
    _waiting: Counter[str] = field(default_factory=Counter)
    """Refused requests of which nothing has been told yet, by the service that they were meant for."""

    def refused(self, echo: str, service: str, what: str) -> None:
        """A request for that service was refused, and had to be; ``what``: which one, and by whom."""
        self._waiting[service] += 1
        if echo in self._served:
            self._breach(self._served[echo], what)
        else:
            keep(self._refused, echo, what)

    def told(self, service: str, echoes: Iterable[str]) -> None:
        """A good answer of that service came, and says which requests it served before."""
        self.looked += self._waiting.pop(service, 0)
        for echo in echoes:
            what = self._refused.pop(echo, None)
            if what is not None:
                self._breach(service, what)
            keep(self._served, echo, service)

    def counts(self) -> dict[str, dict[str, int | str]]:
        """``looked``, ``broken`` and ``first`` by the rule's name; empty where no service told anything."""
        found: dict[str, int | str] = {"looked": self.looked, "broken": self.broken, "first": self.first}
        return {RULE: found} if self.looked else {}

    def _breach(self, service: str, what: str) -> None:
        self.broken += 1
        self.first = self.first or f"{service} served {what}"


def served_lately(body: bytes) -> tuple[str, ...] | None:
    """The echoes that a good answer tells, oldest first: the member ``served`` of a JSON object, as the contract of
    components has it; ``None``: it tells of none.
    """
    if b'"served"' not in body:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    told = document.get("served") if isinstance(document, dict) else None
    return tuple(echo for echo in told if isinstance(echo, str)) if isinstance(told, list) else None


def keep(kept: dict[str, str], echo: str, what: str) -> None:
    """Note something by its echo, and forget the oldest of too many."""
    kept[echo] = what
    if len(kept) > KEPT:
        del kept[next(iter(kept))]
