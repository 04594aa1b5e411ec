"""Clean-up must not be cut short by an impatient second Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def signals_ignored() -> Iterator[None]:
    """SIGINT and SIGTERM do nothing meanwhile."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        previous = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    except ValueError:  # not in the main thread, where no handler can be changed and none runs
        yield
        return
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
