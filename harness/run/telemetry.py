"""What every component reports of itself, written down twice a second beside the samples."""

from __future__ import annotations

import threading

from idchaos.clock import Clock
from idchaos.errors import StoreError, TargetError
from idchaos.record.rundir import SCRAPE_EVERY_S, JsonLines
from idchaos.targets.base import ReportsState, Target


class Scraper:
    """A thread that reads each component's state. A component that doesn't answer is recorded as such."""

    def __init__(self, store: JsonLines) -> None:
        self._store = store
        self._now = Clock().now
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: StoreError | None = None

    def start(self, target: Target) -> None:
        """Begin; a target that reports no state is not asked."""
        if isinstance(target, ReportsState):
            self._thread = threading.Thread(target=self._loop, args=(target,), name="telemetry", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; returns when nothing more will be written.

        Raises:
            StoreError: telemetry could not be written at some point.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _loop(self, target: Target) -> None:
        while not self._stop.wait(SCRAPE_EVERY_S):
            for component in target.components:
                try:
                    self._scrape(target, component)
                except StoreError as error:
                    self._failure = error
                    return

    def _scrape(self, target: Target, component: str) -> None:
        assert isinstance(target, ReportsState)
        at = self._now()
        try:
            state = dict(target.state(component))
        except TargetError as error:
            state = {"error": str(error)}
        self._store.append({"at": at, "component": component, "state": state})
