"""Signing keys are rotated again and again, while nobody is restarted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from idchaos.contract import Fact
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, Touch
from idchaos.faults.keyring import keys_as_before, keys_of, keys_told, keys_touched, signing
from idchaos.faults.keys import NEW, OLD, KeyRotation
from idchaos.graph import Graph
from idchaos.reasons import OF_KEYS, Reason
from idchaos.targets.base import ProbesUpstream, ReportsState, RotatesKeys, Target
from idchaos.undo.ledger import Undo


class Rotations(Fault):
    """Several rotations, each from the key that the one before brought; they may overlap (``KeyRotation.after_s``)."""

    kind: Literal["rotations"] = "rotations"
    rotations: tuple[KeyRotation, ...] = Field(min_length=1)

    needs: ClassVar[tuple[type, ...]] = (RotatesKeys, ReportsState, ProbesUpstream)

    def also_needs(self) -> tuple[type, ...]:
        """What any of them does."""
        return tuple(dict.fromkeys(need for each in self.rotations for need in each.also_needs()))

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"{len(self.rotations)} rotations of the {self.rotations[0].alg} key"

    def may_refuse_for(self) -> frozenset[Reason]:
        """Somebody may not know a key yet, or no longer."""
        return OF_KEYS

    def asks(self, graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
        """Which keys validators have."""
        return keys_told(graph)

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """The IdP's keys."""
        return keys_touched(graph)

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """The first key signs again, and each that has signed is published."""
        old = applied.known(f"{OLD} 1") or signing(keys_of(target), self.rotations[0].alg).kid
        return keys_as_before(target, old, (self._of(applied, number).known(NEW) for number in self._numbers))

    def steps(self) -> tuple[float, ...]:
        """When each act of any rotation is due."""
        return tuple(at for at, _, _ in self._acts())

    def _acts(self) -> list[tuple[float, int, int]]:
        """When, which rotation, which of its acts."""
        return sorted(
            (at, number, act)
            for number, rotation in enumerate(self.rotations)
            for act, at in enumerate(rotation.steps())
        )

    @property
    def _numbers(self) -> range:
        return range(len(self.rotations))

    def _of(self, applied: Applied, number: int) -> Applied:
        """What is known of one rotation: each begins with the key that the one before brought."""
        came_from = applied.known(f"{OLD} {number + 1}") or applied.known(f"{NEW} {number}")
        return Applied(done={OLD: came_from, NEW: applied.known(f"{NEW} {number + 1}")})

    def snapshot(self, target: Target) -> Snapshot:
        """How many tokens each validator has accepted, by kid."""
        return self.rotations[0].snapshot(target)

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """A key signs, and validators can fetch it."""
        return self.rotations[0].check_before(target)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """One act of one rotation."""
        _, number, act = self._acts()[step]
        done = self.rotations[number].apply(target, act, self._of(so_far, number))
        return Applied(events=done.events, done={f"{name} {number + 1}": kid for name, kid in done.done.items()})

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """What the first act of the first rotation leaves."""
        return self.rotations[0].check_applied(target, before, self._of(applied, 0))

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Every validator accepted tokens of every new key."""
        return tuple(
            evidence
            for number in self._numbers
            for evidence in self.rotations[number].check_held(target, before, self._of(applied, number))
        )

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Complete the last rotation that was begun: its key signs, whatever came of the ones before."""
        begun = [number for number in self._numbers if self._of(applied, number).known(NEW)]
        return self.rotations[begun[-1]].heal(target, self._of(applied, begun[-1])) if begun else ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The last key signs, validators can fetch it, and every one's cache holds it."""
        return self.rotations[-1].check_healed(target, self._of(applied, self._numbers[-1]))
