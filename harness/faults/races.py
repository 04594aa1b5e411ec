"""Refresh tokens are used twice by their own clients. The load races; this fault proves that the races are met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from idchaos.contract import Fact
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, eventually
from idchaos.graph import Graph
from idchaos.targets.base import ReportsState, Target
from idchaos.targets.capabilities import required
from idchaos.targets.oidc import OidcClient


class RefreshRaces(Fault):
    """While it is in force, the load races (``RacePlan``). Nothing has to be undone."""

    kind: Literal["races"] = "races"
    grace_s: float = Field(ge=0)
    """What the IdP should have been told."""

    needs: ClassVar[tuple[type, ...]] = (ReportsState,)

    def asks(self, graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
        """What the IdP issued, and took for replays."""
        return {Fact.ISSUED: graph.idps, Fact.REPLAYS: graph.idps}

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"refresh races, {self.grace_s:g} s of grace"

    def snapshot(self, target: Target) -> Snapshot:
        """Refresh tokens that the IdP has issued, and replays that it has detected."""
        return _counts(target)

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The IdP has this grace, and issues tokens."""
        return self._settings(target), _issues(target)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Nothing: the load's races start with the phase."""
        return NOTHING

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP has this grace still, and issues tokens."""
        return self._settings(target), _issues(target)

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP met the races: it issued refresh tokens, and took second uses for replays or did not."""
        now = _counts(target)
        issued, replays = (now[name] - before[name] for name in ("issued", "replays"))
        what = f"the IdP issued {issued} refresh tokens and took {replays} uses for replays"
        return (Evidence(source="target", ok=issued > 0, what=what),)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Nothing: the load's races end with the phase."""
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP issues tokens."""
        return eventually(lambda: (_issues(target),))

    def _settings(self, target: Target) -> Evidence:
        grace = required(target, ReportsState).state(target.graph.idp)["tokens"]["refresh_grace_s"]
        return Evidence(source="control", ok=grace == self.grace_s, what=f"the IdP's refresh grace is {grace:g} s")


def _counts(target: Target) -> dict[str, int]:
    state = required(target, ReportsState).state(target.graph.idp)
    return {"issued": int(state["issued"]["refresh"]), "replays": int(state["replays_detected"])}


def _issues(target: Target) -> Evidence:
    client = next(each for each in target.endpoints.clients if "client_credentials" in each.grants)
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered)
    try:
        oidc.token(client)
    finally:
        oidc.close()
    return Evidence(source="probe", ok=True, what=f"the IdP issues a token to {client.client_id}")
