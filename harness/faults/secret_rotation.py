"""Client secrets are replaced, as an automated rotation does it; clients take the new ones when they are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

from pydantic import Field

from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, eventually
from idchaos.faults.counts import token_answers
from idchaos.targets.base import ReportsState, RotatesSecrets, Target
from idchaos.targets.capabilities import OutlivesRun, required
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import OidcClient
from idchaos.targets.restoring import SecretAsBefore
from idchaos.undo.ledger import Undo


class SecretRotation(Fault):
    """The secrets of ``clients`` are rotated; the old ones are good for ``overlap_s`` more. What was granted stays.

    It is not undone: healing finds the new secrets in force.
    """

    kind: Literal["secret_rotation"] = "secret_rotation"
    clients: tuple[str, ...]
    overlap_s: float = Field(ge=0)

    needs: ClassVar[tuple[type, ...]] = (ReportsState, RotatesSecrets)
    undone_by_healing: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"secret rotation, {self.overlap_s:g} s of overlap"

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """The secrets as they were."""
        return secrets_as_before(target, self.clients)

    def snapshot(self, target: Target) -> Snapshot:
        """How many token requests the IdP has refused for their client."""
        return {"refused": refused(target)}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The secrets in use are good, those that follow are not yet."""
        return secrets_answered(target, self.clients, old=200, new=401)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Rotate."""
        return rotate(target, self.clients, overlap_s=self.overlap_s, revoke_grants=False)

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP says so, and the new secrets are good."""
        return rotations_told(target, self.clients), *secrets_answered(target, self.clients, new=200)

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """As when it was applied, and somebody was refused who still had an old secret."""
        return *self.check_applied(target, before), still_tried(target, before)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Nothing: a rotation goes one way."""
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The new secrets are in force."""
        return eventually(lambda: self.check_applied(target, {}))


# --- for every fault that rotates secrets ---


def rotate(target: Target, clients: tuple[str, ...], *, overlap_s: float, revoke_grants: bool) -> Applied:
    """Give each client its next secret."""
    events = []
    for client in _of(target, clients):
        revoked = required(target, RotatesSecrets).rotate_secret(
            client.client_id, client.next_secret or "", overlap_s=overlap_s, revoke_grants=revoke_grants
        )
        fields = {"client_id": client.client_id, "overlap_s": overlap_s, "grants_revoked": revoked}
        events.append(Event(event="secret_rotated", fields=fields))
    return Applied(events=tuple(events))


def secrets_as_before(target: Target, clients: tuple[str, ...]) -> tuple[Undo, ...]:
    """Where the target outlives the run, whoever uses it must find the secrets that they know. A target that can't
    bring that about says so (FaultError), before anything is rotated.
    """
    stays = required(target, OutlivesRun)
    return tuple(stays.undo_to(SecretAsBefore(client_id=client)) for client in clients)


def rotations_told(target: Target, clients: tuple[str, ...]) -> Evidence:
    """The IdP says that each client's secret was rotated once."""
    told = required(target, ReportsState).state(target.graph.idp)["secret_rotations"]
    counts = {name: told.get(name, 0) for name in clients}
    said = ", ".join(f"{name}: {count}" for name, count in counts.items())
    return Evidence(source="control", ok=set(counts.values()) == {1}, what=f"rotations that the IdP tells of: {said}")


def secrets_answered(
    target: Target, clients: tuple[str, ...], *, new: int, old: int | None = None
) -> tuple[Evidence, ...]:
    """What the IdP answers to each client's secrets. ``old=None``: the first one is not tried."""
    evidence = []
    with _oidc(target) as oidc:
        for client in _of(target, clients):
            renewed = oidc.token_status(client.model_copy(update={"client_secret": client.next_secret}))
            ok, what = renewed == new, f"{client.client_id}: the IdP answers {renewed} to the next secret"
            if old is not None:
                first = oidc.token_status(client)
                ok, what = ok and first == old, f"{what}, {first} to the first"
            evidence.append(Evidence(source="probe", ok=ok, what=what))
    return tuple(evidence)


def refused(target: Target) -> int:
    """How many token requests of others than the harness the IdP has refused for their client."""
    return token_answers(target, 401)


def still_tried(target: Target, before: Snapshot) -> Evidence:
    """Somebody was refused for a secret since the snapshot ``{"refused": count}``."""
    count = refused(target) - before["refused"]
    return Evidence(source="target", ok=count > 0, what=f"the IdP refused {count} token requests with 401")


@contextmanager
def _oidc(target: Target) -> Iterator[OidcClient]:
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered)
    try:
        yield oidc
    finally:
        oidc.close()


def _of(target: Target, clients: tuple[str, ...]) -> tuple[Client, ...]:
    return tuple(client for client in target.endpoints.clients if client.client_id in clients)
