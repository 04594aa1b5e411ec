"""Was a request that may change something served once? Whoever sends it again, because an answer was late or a
connection broke, does it twice for their users (RFC 9110 section 9.2.2). Pure.

Services that say in their answers which requests they served lately (docs/component-contract.md) name such a one twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from idchaos.load.engine.reached import keep

RULE: Final = "posts_are_served_once"


@dataclass
class Once:
    """POSTs that were sent once, held against what services say that they served."""

    looked: int = 0
    """POSTs whose service told what it had served."""
    broken: int = 0
    first: str = ""
    _posted: dict[str, str] = field(default_factory=dict, repr=False)
    """What each was, by its echo."""
    _twice: dict[str, str] = field(default_factory=dict, repr=False)
    """Who served it more than once, by its echo."""

    def posted(self, echo: str, what: str) -> None:
        """A POST that was sent once was answered by a service that tells; ``what``: which one, and by whom."""
        self.looked += 1
        if echo in self._twice:
            self._breach(self._twice.pop(echo), what)
        else:
            keep(self._posted, echo, what)

    def told(self, service: str, echoes: Iterable[str]) -> None:
        """A good answer of that service came, and says which requests it served before, and which it is to."""
        for echo, times in Counter(echoes).items():
            if times > 1:
                what = self._posted.pop(echo, None)
                if what is not None:
                    self._breach(service, what)
                else:
                    keep(self._twice, echo, service)

    def counts(self) -> dict[str, dict[str, int | str]]:
        """``looked``, ``broken`` and ``first`` by the rule's name; empty where no service told anything."""
        found: dict[str, int | str] = {"looked": self.looked, "broken": self.broken, "first": self.first}
        return {RULE: found} if self.looked else {}

    def _breach(self, service: str, what: str) -> None:
        self.broken += 1
        self.first = self.first or f"{service} served {what} twice"
