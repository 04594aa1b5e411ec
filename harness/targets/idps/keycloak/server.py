"""One run's Keycloak server, as a component that starts and ends with the run."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from idchaos.errors import TargetError
from idchaos.targets.base import ProcessState
from idchaos.targets.gateways.replica import telling
from idchaos.targets.standin.processes import Process

READY_WITHIN_S: Final = 150.0
"""Its first start configures it, and takes half a minute on an idle machine with two cores."""
LOOKS_EVERY_S: Final = 0.25
_TAKEN: Final = ("address already in use", "port(s) already bound", "port already bound")


class Server:
    """Implements :class:`idchaos.targets.standin.processes.Runs`."""

    def __init__(
        self,
        process: Process,
        home: Callable[[], Path],
        folder: Path,
        serves: Callable[[], bool],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``home``: makes the folder that it runs in, before its first start."""
        self._process, self._home, self._folder, self._serves, self._sleep = process, home, folder, serves, sleep

    def spawn(self) -> None:
        """Start it; returns at once."""
        if not self._folder.exists():
            self._home()
        self._process.spawn()

    def wait_ready(self) -> None:
        """Return when it serves.

        Raises:
            TargetError: it ended, or does not serve in time; with the line that says why.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._serves():
            if (code := self.ended()) is not None:
                raise TargetError(f"idp did not start: {self.last_words() or f'exit code {code}'}")
            if time.monotonic() > deadline:
                words = f"; its last words: {self.last_words()}" if self.last_words() else ""
                raise TargetError(f"idp did not start: it serves nothing after {READY_WITHIN_S:.0f} s{words}")
            self._sleep(LOOKS_EVERY_S)

    def last_words(self) -> str:
        """The line of its log that says most of why it ended."""
        lines = [line for line in self._process.log() if "For more details run the same command" not in line]
        taken = [line for line in lines if any(words in line.lower() for words in _TAKEN)]
        return f"address already in use: {taken[-1].strip()[:200]}" if taken else telling(lines)

    def ended(self) -> int | None:
        """How it ended, or ``None`` while it lives."""
        return self._process.ended()

    def state(self) -> ProcessState:
        """How it is, as the system says."""
        return self._process.state().model_copy(update={"cpu_s": self._process.cpu_s()})

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.signal(number)

    def pause(self) -> None:
        """Freeze it."""
        self._process.pause()

    def stop(self) -> None:
        """End it, and remove its folder."""
        self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
