"""What a fault is: it applies, it heals, and it proves both.

A fault is a frozen value; everything that it learns is returned, nothing is kept: what ``apply`` returns of each step
is put together (:meth:`Applied.then`) and given to all that comes later. The runner calls, in this order::

    check_before ─► apply(0) ─► check_applied ─► apply(1) ... ─► check_held ─► heal ─► check_healed
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, JsonValue

from idchaos.contract import Fact
from idchaos.graph import Graph
from idchaos.reasons import Reason
from idchaos.targets.base import Target
from idchaos.undo.ledger import Undo
from idchaos.values import Value

Source = Literal["control", "probe", "target"]
Snapshot = Mapping[str, Any]


class Evidence(Value):
    """One proof, from one place: the control plane's word, a probe's result, or a trace at the target."""

    source: Source
    ok: bool
    what: str
    """A plain sentence with the observed values."""
    at: float = Field(default_factory=time.time)
    """When it was observed, Unix time."""


class Event(Value):
    """Something that the act did, for the journal: ``key_withdrawn``, ``clock_skewed`` ..."""

    event: str
    fields: Mapping[str, Any]


class Applied(Value):
    """What a fault has done: what it is undone with, and what its proofs look for."""

    events: tuple[Event, ...] = ()
    done: Mapping[str, JsonValue] = {}
    """What only applying it could tell: how it was before, which kid the IdP chose ..."""

    def then(self, later: Applied) -> Applied:
        """This, and what a later step did; what both tell is as the later one says."""
        return Applied(events=(*self.events, *later.events), done={**self.done, **later.done})

    def known(self, name: str) -> str:
        """A name that was noted; empty when none was."""
        return str(self.done.get(name, ""))


NOTHING = Applied()
"""Nothing was applied, or nothing about it needs to be known."""


class Touch(Value):
    """What a fault lays its hand on, and how: other faults that do so as well may hide it, or be hidden by it."""

    what: str
    """A link, a component, an endpoint of the IdP ..."""
    how: Literal["uses", "delays", "changes"]
    """``uses``: its proofs need it as it is · ``delays``: answers come later by it, which adds up · ``changes``."""


def later(after_s: float) -> str:
    """For a title: when it begins, where that is not with its phase."""
    return f", after {after_s:g} s" if after_s else ""


def relies_on(component: str) -> tuple[Touch, ...]:
    """That a component lives, and remembers what it was told."""
    return Touch(what=component, how="uses"), Touch(what=f"{component}'s state", how="uses")


class Fault(Value):
    """One thing that goes wrong. Subclasses: one a file."""

    needs: ClassVar[tuple[type, ...]] = ()
    """Capabilities (protocols of ``idchaos.targets.base``) that the target must have."""

    undone_by_healing: ClassVar[bool] = True
    """Whether the target is as it was when healing is proved. If not, the ledger's promises are carried out later."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it does, in a few words, for journal and report."""

    def also_needs(self) -> tuple[type, ...]:
        """Capabilities that this very one needs, by its settings, besides ``needs``."""
        return ()

    def hides_revocations(self, graph: Graph) -> bool:
        """Whether it may keep the news of a revocation from a validator of such a target. Only then is one excused
        that accepts a revoked token meanwhile.
        """
        return False

    def stretches_caches(self) -> bool:
        """Whether an answer may be believed for longer than its life meanwhile: where clocks are wrong or components
        stand still. Where only nobody answers, what was heard before has its end all the same.
        """
        return True

    def may_refuse_for(self) -> frozenset[Reason]:
        """For what reasons a validator rightly refuses a good token by its doing, from then on. None by itself: who
        can't decide says so.
        """
        return frozenset()

    def why_not(self, target: Target) -> str:
        """Why it makes no sense at this target, in one line; empty: it does. Known before the start."""
        return ""

    def unprovable(self, target: Target) -> str:
        """Why nothing at this target could prove that it was felt, in one line; empty: something can. Known before
        the start.
        """
        return ""

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """What of such a target it changes, and what its proofs rely on."""
        return ()

    def clock_error_s(self, lasting_s: float) -> float:
        """By how much it makes a clock wrong, at most, when it lasts so long; in seconds."""
        return 0.0

    def asks(self, graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
        """What its proofs need, of such a target, that components tell."""
        return {}

    def steps(self) -> tuple[float, ...]:
        """When each step is due, in seconds from the fault's start. Most faults have one step, at once."""
        return (0.0,)

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """What the ledger must promise at a target that outlives the run (``OutlivesRun``). Asked before the first
        step, with nothing applied, and after each, since more is known then.

        Raises:
            FaultError: the target has no way to undo it.
        """
        return ()

    def snapshot(self, target: Target) -> Snapshot:
        """Counters before the fault, which later checks compare with."""
        return {}

    @abstractmethod
    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """Prove that the unfaulted path works: without that, nothing seen later proves anything."""

    @abstractmethod
    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Carry out one step; returns what it did. ``so_far``: what the steps before did.

        Raises:
            FaultError, TargetError: it could not be applied.
        """

    @abstractmethod
    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Prove, soon after the first step, that the fault is in force: control plane and probe."""

    @abstractmethod
    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Prove, just before healing, that the target felt it."""

    @abstractmethod
    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Undo what was applied. May be called again, and when ``apply`` failed half-way."""

    @abstractmethod
    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Prove that it is gone."""


def eventually(check: Callable[[], tuple[Evidence, ...]], within_s: float = 5.0) -> tuple[Evidence, ...]:
    """Repeat a check until all of it is ok, or the time is over; the last evidence counts."""
    deadline = time.monotonic() + within_s
    while True:
        evidence = check()
        if all(item.ok for item in evidence) or time.monotonic() > deadline:
            return evidence
        time.sleep(0.1)
