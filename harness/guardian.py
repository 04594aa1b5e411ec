"""The process that heals and stops everything when the runner is gone, however it went.

It waits for the end of its standard input, a pipe whose other end only the runner holds. A runner that ended cleanly
has deleted its ledger by then; otherwise the guardian carries out what the ledger promises.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from harness.ledger import RUN_ID_VARIABLE
from harness.undo import carry_out_all


def start(ledger: Path) -> subprocess.Popen[bytes]:
    """Start a guardian for a ledger, in a session of its own, so that Ctrl-C does not reach it."""
    environment = {name: value for name, value in os.environ.items() if name != RUN_ID_VARIABLE}
    return subprocess.Popen(
        [sys.executable, "-m", "harness.guardian", str(ledger)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=environment,
    )


def dismiss(guardian: subprocess.Popen[bytes], patience_s: float = 15.0) -> None:
    """Let go of the guardian: it acts on whatever the ledger still holds, and ends."""
    if guardian.stdin is not None:
        guardian.stdin.close()
    try:
        guardian.wait(patience_s)
    except subprocess.TimeoutExpired:
        # It is still healing; it ends by itself, and a ledger that is left tells `idchaos recover` the rest.
        return


def watch(ledger: Path) -> int:
    """Wait for the runner's end, then undo what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    return 1 if ledger.exists() and carry_out_all(ledger) else 0


if __name__ == "__main__":
    sys.exit(watch(Path(sys.argv[1])))
