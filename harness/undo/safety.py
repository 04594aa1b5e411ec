"""What makes a run crash-only: guardian, ledger and lease, in the one order in which nothing falls between them.

::

    guardian started ─► ledger made ─► own undos promised ─► anything started
                        fault's undos promised ─► leased ─► applied ─► healed, checked ─► kept ─► released

Kill the runner between any two of these and the guardian has what it needs, or there is nothing to undo yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from idchaos.undo.guardian import UNLIMITED, Guardian, Lease
from idchaos.undo.ledger import Ledger, Undo, ledger_path
from idchaos.undo.undo import carry_out, left_of


class Safety:
    """Of one run. ``undos``: what ends everything that the run starts; promised before this returns.

    Raises:
        StoreError: the ledger cannot be written.
    """

    def __init__(self, run_id: str, undos: Iterable[Undo] = (), *, lease: Lease = UNLIMITED) -> None:
        self._pending: dict[int, Undo] = {}
        self._guardian = Guardian(ledger_path(run_id), lease=lease)
        try:
            self._ledger = Ledger(run_id)
            for undo in undos:
                self._ledger.write(undo)
        except BaseException:
            self._guardian.dismiss()
            raise

    def promise(self, undos: Iterable[Undo]) -> tuple[int, ...]:
        """Promise what must be undone beyond the run's own end; returns numbers for ``keep``."""
        numbers = []
        for undo in undos:
            number = self._ledger.write(undo)
            self._pending[number] = undo
            numbers.append(number)
        return tuple(numbers)

    def keep(self, numbers: Iterable[int]) -> None:
        """These are undone, and that was checked."""
        for number in numbers:
            self._ledger.done(number)
            self._pending.pop(number, None)

    @contextlib.contextmanager
    def promised(self, undos: Iterable[Undo]) -> Iterator[None]:
        """A short act that undoes itself. What has to be promised is leased as a fault is."""
        numbers = self.promise(undos)
        if numbers:
            self.lease()
        yield
        self.keep(numbers)
        if numbers:
            self.release()

    def lease(self) -> None:
        """A fault is, or will be, in force: see :meth:`Guardian.lease`."""
        self._guardian.lease()

    def release(self) -> None:
        """No fault is in force."""
        self._guardian.release()

    @property
    def acted(self) -> bool:
        """Whether the guardian took the runner for gone: all is healed and stopped already."""
        return self._guardian.has_healed

    def settle(self) -> list[str]:
        """Undo every promise not kept; returns what is left."""
        return left_of(carry_out(undo) for undo in reversed(self._pending.values()))

    def end(self, *, clean: bool) -> None:
        """The run is over. What is not clean stays in the ledger, for the guardian and ``idchaos recover``."""
        try:
            self._ledger.close(clean=clean)
        finally:
            self._guardian.dismiss()
