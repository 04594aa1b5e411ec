"""What every component reports of itself, written down twice a second beside the samples."""

from __future__ import annotations

import threading

from idchaos.clock import Clock
from idchaos.errors import StoreError, TargetError
from idchaos.record.rundir import SCRAPE_EVERY_S, JsonLines
from idchaos.targets.base import Target
from idchaos.targets.capabilities import ReportsState


class Scraper:
    """A thread that reads each component's state. A component that doesn't answer is recorded as such."""

    def __init__(self, store: JsonLines) -> None:
        self._store = store
        self._now = Clock().now
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: StoreError | None = None

    def start(self, target: Target) -> None:
        """Begin; parts that tell nothing are not asked."""
        reports = target.capability(ReportsState)
        if reports is None:
            return
        telling = tuple(name for name in target.graph.parts if reports.tells(name))
        self._thread = threading.Thread(target=self._loop, args=(reports, telling), name="telemetry", daemon=True)
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

    def _loop(self, reports: ReportsState, components: tuple[str, ...]) -> None:
        while not self._stop.wait(SCRAPE_EVERY_S):
            for component in components:
                try:
                    self._scrape(reports, component)
                except StoreError as error:
                    self._failure = error
                    return

    def _scrape(self, reports: ReportsState, component: str) -> None:
        at = self._now()
        try:
            state = dict(reports.state(component))
        except TargetError as error:
            state = {"error": str(error)}
        self._store.append({"at": at, "component": component, "state": state})
