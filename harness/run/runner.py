"""One run from start to end: target, load, phases, faults with their proofs, and everything undone again."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from idchaos.clock import Clock
from idchaos.errors import FaultError, IdchaosError, Interrupted, LoadError, TargetError, UndecidableError
from idchaos.experiment import Canary, Phase, PhaseName
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot
from idchaos.load.engine.job import LoadJob, Withdrawn
from idchaos.planning.steadiness import unsteady
from idchaos.record.rundir import RunDirectory
from idchaos.run.host_watch import HostWatch
from idchaos.run.leaks import credentials
from idchaos.run.load_process import Generator, silent_services
from idchaos.run.log_search import search_logs
from idchaos.run.scenario import Experiment
from idchaos.run.telemetry import Scraper
from idchaos.targets.base import OutlivesRun, ProbesUpstream, ReportsState, RotatesKeys, Target
from idchaos.targets.standin.topology import RETIRED_KID
from idchaos.undo.ledger import ToxicsOff, Undo
from idchaos.undo.safety import Safety
from idchaos.undo.undo import end_processes

START_MARGIN_S = 0.3
TICK_S = 0.05

Moment = Literal["before", "during", "after"]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """What a watcher may show while the run goes on."""

    stage: str
    """A phase's name, or what is being done around the phases."""
    left_s: float = 0.0
    """Of the whole run, as planned."""
    load: Mapping[str, Any] = field(default_factory=dict)
    """The load generator's latest report."""
    active_faults: tuple[str, ...] = ()


class Observer(Protocol):
    """Someone who watches a run."""

    def update(self, progress: Progress) -> None:
        """Called several times a second; must return quickly."""


class Silent:
    """Watches nothing."""

    def update(self, progress: Progress) -> None:
        """Ignore it."""


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
class _Healing:
    """Proofs that faults are gone, and the promises that are kept by it."""

    proofs: Sequence[_Proof]
    promises: tuple[int, ...]


def _nothing() -> None:
    """Done while no fault is in force."""


