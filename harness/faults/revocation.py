"""Tokens are revoked under load. The load revokes its probes; this fault proves that revoking works and is felt."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

from pydantic import Field

from idchaos.contract import Fact
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, eventually
from idchaos.faults.counts import by_reason
from idchaos.load.engine.job import Roles
from idchaos.targets.base import ReportsState, Target
from idchaos.targets.capabilities import LimitsPromises, required
from idchaos.targets.endpoints import Client, Gateway
from idchaos.targets.oidc import OidcClient

REFUSALS = ("token_revoked", "token_inactive")
REVOKED = "revoked"
"""The canary that a target promises to refuse which hears of revocations."""
LOOKS_EVERY_S = 0.1


class Revocations(Fault):
    """While it is in force, the load revokes tokens (``RevocationPlan``).

    Revoking can't be undone: what shows that all is well afterwards is a fresh token. Of a gateway that does not say
    why it refuses, its answers tell: of two tokens that it takes, it refuses the one that was revoked, not the other.
    """

    kind: Literal["revocation"] = "revocation"
    within_s: float = Field(5.0, gt=0)
    """So soon such a gateway is to refuse it."""

    needs: ClassVar[tuple[type, ...]] = ()

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return "tokens revoked under load"

    def why_not(self, target: Target) -> str:
        """Revoked tokens go on there."""
        limits = target.capability(LimitsPromises)
        return limits.unpromised().get(REVOKED, "") if limits is not None else ""

    def snapshot(self, target: Target) -> Snapshot:
        """Revocations at the IdP, and refusals for that reason at each gateway, as far as these are told."""
        counted = {REVOKED: _revoked(target)} if _counts(target) else {}
        return {**counted, **{name: _refused(target, name) for name in _telling(target)}}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """A fresh token is active, and every gateway accepts it."""
        return self._fresh_tokens_work(target)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Nothing: the load's revocation stream starts with the phase."""
        return NOTHING

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP counts revocations, and a token revoked now is inactive at once; or takes them, and every gateway
        that does not say why it refuses is seen to do so.
        """
        evidence = list(eventually(lambda: (self._counted(target, before),), within_s=5.0)) if _counts(target) else []
        with _client(target) as oidc:
            for client in _clients(target):
                evidence += self._seen(target, oidc, client)
        return tuple(evidence)

    def _counted(self, target: Target, before: Snapshot) -> Evidence:
        count = _revoked(target) - before[REVOKED]
        return Evidence(source="control", ok=count > 0, what=f"the IdP counts {count} revocations")

    def _seen(self, target: Target, oidc: OidcClient, client: Client) -> Iterator[Evidence]:
        """What becomes of two tokens, of which one is revoked."""
        name, mute = client.client_id, _mute(target)
        token, other = oidc.token(client), oidc.token(client)
        asks = target.endpoints.introspection_client is not None
        active_before = asks and oidc.active(token)
        took = {gateway.name: _takes(target, oidc, gateway, token) for gateway in mute}
        oidc.revoke(client, token)
        ends = time.monotonic() + self.within_s
        if not _counts(target):
            yield Evidence(source="control", ok=True, what=f"{name}: its token was taken for revoked")
        told = False
        if asks:
            active_after = oidc.active(token)
            told = active_before and not active_after
            what = f"introspection says active={active_before} before revoking, active={active_after} after"
            yield Evidence(source="probe", ok=told, what=f"{name}: {what}")
        refused = {gateway.name: _refuses(target, oidc, gateway, token, ends) for gateway in mute}
        for gateway in mute:
            takes = _takes(target, oidc, gateway, other)
            what = f"{gateway.name}: a token of {name} {'passed' if took[gateway.name] else 'did not pass'} before,"
            what += f" another one {'passes' if takes else 'does not pass'} still"
            yield Evidence(source="probe", ok=took[gateway.name] and takes, what=what)
            # One that goes on taking it is what is looked for; that it was revoked, the IdP or another gateway shows.
            what = f"{gateway.name} {'refused' if refused[gateway.name] else 'did not refuse'} it when it was revoked"
            shown = told or any(refused.values())
            yield Evidence(source="target", ok=shown, what=f"{what}, within {self.within_s:g} s")

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Every gateway that says why refused tokens because they were revoked."""
        evidence = []
        for name in _telling(target):
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
        with _client(target) as oidc:
            for client in _clients(target):
                token = oidc.token(client)
                if target.endpoints.introspection_client is not None:
                    active = oidc.active(token)
                    what = f"{client.client_id}: a fresh token is active={active}"
                    evidence.append(Evidence(source="control", ok=active, what=what))
                for gateway in target.endpoints.gateways:
                    takes = _takes(target, oidc, gateway, token)
                    what = f"{gateway.name} {'takes' if takes else 'does not take'} a fresh token of {client.client_id}"
                    evidence.append(Evidence(source="probe", ok=takes, what=what))
        return tuple(evidence)


def _clients(target: Target) -> tuple[Client, ...]:
    """Whose tokens the load revokes: of each format, one's."""
    roles = Roles.of(target.endpoints.clients)
    found = filter(None, (roles.machine, roles.machine_opaque))
    return tuple({client.client_id: client for client in found}.values())


@contextmanager
def _client(target: Target) -> Iterator[OidcClient]:
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered)
    try:
        yield oidc
    finally:
        oidc.close()


def _takes(target: Target, oidc: OidcClient, gateway: Gateway, token: str) -> bool:
    return 200 <= oidc.call(gateway, target.endpoints.routes[0], token) < 300


def _refuses(target: Target, oidc: OidcClient, gateway: Gateway, token: str, ends: float) -> bool:
    """Whether a gateway refuses a token before the time is over."""
    while True:
        if 400 <= oidc.call(gateway, target.endpoints.routes[0], token) < 500:
            return True
        if time.monotonic() > ends:
            return False
        time.sleep(LOOKS_EVERY_S)


def _tells(target: Target, component: str, fact: Fact) -> bool:
    reports = target.capability(ReportsState)
    return reports is not None and fact in reports.tells(component)


def _counts(target: Target) -> bool:
    """Whether the IdP tells how many tokens it has revoked."""
    return _tells(target, target.graph.idp, Fact.REVOKED)


def _telling(target: Target) -> tuple[str, ...]:
    """Who decides about tokens, and tells why it refuses."""
    return tuple(name for name in target.graph.validators_of_tokens if _tells(target, name, Fact.REASONS))


def _mute(target: Target) -> tuple[Gateway, ...]:
    """The gateways that decide and do not tell."""
    telling, deciding = set(_telling(target)), set(target.graph.validators_of_tokens)
    return tuple(each for each in target.endpoints.gateways if each.name in deciding - telling)


def _revoked(target: Target) -> int:
    return int(required(target, ReportsState).state(target.graph.idp)["revoked"])


def _refused(target: Target, component: str) -> int:
    return by_reason(target, component, REFUSALS)
