"""One run from start to end: target, load, phases with their faults, and everything undone again."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from functools import partial
from typing import Any

from idchaos.clock import Clock
from idchaos.contract import METRICS_LOG
from idchaos.errors import IdchaosError, Interrupted, TargetError, UndecidableError
from idchaos.experiment import Canary, Phase, PhaseName
from idchaos.faults.base import Fault
from idchaos.load.engine.job import LoadJob, Withdrawn
from idchaos.planning.steadiness import unsteady
from idchaos.record.rundir import RunDirectory
from idchaos.run.counts import Looked, compared, look
from idchaos.run.in_force import FaultsInForce, Healing, said
from idchaos.run.instruments import Instruments
from idchaos.run.leaks import credentials
from idchaos.run.limits import lease_at
from idchaos.run.links import check_links
from idchaos.run.load_process import silent_services
from idchaos.run.log_search import search_logs
from idchaos.run.progress import Observer, Progress, Silent
from idchaos.run.retired import key_to_withdraw
from idchaos.run.scenario import Experiment
from idchaos.run.signals import signals_ignored
from idchaos.targets.base import Target
from idchaos.targets.capabilities import OutlivesRun, PublishesMetrics, RotatesKeys, required
from idchaos.undo.ledger import Undo
from idchaos.undo.safety import Safety
from idchaos.undo.undo import end_processes

START_MARGIN_S = 0.3
TICK_S = 0.05


class Run:
    """One execution of an experiment at a target. ``execute`` may be called once."""

    def __init__(
        self,
        experiment: Experiment,
        target: Target,
        directory: RunDirectory,
        instruments: Instruments,
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
        self._generator = instruments.generator
        self._scraper = instruments.scraper
        self._host = instruments.host
        self._faults: FaultsInForce | None = None
        self._before: Looked | None = None
        self._unread: list[str] = []
        """Pages of metrics that could not be had to be searched."""
        self._now = Clock().now
        """Phases go by the monotonic clock, as the load does: a step of the system's clock must not prolong a fault."""
        self._t0 = 0.0
        self._stage = "start"

    def execute(self) -> None:
        """Run it. Whatever happens, everything is healed and stopped, and what was recorded is kept.

        Raises:
            IdchaosError: the run could not be completed; the journal holds the reason too.
        """
        record = self._directory.record
        record("run_started", scenario=self._plan.scenario, variant=self._plan.variant, seed=self._seed)
        safety = Safety(self._run_id, self._undos, lease=lease_at(self._target))
        status = "failed"
        try:
            self._start_target(safety)
            self._start_load()
            self.run_phases(safety)
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
                    clean = self.finish(safety, status)
                finally:
                    safety.end(clean=clean)

    # --- before the load -------------------------------------------------------------------------------------------

    def _start_target(self, safety: Safety) -> None:
        self._show("starting the target")
        stays = self._target.capability(OutlivesRun)
        if stays is not None:
            safety.promise(stays.undos_of_start())
        self._target.start(self._directory.logs)
        toxiproxy = self._target.links.version() if self._target.graph.links else "none"
        self._directory.record("target_ready", target=self._target.name, toxiproxy=toxiproxy)
        check_links(self._target, self._directory, safety)
        self._scraper.start(self._target)

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
                allow_hosts=self._target.endpoints.allow_hosts,
                retired_kid=retired_kid,
            )
        )
        ready = dict(self._generator.wait_ready())
        withdrawn = (self._retire(retired_kid),) if retired_kid else ()
        # Logging in and minting canaries is not part of the load: counting begins here, on both sides.
        self._before = look(self._target)
        self._t0 = self._now() + START_MARGIN_S
        self._generator.begin(self._t0, withdrawn)
        self._directory.record("load_started", t0=self._t0, plan={k: v for k, v in ready.items() if k != "event"})

    def _key_to_retire(self) -> str | None:
        """The key of the ``retired_key`` canary, which the load generator presents before it is withdrawn."""
        canaries, rotates = self._plan.load.canaries, self._target.capability(RotatesKeys)
        wanted = canaries is not None and Canary.RETIRED_KEY in canaries.kinds
        return key_to_withdraw(rotates.keys()) if wanted and rotates is not None else None

    def _retire(self, kid: str) -> Withdrawn:
        required(self._target, RotatesKeys).retire_key(kid)
        canaries = self._plan.load.canaries
        return Withdrawn(kid=kid, forgotten_from=self._now() + (canaries.retired_after_s if canaries else 0.0))

    # --- phases ----------------------------------------------------------------------------------------------------

    def run_phases(self, safety: Safety) -> None:
        """Go through the phases, from ``t0`` on, with their faults."""
        faults = self._faults = FaultsInForce(
            self._target,
            self._generator,
            self._directory,
            safety,
            wait_for=self._wait_for,
            wait_until=self._wait_until,
        )
        try:
            begins = self._t0
            healing: Healing | None = None
            for phase in self._plan.phases:
                self._wait_until(begins)
                ends = begins + phase.duration_s
                healing = self._run_phase(phase, faults, begins, ends, healing)
                begins = ends
            faults.settle(healing)
        finally:
            faults.close()

    def _run_phase(
        self, phase: Phase, faults: FaultsInForce, begins: float, ends: float, healing: Healing | None
    ) -> Healing | None:
        """One phase; ``healing`` is that of the phase before, and returned is its own."""
        self._stage = phase.name
        self._directory.record("phase_started", phase=phase.name)
        own = self._experiment.faults.get(phase.name, ())
        healed = faults.hold(own, begins, ends) if own else None
        faults.prove_before(() if own else self._faults_after(phase))
        # That a fault is gone is proved while the next phase goes on: what is due then is no more its doing.
        faults.settle(healing)
        self._wait_until(ends)
        if phase.name is PhaseName.BASELINE:
            self._check_baseline(phase)
        self._directory.record("phase_ended", phase=phase.name)
        return healed

    def _faults_after(self, phase: Phase) -> tuple[Fault, ...]:
        """The faults of the phase that follows."""
        names = [each.name for each in self._plan.phases]
        index = names.index(phase.name) + 1
        return self._experiment.faults.get(names[index], ()) if index < len(names) else ()

    def _wait_for(self, future: Future[Any]) -> None:
        """Return when another thread is done. Meanwhile a target or a load that dies is noticed."""
        while not future.done():
            self._watch()
            wait_for([future], timeout=TICK_S)

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
        if self._faults is not None:
            self._faults.renew()
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
                active_faults=self._faults.titles if self._faults is not None else (),
            )
        )

    # --- the end ---------------------------------------------------------------------------------------------------

    def finish(self, safety: Safety, status: str) -> bool:
        """Heal, stop, count, and say what is left; whether nothing is. Each step is taken even when the one before
        failed.
        """
        with contextlib.suppress(Exception):  # a watcher that went away must not keep anything from being stopped
            self._show("stopping")
        record = self._directory.record
        left: list[str] = []
        if self._faults is not None:
            if safety.acted:
                self._faults.forget()
            # A fault that can't be healed any more ends with its target, or is settled below where the target stays.
            with contextlib.suppress(Exception):
                self._faults.heal()
                safety.release()
        for step in (self._host.stop, self._generator.stop, self._scraper.stop, self._count, self._keep_metrics):
            try:
                step()
            except Exception as error:
                # It leaves nothing behind that is not looked for below, but not all was seen to the end.
                status = "failed" if status == "completed" else status
                with contextlib.suppress(IdchaosError):
                    record("error", code=IdchaosError.code, message=said(error))
        with contextlib.suppress(IdchaosError):
            record("load_ended", summary={k: v for k, v in self._generator.summary.items() if k != "event"})
            if silent := silent_services(self._generator.summary):
                record("not_observed", name="answers_are_ones_own", why=f"{silent}: no echo in any answer")
        for stop in (self._target.stop, partial(end_processes, self._run_id), safety.settle):
            try:
                left += stop()
            except Exception as error:
                left.append(said(error))
        with contextlib.suppress(Exception):  # without its event the judge knows that nobody looked
            self._search_logs()
        with contextlib.suppress(IdchaosError):
            record("cleanup", clean=not left, left=left)
            record("run_ended", status=status)
        self._directory.close()
        return not left

    def _keep_metrics(self) -> None:
        """As logs, which they are: kept for longer than either, and read by more people."""
        publishes = self._target.capability(PublishesMetrics)
        for name, page in (publishes.metrics() if publishes is not None else {}).items():
            if page is None:
                self._unread.append(f"{name}{METRICS_LOG}")
            else:
                (self._directory.logs / f"{name}{METRICS_LOG}").write_text(page, encoding="utf-8")

    def _search_logs(self) -> None:
        """Look for everything secret that this run handed out. A log that is still being written tells too little, so
        this comes after the target's end.
        """
        secrets = [*credentials(self._target.endpoints), *self._generator.secrets]
        # Without its summary nobody knows what else the load generator was handed.
        complete = bool(self._generator.summary)
        found = search_logs(self._directory.logs, secrets)
        found["unread"] += self._unread
        self._directory.record("logs_searched", complete=complete, **found)

    def _count(self) -> None:
        if self._before is not None and self._before.told:
            self._directory.record(
                "counts",
                **compared(self._before, look(self._target)),
                own=self._target.sent,
                own_unsure=self._target.unanswered,
            )
