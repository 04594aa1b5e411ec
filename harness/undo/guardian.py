"""The process that heals and stops everything when the runner is gone, however it went.

It reads its standard input, a pipe whose other end only the runner holds. A runner that is gone closes it. A runner
that lives but is stuck is noticed by its lease: while a fault is in force it must be heard again and again. In both
cases the guardian carries out what the ledger promises, and ends. A runner that ended cleanly has deleted its ledger.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idchaos.errors import FaultError, UndecidableError
from idchaos.undo.ledger import RUN_ID_VARIABLE
from idchaos.undo.undo import carry_out_all, left_of

LEASE_S = 120.0
"""Longer than any single act of the runner during a fault."""
ACTS_S = 30.0
"""An act of the runner itself takes no longer: a probe of 15 s at most, and calls to Toxiproxy before and after it."""
RENEW_EVERY_S = 1.0
PATIENCE_S = 15.0


@dataclass(frozen=True)
class Lease:
    """How long a runner may be silent while a fault is in force."""

    longest_s: float = LEASE_S
    held_s: float = math.inf
    """So long may a fault be in force, where that is limited: a runner that stands still must not prolong it."""
    acts_s: float = ACTS_S
    """So long may one act take, of which nothing is heard meanwhile."""

    def silence_s(self, since_s: float) -> float:
        """For how long from now on, when the fault began so long ago."""
        return min(self.longest_s, max(0.0, self.held_s - since_s) + self.acts_s)


UNLIMITED: Final = Lease()
"""Faults may last as long as they like."""


class Guardian:
    """The guardian as the runner sees it. Start it before the ledger is made: nothing is promised unguarded."""

    def __init__(self, ledger: Path, *, lease: Lease = UNLIMITED) -> None:
        self._lease = lease
        self._leased: float | None = None
        """When the lease began."""
        self._silence_s, self._renewed = 0.0, -math.inf
        # In a session of its own, so that Ctrl-C does not reach it; without the run's id, or it would end itself.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "idchaos.undo.guardian", str(ledger)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != RUN_ID_VARIABLE},
        )

    def lease(self) -> None:
        """From now on, be heard in time or be taken for gone. Cheap: call it as often as you like.

        Raises:
            UndecidableError: the lease ran out, and everything was healed and stopped.
            FaultError: the guardian was killed.
        """
        now = time.monotonic()
        self._leased = now if self._leased is None else self._leased
        if now - self._renewed >= min(RENEW_EVERY_S, self._silence_s / 4):
            silence_s = self._lease.silence_s(now - self._leased)
            self._tell(silence_s)
            self._silence_s, self._renewed = silence_s, time.monotonic()

    def release(self) -> None:
        """Nothing is in force any more: the runner may be silent for as long as it likes."""
        self._tell(0.0)
        self._leased, self._renewed = None, -math.inf

    @property
    def has_healed(self) -> bool:
        """Whether it took the runner for gone, and left nothing."""
        return self._process.poll() == 0

    def dismiss(self, patience_s: float = PATIENCE_S) -> None:
        """Let go of it: it acts on whatever the ledger still holds, and ends."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        # One that is still healing after that ends by itself; a ledger that is left tells `idchaos recover` the rest.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)

    def _tell(self, silence_s: float) -> None:
        assert self._process.stdin is not None
        code = self._process.poll()
        if code is None:
            with contextlib.suppress(OSError):  # it ended just now: the next call says so
                os.write(self._process.stdin.fileno(), f"{silence_s}\n".encode())
            return
        if code < 0:
            raise FaultError(f"the guardian was killed by signal {-code}; without it a fault could outlive the run")
        raise UndecidableError(
            f"the runner stood still for longer than its lease on the fault ({self._silence_s:.3g} s),"
            " so the guardian healed and stopped everything"
        )


def watch(ledger: Path) -> int:
    """Wait until the runner is gone or its lease has run out, then undo what is left; 1 when something remains."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    silence_s = 0.0
    while select.select([0], [], [], silence_s or None)[0]:
        said = os.read(0, 4096)
        if not said:
            break
        silence_s = float(said.split()[-1])
    return 1 if ledger.exists() and left_of(carry_out_all(ledger)) else 0


if __name__ == "__main__":
    sys.exit(watch(Path(sys.argv[1])))
