"""A client's secret leaks; some time later it is noticed, and contained: new secret, grants revoked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

from pydantic import Field

from harness.faults.base import Event, Evidence, Fault, Snapshot, eventually
from harness.targets.base import ReportsState, RotatesSecrets, Target
from harness.targets.endpoints import Client
from harness.targets.oidc import OidcClient
from harness.targets.topology import IDP


class LeakedSecret(Fault):
    """From the first step on, the load attacks with the secrets of ``clients``; ``contain_after_s`` later they are
    rotated and all that was granted to these clients is revoked. The old secret is good for ``overlap_s`` more.

    Containment is not undone: healing finds the new secrets in force.
    """

    kind: Literal["secrets"] = "secrets"
    clients: tuple[str, ...]
    contain_after_s: float = Field(ge=0)
    overlap_s: float = Field(ge=0)

    needs: ClassVar[tuple[type, ...]] = (ReportsState, RotatesSecrets)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"leaked secret, contained after {self.contain_after_s:g} s"

    def steps(self) -> tuple[float, ...]:
        """The leak, and its containment."""
        return 0.0, self.contain_after_s

    def snapshot(self, target: Target) -> Snapshot:
        """How many token requests the IdP has refused for their client."""
        return {"refused": _refused(target)}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The secrets in use are good, those that follow are not yet."""
        return self._secrets(target, old=200, new=401)

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """Leak, which only the load notices; then contain."""
        if step == 0:
            return (Event(event="secret_leaked", fields={"clients": list(self.clients)}),)
        assert isinstance(target, RotatesSecrets)
        events = []
        for client in self._of(target):
            revoked = target.rotate_secret(
                client.client_id, client.next_secret or "", overlap_s=self.overlap_s, revoke_grants=True
            )
            fields = {"client_id": client.client_id, "overlap_s": self.overlap_s, "grants_revoked": revoked}
            events.append(Event(event="secret_rotated", fields=fields))
        return tuple(events)

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The leaked secrets are worth something."""
        return self._secrets(target, old=200, new=401)

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """Contained: the IdP says so, the old secrets are worth nothing, and somebody went on trying them."""
        count = _refused(target) - before["refused"]
        refused = Evidence(source="target", ok=count > 0, what=f"the IdP refused {count} token requests with 401")
        return self._rotated(target), *self._secrets(target, old=401, new=200), refused

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Nothing: what was leaked stays replaced."""
        return ()

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """The new secrets are in force."""
        return eventually(lambda: (self._rotated(target), *self._secrets(target, old=401, new=200)))

    def _rotated(self, target: Target) -> Evidence:
        assert isinstance(target, ReportsState)
        counts = {name: target.state(IDP)["secret_rotations"].get(name, 0) for name in self.clients}
        said = ", ".join(f"{name}: {count}" for name, count in counts.items())
        return Evidence(
            source="control", ok=set(counts.values()) == {1}, what=f"rotations that the IdP tells of: {said}"
        )

    def _secrets(self, target: Target, *, old: int, new: int) -> tuple[Evidence, ...]:
        evidence = []
        with _oidc(target) as oidc:
            for client in self._of(target):
                renewed = client.model_copy(update={"client_secret": client.next_secret})
                seen = oidc.token_status(client), oidc.token_status(renewed)
                what = f"{client.client_id}: the IdP answers {seen[0]} to the first secret, {seen[1]} to the next"
                evidence.append(Evidence(source="probe", ok=seen == (old, new), what=what))
        return tuple(evidence)

    def _of(self, target: Target) -> tuple[Client, ...]:
        return tuple(client for client in target.endpoints.clients if client.client_id in self.clients)


@contextmanager
def _oidc(target: Target) -> Iterator[OidcClient]:
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered)
    try:
        yield oidc
    finally:
        oidc.close()


def _refused(target: Target) -> int:
    assert isinstance(target, ReportsState)
    return int(target.state(IDP)["requests"]["token"]["by_status"].get("401", 0))
