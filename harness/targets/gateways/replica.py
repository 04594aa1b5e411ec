"""One replica of a real gateway: its processes, which start and end together."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from idchaos.errors import TargetError
from idchaos.targets.base import ProcessState
from idchaos.targets.gateways.base import Address, Program
from idchaos.targets.gateways.contained import Contained
from idchaos.targets.standin.processes import READY_WITHIN_S, Process

TELLING = ("address already in use", "error", "critical", "fatal", "emerg", "panic", "cannot", "invalid")
"""Words of the line that says why something did not start, the surest first."""
LOOKS_EVERY_S = 0.05


class Replica:
    """Implements :class:`idchaos.targets.standin.processes.Runs`."""

    def __init__(self, name: str, listen: Address, folder: Path, programs: Sequence[Program], run_id: str) -> None:
        self.name = name
        self._listen = listen
        self._folder, self._programs = folder, programs
        self._processes = [
            _started(program, name, folder, f"{name}{f'-{number}' if number else ''}", run_id)
            for number, program in enumerate(programs)
        ]

    def spawn(self) -> None:
        """Write its files, and start all of its processes.

        Raises:
            TargetError: a program is not there, or may not be run.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for program, process in zip(self._programs, self._processes, strict=True):
            for name, text in program.files.items():
                (self._folder / name).write_text(text, encoding="utf-8")
            try:
                process.spawn()
            except OSError as error:
                raise TargetError(f"{self.name} did not start: {program.command[0]}: {error.strerror}") from None

    def wait_ready(self) -> None:
        """Return when it accepts connections.

        Raises:
            TargetError: it ended, or does not listen in time.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while not listens(self._listen):
            if self.ended() is not None:
                raise TargetError(f"{self.name} did not start: {self.last_words() or f'exit code {self.ended()}'}")
            if time.monotonic() > deadline:
                words = f", its last words: {self.last_words()}" if self.last_words() else ""
                raise TargetError(
                    f"{self.name} did not start: nothing listens on {self._listen} after {READY_WITHIN_S:.0f} s{words}"
                )
            time.sleep(LOOKS_EVERY_S)

    def last_words(self) -> str:
        """The line of its logs that says most of why it ended."""
        return telling([line for process in self._processes for line in process.log()])

    def ended(self) -> int | None:
        """How the first of its processes ended that did."""
        return next((code for process in self._processes if (code := process.ended()) is not None), None)

    def state(self) -> ProcessState:
        """Dead when any of its processes is, paused when any is."""
        states = [process.state() for process in self._processes]
        worst = min(states, key=lambda state: ("dead", "paused", "running").index(state.status))
        used = [process.cpu_s() for process in self._processes]
        return worst.model_copy(
            update={
                "incarnation": " ".join(state.incarnation for state in states),
                "cpu_s": sum(filter(None, used)) if None not in used else None,
            }
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of them."""
        for process in self._processes:
            process.signal(number)

    def pause(self) -> None:
        """Freeze all of them."""
        for process in self._processes:
            process.pause()

    def stop(self) -> None:
        """End all of them, those that don't listen to SIGTERM at once."""
        for process in self._processes:
            process.stop()

    @property
    def problems(self) -> list[str]:
        """What of them could not be ended or kept, a line each."""
        return [each.problem for each in self._processes if isinstance(each, Contained) and each.problem]

    def kill(self) -> None:
        """End all of them at once."""
        for process in self._processes:
            process.kill()


def _started(program: Program, name: str, folder: Path, log: str, run_id: str) -> Process | Contained:
    log_path = folder.parent / f"{log}.log"
    if program.image:
        return Contained(name, program.image, program.command, program.environment, run_id, log_path, folder)
    return Process(name, program.command, program.environment, run_id, log_path, prints_ready=False)


def listens(address: Address) -> bool:
    """Whether anybody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((address.host, address.port)) == 0


def telling(lines: Sequence[str]) -> str:
    """Of a log's last lines, the one that says why; the last one where none does."""
    last = [line.strip()[:300] for line in lines[-50:] if line.strip()]
    for word in TELLING:
        found = [line for line in last if word in line.lower()]
        if found:
            return found[-1]
    return last[-1] if last else ""
