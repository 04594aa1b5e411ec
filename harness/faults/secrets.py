"""A client's secret leaks; some time later it is noticed, and contained: new secret, grants revoked."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, eventually
from idchaos.faults.secret_rotation import (
    refused,
    rotate,
    rotations_told,
    secrets_answered,
    secrets_as_before,
    still_tried,
)
from idchaos.targets.base import ReportsState, RotatesSecrets, Target
from idchaos.undo.ledger import Undo


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
    undone_by_healing: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"leaked secret, contained after {self.contain_after_s:g} s"

    def steps(self) -> tuple[float, ...]:
        """The leak, and its containment."""
        return 0.0, self.contain_after_s

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
        """Leak, which only the load notices; then contain."""
        if step == 0:
            leaked = Event(event="secret_leaked", fields={"clients": list(self.clients)})
            return Applied(events=(leaked,))
        return rotate(target, self.clients, overlap_s=self.overlap_s, revoke_grants=True)

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The leaked secrets are worth something."""
        return secrets_answered(target, self.clients, old=200, new=401)

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Contained: the IdP says so, the old secrets are worth nothing, and somebody went on trying them."""
        tried = still_tried(target, before)
        return rotations_told(target, self.clients), *secrets_answered(target, self.clients, old=401, new=200), tried

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Nothing: what was leaked stays replaced."""
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The new secrets are in force."""
        return eventually(
            lambda: (rotations_told(target, self.clients), *secrets_answered(target, self.clients, old=401, new=200))
        )
