"""The key fetches that a validator tells of: what its own requests to the IdP met."""

from __future__ import annotations

from typing import NamedTuple

from idchaos.faults.symptoms import Met, symptom_of
from idchaos.targets.base import ReportsState, Target
from idchaos.targets.capabilities import required


class Fetch(NamedTuple):
    """One of them."""

    number: int
    """Counted since the validator was started, from 1."""
    met: Met
    error: str | None


class Fetches(NamedTuple):
    """A validator's own key fetches since it started. The harness's probes are not among them."""

    begun: int
    recent: tuple[Fetch, ...]
    """The last few that have ended."""
    instance: str = ""
    """Which start of the validator they are of; empty where it does not tell."""

    def since(self, before: Fetches) -> tuple[Fetch, ...]:
        """Those that began later, of the last few. After a restart it counts from 0 again: then all of them."""
        restarted = self.begun < before.begun or self.instance != before.instance
        return tuple(fetch for fetch in self.recent if restarted or fetch.number > before.begun)


def fetches_of(target: Target, component: str) -> Fetches:
    """As the component tells now.

    Raises:
        FaultError: the target's parts tell nothing.
        TargetError: it does not answer.
    """
    told = required(target, ReportsState).state(component)
    jwks = told["jwks"]
    recent = tuple(
        Fetch(
            number=int(fetch["number"]),
            met=Met(symptom_of(fetch["error"]), float(fetch["took_s"]), int(fetch["size_bytes"])),
            error=fetch["error"],
        )
        for fetch in jwks["recent_fetches"]
    )
    return Fetches(int(jwks["fetches"]), recent, str(told.get("instance") or ""))
