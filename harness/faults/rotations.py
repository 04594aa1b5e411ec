"""Signing keys are rotated again and again, while nobody is restarted."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from idchaos.faults.base import Event, Evidence, Fault, Snapshot
from idchaos.faults.keys import KeyRotation
from idchaos.targets.base import ProbesUpstream, ReportsState, RotatesKeys, Target


class Rotations(Fault):
    """Several rotations, each from the key that the one before brought; they may overlap (``KeyRotation.after_s``)."""

    kind: Literal["rotations"] = "rotations"
    rotations: tuple[KeyRotation, ...] = Field(min_length=1)

    needs: ClassVar[tuple[type, ...]] = (RotatesKeys, ReportsState, ProbesUpstream)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        kids = [self.rotations[0].old_kid, *(rotation.new_kid for rotation in self.rotations)]
        return f"rotations from {' to '.join(kids)}"

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

    def snapshot(self, target: Target) -> Snapshot:
        """Those of the rotations, by the kid that each brings."""
        return {rotation.new_kid: rotation.snapshot(target) for rotation in self.rotations}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The first key signs, and validators can fetch it."""
        return self.rotations[0].check_before(target)

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """One act of one rotation."""
        _, number, act = self._acts()[step]
        return self.rotations[number].apply(target, act)

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """What the first act of the first rotation leaves."""
        first = self.rotations[0]
        return first.check_applied(target, before[first.new_kid])

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """Every gateway accepted tokens of every new key."""
        return tuple(
            evidence
            for rotation in self.rotations
            for evidence in rotation.check_held(target, before[rotation.new_kid])
        )

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Complete the last rotation that was begun: its key signs, whatever came of the ones before."""
        assert isinstance(target, RotatesKeys)
        kids = {key.kid for key in target.keys()}  # noqa: SIM118 - not a dict
        begun = [rotation for rotation in self.rotations if rotation.new_kid in kids]
        return begun[-1].heal(target) if begun else ()

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """The last key signs, validators can fetch it, and every gateway's cache holds it."""
        return self.rotations[-1].check_healed(target)
