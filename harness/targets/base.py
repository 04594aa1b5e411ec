"""What a target is, whatever it can do besides (:mod:`idchaos.targets.capabilities`)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from idchaos.graph import Graph
from idchaos.targets.capabilities import (
    ControlsProcesses,
    EndpointError,
    FlushesCaches,
    InjectsErrors,
    KeyInfo,
    Kind,
    OutlivesRun,
    ProbeResult,
    ProbesUpstream,
    ProcessState,
    ReportsState,
    RotatesKeys,
    RotatesSecrets,
    SignsUnpublished,
    SkewsClock,
)
from idchaos.targets.endpoints import Endpoints

if TYPE_CHECKING:
    from idchaos.undo.toxiproxy import Links

__all__ = [
    "ControlsProcesses",
    "EndpointError",
    "FlushesCaches",
    "InjectsErrors",
    "KeyInfo",
    "OutlivesRun",
    "ProbeResult",
    "ProbesUpstream",
    "ProcessState",
    "ReportsState",
    "RotatesKeys",
    "RotatesSecrets",
    "SignsUnpublished",
    "SkewsClock",
    "Target",
]


class Target(Protocol):
    """A system under test: it starts, says where its parts are, and stops without leaving anything."""

    name: str
    graph: Graph
    """Its components, links and routes; known before the start."""
    sent: Counter[str]
    """API and IdP requests that the harness itself made beside the load, as proofs: ``gateway-1``, ``idp/token`` ..."""
    unanswered: Counter[str]
    """Those that got no answer, and so may or may not have arrived."""

    def capability(self, kind: type[Kind]) -> Kind | None:
        """Who does what a protocol says, at this very target; ``None``: nobody. Known before the start."""

    @property
    def endpoints(self) -> Endpoints:
        """Where everything is. What there is, is known before the start; addresses hold from the start on."""

    @property
    def links(self) -> Links:
        """The Toxiproxy links; valid once started."""

    def start(self, logs: Path) -> None:
        """Start every part (or attach) and wait until all are healthy; component logs go to the directory ``logs``.

        Raises:
            TargetError: names the part that did not start, and why.
        """

    def stop(self) -> list[str]:
        """Stop whatever was started; returns what could not be stopped (empty when clean)."""

    def died(self) -> str | None:
        """One line about a part that ended by itself since the last call, or ``None``."""
