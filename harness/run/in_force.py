"""The faults of a phase: applied, proved, held, healed, and proved to be gone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, TypeVar

from idchaos.clock import Clock
from idchaos.errors import FaultError, IdchaosError, LoadError
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot
from idchaos.load.engine.job import Withdrawn
from idchaos.record.rundir import RunDirectory
from idchaos.run.instruments import LoadGenerator
from idchaos.targets.base import Target
from idchaos.targets.capabilities import OutlivesRun
from idchaos.undo.ledger import Undo
from idchaos.undo.safety import Safety

Moment = Literal["before", "during", "after"]
Result = TypeVar("Result")
Awaits = Callable[[Future[Any]], None]


@dataclass
class _Active:
    """A fault in force, and what is known of it so far."""

    fault: Fault
    before: Snapshot
    applied: Applied = NOTHING
    proof: Future[tuple[Evidence, ...]] | None = None
    promised: dict[int, Undo] = field(default_factory=dict)
    """What the ledger holds of it, by number."""


@dataclass(frozen=True)
class _Proof:
    """Evidence about a fault that is being gathered in another thread."""

    fault: Fault
    evidence: Future[tuple[Evidence, ...]]


@dataclass(frozen=True)
class Healing:
    """Proofs that faults are gone, and the promises that are kept by it."""

    proofs: Sequence[_Proof]
    promises: tuple[int, ...]


def _nothing() -> None:
    """Done while no fault is in force."""


class FaultsInForce:
    """Of one run. Proofs are made in another thread, while ``watch`` and ``wait_until`` go on."""

    def __init__(
        self,
        target: Target,
        generator: LoadGenerator,
        directory: RunDirectory,
        safety: Safety,
        *,
        wait_for: Awaits,
        wait_until: Callable[[float], None],
    ) -> None:
        """``wait_for`` returns when a proof is made, ``wait_until`` at a moment; both raise when target or load die."""
        self._target, self._generator, self._directory, self._safety = target, generator, directory, safety
        self._wait_for, self._wait_until = wait_for, wait_until
        self._now = Clock().now
        self._proofs = ThreadPoolExecutor(max_workers=1, thread_name_prefix="proof")
        self._active: list[_Active] = []
        self.renew: Callable[[], None] = _nothing
        """Renews the lease on the faults that are in force."""

    @property
    def titles(self) -> tuple[str, ...]:
        """What is in force."""
        return tuple(active.fault.title for active in self._active)

    def close(self) -> None:
        """No further proof is made."""
        self._proofs.shutdown(wait=False, cancel_futures=True)

    def prove_before(self, faults: Sequence[Fault]) -> None:
        """Write down that the paths work which these faults will disturb."""
        proofs = [_Proof(fault, self._proofs.submit(fault.check_before, self._target)) for fault in faults]
        self._record_proofs("before", proofs)

    def hold(self, faults: Sequence[Fault], begins: float, ends: float) -> Healing:
        """Apply the faults step by step, prove them, hold until the phase ends, and heal; the proofs of the healing
        are still being made.
        """
        snapshots = [self._proofs.submit(fault.snapshot, self._target) for fault in faults]
        self._active = [_Active(fault, self._awaited(taken)) for fault, taken in zip(faults, snapshots, strict=True)]
        due = sorted(
            (begins + at, number, step) for number, fault in enumerate(faults) for step, at in enumerate(fault.steps())
        )
        self.renew = self._safety.lease
        for active in self._active:
            self._promise(active)
        for at, together in groupby(due, key=itemgetter(0)):
            self._wait_until(min(at, ends))
            if at < ends:
                self._apply([(self._active[number], step) for _, number, step in together])
        self._wait_until(ends)
        applied = [_Proof(active.fault, active.proof) for active in self._active if active.proof is not None]
        ending = tuple(self._active)
        held = [
            _Proof(each.fault, self._proofs.submit(each.fault.check_held, self._target, each.before, each.applied))
            for each in ending
        ]
        self._record_proofs("during", [*applied, *held])
        self.heal()
        healed = [
            _Proof(each.fault, self._proofs.submit(each.fault.check_healed, self._target, each.applied))
            for each in ending
        ]
        kept = tuple(number for each in ending if each.fault.undone_by_healing for number in each.promised)
        return Healing(healed, kept)

    def _promise(self, active: _Active) -> None:
        """Write down how a fault is undone, as far as that is known by now and was not written yet."""
        if self._target.capability(OutlivesRun) is None:
            return
        undos = active.fault.undos(self._target, active.applied)
        new = [undo for undo in undos if undo not in active.promised.values()]
        if new:
            active.promised |= dict(zip(self._safety.promise(new), new, strict=True))

    def settle(self, healing: Healing | None) -> None:
        """Write down that the faults are gone. What is proved to be gone need not be undone by anyone else."""
        if healing is None:
            return
        if self._record_proofs("after", healing.proofs):
            self._safety.keep(healing.promises)
        self.renew = _nothing
        self._safety.release()

    def forget(self) -> None:
        """Somebody else has healed whatever was in force."""
        self._active = []

    def heal(self) -> None:
        """Heal whatever is in force. One fault that can't be healed must not keep the others from it.

        Raises:
            FaultError: names those that could not be healed.
        """
        failures = []
        for active in reversed(self._active):
            with contextlib.suppress(IdchaosError):  # what the guardian has to say is heard when all are healed
                self.renew()
            try:
                events = active.fault.heal(self._target, active.applied)
            except Exception as error:
                failures.append(f"{active.fault.title}: not healed: {said(error)}")
                continue
            self._note(events)
            self._directory.record("fault_healed", fault=active.fault.title)
        self._active = []
        if failures:
            raise FaultError("; ".join(failures))

    def _apply(self, acts: Sequence[tuple[_Active, int]]) -> None:
        """Carry out steps that are due together. Faults are proved when all are in force: what one meets depends on
        the others.
        """
        for active, step in acts:
            self.renew()
            if step == 0 and active.fault.steps()[0] > 0:
                active.before = active.fault.snapshot(self._target)
            self._act(active, step)
            self._promise(active)
        for active in (active for active, step in acts if step == 0):
            active.proof = self._proofs.submit(active.fault.check_applied, self._target, active.before, active.applied)

    def _act(self, active: _Active, step: int) -> None:
        fault = active.fault
        done = fault.apply(self._target, step, active.applied)
        active.applied = active.applied.then(done)
        if step == 0:
            self._directory.record(
                "fault_applied",
                fault=fault.title,
                detail=fault.model_dump(mode="json"),
                hides_revocations=fault.hides_revocations(self._target.graph),
                stretches_caches=fault.stretches_caches(),
                may_refuse_for=sorted(fault.may_refuse_for()),
            )
        self._note(done.events)

    def _note(self, events: tuple[Event, ...]) -> None:
        """Write the acts of a fault down, and tell the load generator of keys that are gone."""
        for event in events:
            self._directory.record(event.event, **event.fields)
            if event.event == "key_withdrawn":
                lag = float(event.fields["allowed_lag_s"])
                key = Withdrawn(kid=str(event.fields["kid"]), forgotten_from=self._now() + lag)
                with contextlib.suppress(LoadError):  # one that is gone is noticed elsewhere; healing must go on
                    self._generator.withdrawn(key)

    def _record_proofs(self, moment: Moment, proofs: Sequence[_Proof]) -> bool:
        """Wait for these proofs, and write the evidence down; whether all of it is as it must be."""
        proved = True
        for proof in proofs:
            for item in self._evidence(proof):
                self._directory.record(
                    "fault_effect",
                    fault=proof.fault.title,
                    moment=moment,
                    source=item.source,
                    ok=item.ok,
                    evidence=item.what,
                    made_at=item.at,
                )
                proved = proved and item.ok
        return proved

    def _evidence(self, proof: _Proof) -> tuple[Evidence, ...]:
        try:
            return self._awaited(proof.evidence)
        except (IdchaosError, KeyError, TypeError, ValueError) as error:
            if not proof.evidence.done() or proof.evidence.exception() is not error:
                raise  # not the proof went wrong, but the run
            # A proof that could not be made is no proof; the judge makes that INCONCLUSIVE.
            return (Evidence(source="probe", ok=False, what=f"could not be checked: {error}"),)

    def _awaited(self, future: Future[Result]) -> Result:
        self._wait_for(future)
        return future.result()


def said(error: Exception) -> str:
    """An error's own line; of one that nobody foresaw, its kind too."""
    return str(error) if isinstance(error, IdchaosError) else f"{type(error).__name__}: {error}"
