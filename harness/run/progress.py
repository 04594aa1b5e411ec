"""What a watcher may be shown while a run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    stage: str
    """A phase's name, or what is being done around the phases."""
    left_s: float = 0.0
    """Of the whole run, as planned."""
    load: Mapping[str, Any] = field(default_factory=dict)
    """The load generator's latest report."""
    active_faults: tuple[str, ...] = ()


class Observer(Protocol):
    """Someone who watches a run."""

    def update(self, progress: Progress) -> None:
        """Called several times a second; must return quickly."""


class Silent:
    """Watches nothing."""

    def update(self, progress: Progress) -> None:
        """Ignore it."""
