"""Tokens are revoked under load. The load revokes its probes; this fault proves that revoking works and is felt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Literal

from idchaos.contract import Fact
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, eventually
from idchaos.faults.counts import by_reason
from idchaos.graph import Graph
from idchaos.targets.base import ReportsState, Target
from idchaos.targets.capabilities import required
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import OidcClient

REFUSALS = ("token_revoked", "token_inactive")


class Revocations(Fault):
    """While it is in force, the load revokes tokens (``RevocationPlan``).

    Revoking can't be undone: what shows that all is well afterwards is a fresh token.
    """

    kind: Literal["revocation"] = "revocation"
    clients: tuple[str, ...] = ("machine", "machine-opaque")

    needs: ClassVar[tuple[type, ...]] = (ReportsState,)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return "tokens revoked under load"

    def asks(self, graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
        """Why each gateway refuses, and how many tokens the IdP has revoked."""
        return {Fact.REASONS: graph.validators_of_tokens, Fact.REVOKED: graph.idps}

    def snapshot(self, target: Target) -> Snapshot:
        """Revocations at the IdP, and refusals for that reason at each gateway."""
        return {
            "revoked": _revoked(target),
            **{name: _refused(target, name) for name in target.graph.validators_of_tokens},
        }

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """A fresh token is active, and every gateway accepts it."""
        return self._fresh_tokens_work(target)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Nothing: the load's revocation stream starts with the phase."""
        return NOTHING

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP counts revocations, and a token revoked now is inactive at once."""
        evidence = list(eventually(lambda: (self._counted(target, before),), within_s=5.0))
        with _client(target) as oidc:
            for client in self._clients(target):
                token = oidc.token(client)
                active_before = oidc.active(token)
                oidc.revoke(client, token)
                active_after = oidc.active(token)
                evidence.append(
                    Evidence(
                        source="probe",
                        ok=active_before and not active_after,
                        what=f"{client.client_id}: introspection says active={active_before} before revoking,"
                        f" active={active_after} after",
                    )
                )
        return tuple(evidence)

    def _counted(self, target: Target, before: Snapshot) -> Evidence:
        count = _revoked(target) - before["revoked"]
        return Evidence(source="control", ok=count > 0, what=f"the IdP counts {count} revocations")

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Every gateway refused tokens because they were revoked."""
        evidence = []
        for name in target.graph.validators_of_tokens:
            count = _refused(target, name) - before[name]
            evidence.append(
                Evidence(
                    source="target",
                    ok=count > 0,
                    what=f"{name} refused {count} requests as revoked or inactive",
                )
            )
        return tuple(evidence)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Nothing: the load's revocation stream ends with the phase."""
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """A fresh token is active, and every gateway accepts it."""
        return eventually(lambda: self._fresh_tokens_work(target))

    def _fresh_tokens_work(self, target: Target) -> tuple[Evidence, ...]:
        evidence = []
        route = target.endpoints.routes[0]
        with _client(target) as oidc:
            for client in self._clients(target):
                token = oidc.token(client)
                active = oidc.active(token)
                evidence.append(
                    Evidence(
                        source="control",
                        ok=active,
                        what=f"{client.client_id}: a fresh token is active={active}",
                    )
                )
                for gateway in target.endpoints.gateways:
                    status = oidc.call(gateway, route, token)
                    evidence.append(
                        Evidence(
                            source="probe",
                            ok=status == 200,
                            what=f"{gateway.name} answers {status or 'nothing'} to a fresh token of {client.client_id}",
                        )
                    )
        return tuple(evidence)

    def _clients(self, target: Target) -> tuple[Client, ...]:
        return tuple(client for client in target.endpoints.clients if client.client_id in self.clients)


@contextmanager
def _client(target: Target) -> Iterator[OidcClient]:
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered)
    try:
        yield oidc
    finally:
        oidc.close()


def _revoked(target: Target) -> int:
    return int(required(target, ReportsState).state(target.graph.idp)["revoked"])


def _refused(target: Target, component: str) -> int:
    return by_reason(target, component, REFUSALS)
