"""Replicas of a gateway that is somebody else's: ended and started by a hook, and looked at from outside."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlsplit

from idchaos.errors import FaultError
from idchaos.targets.base import ProcessState
from idchaos.targets.systems.acts import Hook
from idchaos.targets.systems.hooks import Around, call_of, perform
from idchaos.undo.ledger import Undo

ENDED_WITHIN_S = 10.0
STARTED_WITHIN_S = 20.0
"""So soon after its hook nobody, or somebody, must listen where the replica is."""
LOOKS_EVERY_S = 0.05
CONNECTS_WITHIN_S = 1.0
CLOSED_WITHIN_S, ROUND_TRIPS = 0.05, 3
"""Toxiproxy takes a connection, and closes it so soon where nobody listens behind it."""


class Replicas:
    """Implements ``ControlsProcesses`` where the file has the hook ``stop``. A replica runs while somebody listens
    where it is: that nobody did meanwhile is the proof that it is another one by now.
    """

    def __init__(
        self,
        stop: Hook | None,
        around: Around,
        urls: Mapping[str, str],
        listens: Callable[[str], bool],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``urls``: of each replica. ``listens``: whether somebody does at a URL."""
        self._stop, self._around, self._urls, self._listens, self._sleep = stop, around, urls, listens, sleep
        self._ended: Counter[str] = Counter()

    def process(self, component: str) -> ProcessState:
        """Whether somebody listens where it is, and how often it was ended."""
        there = self._listens(self._urls[component])
        return ProcessState(status="running" if there else "dead", incarnation=str(self._ended[component]))

    def disturb(self, component: str, how: Literal["kill", "pause"]) -> None:
        """End it by the hook; returns when nobody listens there.

        Raises:
            FaultError: there is no such hook, it failed, or somebody still listens.
        """
        perform("stop", self._hook(component, how), self._places(component), self._around)
        if not self._eventually(component, listens=False, within_s=ENDED_WITHIN_S):
            where = self._urls[component]
            raise FaultError(f"hooks.stop: {component} still listens at {where} after {ENDED_WITHIN_S:.0f} s")
        self._ended[component] += 1

    def restore(self, component: str, how: Literal["kill", "pause"]) -> None:
        """Start it by the hook's undo, unless it runs; returns when somebody listens there.

        Raises:
            FaultError: the undo failed, or nobody listens.
        """
        if how == "pause" or self._listens(self._urls[component]):
            return
        perform("stop.undo", self._hook(component, how).undo, self._places(component), self._around)
        if not self._eventually(component, listens=True, within_s=STARTED_WITHIN_S):
            where = self._urls[component]
            raise FaultError(f"hooks.stop.undo: {component} does not listen at {where} after {STARTED_WITHIN_S:.0f} s")

    def undo(self, component: str, after: Literal["kill", "pause"]) -> Undo:
        """How whoever reads the ledger starts it.

        Raises:
            FaultError: there is no such hook.
        """
        return call_of(self._hook(component, after).undo, self._places(component), self._around)

    def _hook(self, component: str, how: Literal["kill", "pause"]) -> Hook:
        if self._stop is None or how != "kill":
            raise FaultError(f"the file says no way to {how} {component}")
        return self._stop

    def _places(self, component: str) -> dict[str, str]:
        return {"replica": component, "number": component.rpartition("-")[2]}

    def _eventually(self, component: str, *, listens: bool, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while self._listens(self._urls[component]) is not listens:
            if time.monotonic() > deadline:
                return False
            self._sleep(LOOKS_EVERY_S)
        return True


def address_of(url: str) -> tuple[str, int]:
    """Host and port that a URL leads to."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def accepts(address: tuple[str, int]) -> bool:
    """Whether somebody takes connections at an address. Nothing is sent."""
    try:
        socket.create_connection(address, CONNECTS_WITHIN_S).close()
    except OSError:
        return False
    return True


def listens(url: str) -> bool:
    """Whether somebody listens at a URL. One whose connections are closed at once is a proxy in the place of nobody."""
    began = time.monotonic()
    try:
        with socket.create_connection(address_of(url), CONNECTS_WITHIN_S) as connection:
            connection.settimeout(CLOSED_WITHIN_S + ROUND_TRIPS * (time.monotonic() - began))
            try:
                return connection.recv(1) != b""
            except TimeoutError:
                return True
    except OSError:
        return False
