"""The clock that a run goes by."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Unix time that runs with the monotonic clock, so that a step of the system's clock moves no schedule."""

    monotonic: Callable[[], float] = time.monotonic
    offset: float = field(default_factory=lambda: time.time() - time.monotonic())

    def now(self) -> float:
        """Unix time in seconds."""
        return self.monotonic() + self.offset
