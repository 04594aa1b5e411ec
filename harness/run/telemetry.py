"""What components report of themselves, and what passed over links, written down twice a second beside the samples."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from idchaos.clock import Clock
from idchaos.errors import StoreError, TargetError
from idchaos.record.rundir import SCRAPE_EVERY_S, JsonLines
from idchaos.targets.base import Target
from idchaos.targets.capabilities import ReportsState
from idchaos.targets.observer import ObservesLinks

LINKS = "links"
"""What telemetry calls the links, among components: their state is ``{link: LinkObserved}``, zeros left out."""
Read = Callable[[], Mapping[str, Any]]


def readings(target: Target) -> dict[str, Read]:
    """By component (and :data:`LINKS`), how each that tells anything is read. Reading one may raise ``TargetError``."""
    reports, observes = target.capability(ReportsState), target.capability(ObservesLinks)
    found: dict[str, Read] = {}
    if reports is not None:
        found |= {name: partial(reports.state, name) for name in target.graph.parts if reports.tells(name)}
    if observes is not None:
        found[LINKS] = partial(_observed, observes)
    return found


def _observed(observes: ObservesLinks) -> Mapping[str, Any]:
    links = observes.observed().items()
    return {name: counts.sums().model_dump(mode="json", exclude_defaults=True) for name, counts in links}


class Scraper:
    """A thread that reads all of them. One that doesn't answer is recorded as such."""

    def __init__(self, store: JsonLines) -> None:
        self._store = store
        self._now = Clock().now
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: StoreError | None = None

    def start(self, target: Target) -> None:
        """Begin; parts that tell nothing are not asked."""
        found = readings(target)
        if found:
            self._thread = threading.Thread(target=self._loop, args=(found,), name="telemetry", daemon=True)
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

    def _loop(self, found: Mapping[str, Read]) -> None:
        while not self._stop.wait(SCRAPE_EVERY_S):
            for component, read in found.items():
                try:
                    self._scrape(component, read)
                except StoreError as error:
                    self._failure = error
                    return

    def _scrape(self, component: str, read: Read) -> None:
        at = self._now()
        try:
            state = dict(read())
        except TargetError as error:
            state = {"error": str(error)}
        self._store.append({"at": at, "component": component, "state": state})
