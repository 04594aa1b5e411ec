"""One run at a time at a system that stays: whoever is there holds a lock, and whoever was killed there left a ledger.

A second one would take for the way things were what the first has changed, and put that back when it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from idchaos.errors import StoreError, TargetError
from idchaos.hosts import is_loopback
from idchaos.undo.ledger import SUFFIX, Owner, ToxicsOff, UpstreamBack, read, state_dir

LOCK = ".lock"
HERE = "localhost"
"""Every name of this machine is one."""


class Claim:
    """On one system. A process that ends, however it does, holds none any more."""

    def __init__(self, server: str, proxies: Iterable[str] = ()) -> None:
        """``server``: ``host:port`` by which the system is known, of its Toxiproxy where it has one; ``proxies``: those
        there that may be changed.
        """
        self._server, self._proxies = server, frozenset(proxies)
        self._lock: int | None = None

    def take(self) -> None:
        """Be the only one there until ``release``; once taken it may be taken again.

        Raises:
            TargetError: somebody else is there, or what a run changed there was not put back; says what to do.
            StoreError: the lock cannot be written.
        """
        if self._lock is not None:
            return
        name = hashlib.sha256(_one_name(self._server).encode()).hexdigest()[:16]
        self._lock = self._locked(state_dir() / f"{name}{LOCK}")
        try:
            self._check_ledgers()
        except TargetError:
            self.release()
            raise

    def release(self) -> None:
        """Let others there. Without a claim, nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _locked(self, path: Path) -> int:
        """The open file, which is the lock. It is never removed: whoever waits for it has it open."""
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.truncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode()
            os.close(lock)
            raise TargetError(
                f"{self._server}: another run or doctor is at this system (process {holder or 'unknown'}): one at a"
                " time, so wait for its end"
            ) from None
        except OSError as error:
            os.close(lock)
            raise StoreError(f"{path}: cannot be locked: {error.strerror}") from None
        return lock

    def _check_ledgers(self) -> None:
        """Refuse to begin while a ledger promises something about one of the proxies: none of them is as it was."""
        this = Owner.this_process()
        for path in sorted(state_dir().glob(f"*{SUFFIX}")):
            contents = read(path)
            of_proxies = (each for each in contents.pending.values() if isinstance(each, UpstreamBack | ToxicsOff))
            left = {each.proxy for each in of_proxies if _one_name(each.api) == _one_name(self._server)} & self._proxies
            if not left:
                continue
            owner = contents.owner
            what = f"{self._server}: run {path.stem} has not put back {', '.join(sorted(left))}"
            if owner is not None and owner != this and owner.alive():
                raise TargetError(f"{what}, and is still there (process {owner.pid}): wait for its end")
            raise TargetError(f"{what}: say idchaos recover, then begin again")


def _one_name(server: str) -> str:
    host, _, port = server.rpartition(":")
    host = host.strip("[]").lower()
    return f"{HERE if is_loopback(host) else host}:{port}"
