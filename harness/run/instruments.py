"""What a run works with: who makes the load, who reads the target, who watches the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from idchaos.load.engine.job import LoadJob, Withdrawn
from idchaos.record.rundir import RunDirectory
from idchaos.run.host_watch import HostWatch
from idchaos.run.leaks import Secret
from idchaos.run.load_process import Generator
from idchaos.run.telemetry import Scraper
from idchaos.targets.base import Target


class LoadGenerator(Protocol):
    """``launch`` → ``wait_ready`` → ``begin`` → progress → ``finish``; errors are ``LoadError``."""

    @property
    def progress(self) -> Sequence[Mapping[str, Any]]:
        """Every report so far, oldest first."""

    @property
    def secrets(self) -> Sequence[Secret]:
        """What it was handed by the IdP, once it has ended."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """Its last words about all of the load; empty when it never came to them."""

    def launch(self, job: LoadJob) -> None:
        """Hand it its job."""

    def wait_ready(self) -> Mapping[str, Any]:
        """Return when it has logged in and holds its plan."""

    def begin(self, start: float, withdrawn: tuple[Withdrawn, ...] = ()) -> None:
        """Set the load's first moment, in Unix time; ``withdrawn``: keys that are gone since the preparation."""

    def withdrawn(self, key: Withdrawn) -> None:
        """Say that a key was withdrawn while the load runs."""

    def check(self) -> None:
        """Say so when it has failed."""

    def finish(self, within_s: float) -> Mapping[str, Any]:
        """Wait for its own end; returns its summary."""

    def stop(self) -> None:
        """End it, whatever it does. May be called at any time, and again."""


class ReadsTarget(Protocol):
    """Writes down what the target's parts tell, until it is stopped."""

    def start(self, target: Target) -> None:
        """Begin."""

    def stop(self) -> None:
        """End; returns when nothing more will be written."""


class WatchesHost(Protocol):
    """Writes down how the machine is, until it is stopped."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End; returns when nothing more will be written."""


@dataclass(frozen=True)
class Instruments:
    """Of one run."""

    generator: LoadGenerator
    scraper: ReadsTarget
    host: WatchesHost

    @classmethod
    def of(cls, run_id: str, directory: RunDirectory) -> Instruments:
        """A load generator in a process of its own, and threads that write into the run's directory."""
        generator = Generator(run_id, directory.logs / "load.log")
        return cls(generator, Scraper(directory.telemetry), HostWatch(directory, lambda: generator.pid))