class Run:
    """One execution of an experiment at a target. ``execute`` may be called once."""

    def __init__(
        self,
        experiment: Experiment,
        target: Target,
        directory: RunDirectory,
        *,
        run_id: str,
        undos: tuple[Undo, ...],
        seed: int,
        late_p99_s: float,
        observer: Observer | None = None,
    ) -> None:
        self._experiment = experiment
        self._plan = experiment.plan
        self._target = target
        self._directory = directory
        self._run_id = run_id
        self._undos = undos
        self._seed = seed
        self._late_p99_s = late_p99_s
        self._observer = observer or Silent()
        self._generator = Generator(run_id, directory.logs / "load.log")
        self._scraper = Scraper(directory.telemetry)
        self._host = HostWatch(directory, lambda: self._generator.pid)
        self._active: list[_Active] = []
        self._counts_before: dict[str, Any] = {}
        self._now = Clock().now
        """Phases go by the monotonic clock, as the load does: a step of the system's clock must not prolong a fault."""
        self._t0 = 0.0
        self._stage = "start"
        self._renew: Callable[[], None] = _nothing
        """Renews the lease on the faults that are in force."""

    def execute(self) -> None:
        """Run it. Whatever happens, everything is healed and stopped, and what was recorded is kept.

        Raises:
            IdchaosError: the run could not be completed; the journal holds the reason too.
        """
        record = self._directory.record
        record("run_started", scenario=self._plan.scenario, variant=self._plan.variant, seed=self._seed)
        safety = Safety(self._run_id, self._undos)
        status = "failed"
        try:
            self._start_target(safety)
            self._start_load()
            self._run_phases(safety)
            self._generator.finish(self._plan.load.timeout_s + 15.0)
            status = "completed"
        except UndecidableError as error:
            status = "aborted"
            record("error", code=error.code, message=str(error))
            raise
        except KeyboardInterrupt as error:
            status = "interrupted"
            record("error", code=Interrupted.code, message="interrupted")
            raise Interrupted("interrupted") from error
        except IdchaosError as error:
            record("error", code=error.code, message=str(error))
            raise
        finally:
            with signals_ignored():
                clean = False
                try:
                    clean = self._finish(safety, status)
                finally:
                    safety.end(clean=clean)

    # --- before the load -------------------------------------------------------------------------------------------

    def _start_target(self, safety: Safety) -> None:
        self._show("starting the target")
        self._target.start(self._directory.logs)
        self._directory.record("target_ready", target=self._target.name, toxiproxy=self._target.links.version())
        self._check_links(safety)
        self._scraper.start(self._target)

    def _check_links(self, safety: Safety) -> None:
        """Each link off: who uses it must fail. On again: must succeed. Else traffic takes another way.

        Raises:
            UndecidableError: a fault on that link would have no effect, so nothing could be concluded.
        """
        if not isinstance(self._target, ProbesUpstream):
            return
        outlives = self._target.capability(OutlivesRun) is not None
        for proxy, probers in self._target.graph.probers.items():
            for component, upstream in probers:
                with safety.promised([ToxicsOff(api=self._target.links.api, proxy=proxy)] if outlives else []):
                    self._target.links.disable(proxy)
                    try:
                        off = self._target.probe(component, upstream)
                    finally:
                        self._target.links.enable(proxy)
                on = self._target.probe(component, upstream)
                ok = on.ok and not off.ok
                detail = f"{component} to {upstream}: off {off.error or off.status}, on {on.status or on.error}"
                self._directory.record("link_checked", link=proxy, proxy=proxy, ok=ok, detail=detail)
                if off.ok:
                    raise UndecidableError(
                        f"{component} reaches {upstream} around the link {proxy}: it still answers {off.status}"
                        " while that link is off, so a fault on it would prove nothing"
                    )
                if not on.ok:
                    raise TargetError(f"{component} does not reach {upstream} through {proxy}: {on.error or on.status}")

    def _start_load(self) -> None:
        self._show("logging in")
        self._host.start()
        retired_kid = self._key_to_retire()
        self._generator.launch(
            LoadJob(
                plan=self._plan.load,
                endpoints=self._target.endpoints,
                seed=self._seed,
                duration_s=self._plan.duration_s,
                samples_path=self._directory.samples_stream,
                retired_kid=retired_kid,
            )
        )
        ready = dict(self._generator.wait_ready())
        withdrawn = (self._retire(retired_kid),) if retired_kid else ()
        # Logging in and minting canaries is not part of the load: counting begins here, on both sides.
        self._counts_before = self._states()
        self._t0 = self._now() + START_MARGIN_S
        self._generator.begin(self._t0, withdrawn)
        self._directory.record("load_started", t0=self._t0, plan={k: v for k, v in ready.items() if k != "event"})

    def _key_to_retire(self) -> str | None:
        """The key of the ``retired_key`` canary, which the load generator presents before it is withdrawn."""
        canaries = self._plan.load.canaries
        wanted = canaries is not None and Canary.RETIRED_KEY in canaries.kinds
        return RETIRED_KID if wanted and isinstance(self._target, RotatesKeys) else None

    def _retire(self, kid: str) -> Withdrawn:
        assert isinstance(self._target, RotatesKeys) and self._plan.load.canaries is not None
        self._target.retire_key(kid)
        return Withdrawn(kid=kid, forgotten_from=self._now() + self._plan.load.canaries.retired_after_s)

    def _states(self) -> dict[str, Any]:
        if not isinstance(self._target, ReportsState):
            return {}
        states: dict[str, Any] = {}
        for component in self._target.components:
            try:
                states[component] = self._target.state(component)
            except TargetError as error:
                states[component] = {"error": str(error)}
        return states

    # --- phases ----------------------------------------------------------------------------------------------------

    def _run_phases(self, safety: Safety) -> None:
        proofs = ThreadPoolExecutor(max_workers=1, thread_name_prefix="proof")
        try:
            begins = self._t0
            healing: _Healing | None = None
            for phase in self._plan.phases:
                self._wait_until(begins)
                self._stage = phase.name
                self._directory.record("phase_started", phase=phase.name)
                ends = begins + phase.duration_s
                faults = self._experiment.faults.get(phase.name, ())
                healed = self._hold(faults, begins, ends, safety, proofs) if faults else None
                coming = () if faults else self._faults_after(phase)
                self._record_proofs("before", [_Proof(f, proofs.submit(f.check_before, self._target)) for f in coming])
                # That a fault is gone is proved while the next phase goes on: what is due then is no more its doing.
                self._settle(healing, safety)
                healing = healed
                self._wait_until(ends)
                if phase.name is PhaseName.BASELINE:
                    self._check_baseline(phase)
                self._directory.record("phase_ended", phase=phase.name)
                begins = ends
            self._settle(healing, safety)
        finally:
            proofs.shutdown(wait=False, cancel_futures=True)

    def _faults_after(self, phase: Phase) -> tuple[Fault, ...]:
        """The faults of the phase that follows."""
        names = [each.name for each in self._plan.phases]
        index = names.index(phase.name) + 1
        return self._experiment.faults.get(names[index], ()) if index < len(names) else ()

    def _hold(
        self, faults: tuple[Fault, ...], begins: float, ends: float, safety: Safety, proofs: ThreadPoolExecutor
    ) -> _Healing:
        """Apply the faults step by step, prove them, hold until the phase ends, and heal; the proofs of the healing
        are still being made.
        """
        snapshots = [proofs.submit(fault.snapshot, self._target) for fault in faults]
        self._active = [_Active(fault, self._awaited(taken)) for fault, taken in zip(faults, snapshots, strict=True)]
        due = sorted(
            (begins + at, number, step) for number, fault in enumerate(faults) for step, at in enumerate(fault.steps())
        )
        self._renew = safety.lease
        for active in self._active:
            self._promise(active, safety)
        for at, number, step in due:
            self._wait_until(min(at, ends))
            if at < ends:
                self._apply(self._active[number], step, proofs)
                self._promise(self._active[number], safety)
        self._wait_until(ends)
        applied = [_Proof(active.fault, active.proof) for active in self._active if active.proof is not None]
        ending = tuple(self._active)
        held = [
            _Proof(each.fault, proofs.submit(each.fault.check_held, self._target, each.before, each.applied))
            for each in ending
        ]
        self._record_proofs("during", [*applied, *held])
        self._heal()
        healed = [
            _Proof(each.fault, proofs.submit(each.fault.check_healed, self._target, each.applied)) for each in ending
        ]
        kept = tuple(number for each in ending if each.fault.undone_by_healing for number in each.promised)
        return _Healing(healed, kept)

    def _promise(self, active: _Active, safety: Safety) -> None:
        """Write down how a fault is undone, as far as that is known by now and was not written yet."""
        if self._target.capability(OutlivesRun) is None:
            return
        undos = active.fault.undos(self._target, active.applied)
        new = [undo for undo in undos if undo not in active.promised.values()]
        if new:
            active.promised |= dict(zip(safety.promise(new), new, strict=True))

    def _settle(self, healing: _Healing | None, safety: Safety) -> None:
        """Write down that the faults are gone. What is proved to be gone need not be undone by anyone else."""
        if healing is None:
            return
        if self._record_proofs("after", healing.proofs):
            safety.keep(healing.promises)
        self._renew = _nothing
        safety.release()

    def _apply(self, active: _Active, step: int, proofs: ThreadPoolExecutor) -> None:
        fault = active.fault
        done = fault.apply(self._target, step, active.applied)
        active.applied = active.applied.then(done)
        if step == 0:
            self._directory.record(
                "fault_applied",
                fault=fault.title,
                detail=fault.model_dump(mode="json"),
                hides_revocations=fault.hides_revocations(self._target.graph),
            )
            active.proof = proofs.submit(fault.check_applied, self._target, active.before, active.applied)
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

    def _heal(self) -> None:
        """Heal whatever is in force. One fault that can't be healed must not keep the others from it."""
        failures = []
        for active in reversed(self._active):
            try:
                events = active.fault.heal(self._target, active.applied)
            except Exception as error:
                failures.append(f"{active.fault.title}: not healed: {_said(error)}")
                continue
            self._note(events)
            self._directory.record("fault_healed", fault=active.fault.title)
        self._active = []
        if failures:
            raise FaultError("; ".join(failures))

    def _record_proofs(self, moment: Moment, proofs: Sequence[_Proof]) -> bool:
        """Wait for these proofs, and write the evidence down; whether all of it is as it must be."""
        proved = True
        for proof in proofs:
            try:
                evidence = self._awaited(proof.evidence)
            except (IdchaosError, KeyError, TypeError, ValueError) as error:
                if not proof.evidence.done() or proof.evidence.exception() is not error:
                    raise  # not the proof went wrong, but the run
                # A proof that could not be made is no proof; the judge makes that INCONCLUSIVE.
                evidence = (Evidence(source="probe", ok=False, what=f"could not be checked: {error}"),)
            for item in evidence:
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

    def _awaited(self, future: Future[Result]) -> Result:
        """What the other thread found. Meanwhile a target or a load that dies is noticed."""
        while not future.done():
            self._watch()
            wait_for([future], timeout=TICK_S)
        return future.result()

    def _check_baseline(self, phase: Phase) -> None:
        reports = [report for report in self._generator.progress if report["at"] > self._now() - phase.duration_s + 1]
        reason = unsteady(reports, self._late_p99_s)
        if reason:
            raise UndecidableError(f"baseline: {reason}; nothing is learned from a fault on top of that")

    def _wait_until(self, moment: float) -> None:
        while True:
            self._watch()
            left = moment - self._now()
            if left <= 0:
                return
            time.sleep(min(TICK_S, left))

    def _watch(self) -> None:
        self._renew()
        self._generator.check()
        died = self._target.died()
        if died:
            raise TargetError(died)
        self._show(self._stage)

    def _show(self, stage: str) -> None:
        reports = self._generator.progress
        self._observer.update(
            Progress(
                stage=stage,
                left_s=max(0.0, self._t0 + self._plan.duration_s - self._now()) if self._t0 else self._plan.duration_s,
                load=reports[-1] if reports else {},
                active_faults=tuple(active.fault.title for active in self._active),
            )
        )

    # --- the end ---------------------------------------------------------------------------------------------------

    def _finish(self, safety: Safety, status: str) -> bool:
        """Heal, stop, count, and say what is left; whether nothing is. Each step is taken even when the one before
        failed.
        """
        with contextlib.suppress(Exception):  # a watcher that went away must not keep anything from being stopped
            self._show("stopping")
        record = self._directory.record
        left: list[str] = []
        if safety.acted:
            self._active = []
        # A fault that can't be healed any more ends with its target, or is settled below where the target stays.
        with contextlib.suppress(Exception):
            self._heal()
        for step in (self._host.stop, self._generator.stop, self._scraper.stop, self._count):
            try:
                step()
            except Exception as error:
                # It leaves nothing behind that is not looked for below, but not all was seen to the end.
                status = "failed" if status == "completed" else status
                with contextlib.suppress(IdchaosError):
                    record("error", code=IdchaosError.code, message=_said(error))
        with contextlib.suppress(IdchaosError):
            record("load_ended", summary={k: v for k, v in self._generator.summary.items() if k != "event"})
            if silent := silent_services(self._generator.summary):
                record("not_observed", name="answers_are_ones_own", why=f"{silent}: no echo in any answer")
        for stop in (self._target.stop, partial(end_processes, self._run_id), safety.settle):
            try:
                left += stop()
            except Exception as error:
                left.append(_said(error))
        with contextlib.suppress(Exception):  # without its event the judge knows that nobody looked
            self._search_logs()
        with contextlib.suppress(IdchaosError):
            record("cleanup", clean=not left, left=left)
            record("run_ended", status=status)
        self._directory.close()
        return not left

    def _search_logs(self) -> None:
        """Look for everything secret that this run handed out. A log that is still being written tells too little, so
        this comes after the target's end.
        """
        secrets = [*credentials(self._target.endpoints), *self._generator.secrets]
        # Without its summary nobody knows what else the load generator was handed.
        complete = bool(self._generator.summary)
        self._directory.record("logs_searched", complete=complete, **search_logs(self._directory.logs, secrets))

    def _count(self) -> None:
        if self._counts_before:
            self._directory.record(
                "counts",
                before=self._counts_before,
                after=self._states(),
                own=self._target.sent,
                own_unsure=self._target.unanswered,
            )


def _said(error: Exception) -> str:
    """An error's own line; of one that nobody foresaw, its kind too."""
    return str(error) if isinstance(error, IdchaosError) else f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def signals_ignored() -> Iterator[None]:
    """Clean-up must not be cut short by an impatient second Ctrl-C."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        previous = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    except ValueError:  # not in the main thread, where no handler can be changed and none runs
        yield
        return
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
