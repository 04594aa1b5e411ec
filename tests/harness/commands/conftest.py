"""The command as a user types it, in folders of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
import psutil
import pytest

from idchaos.undo.ledger import RUN_ID_VARIABLE, RUN_LABEL, STATE_VARIABLE

SHORT = {
    "phases.warmup_s": 2,
    "phases.baseline_s": 3,
    "phases.recovery_s": 3,
    "fault.duration_s": 5,
    "gateway.jwks_cache_s": 1,
    "gateway.revocation_cache_s": 0.5,
    "gateway.introspection_cache_s": 0.5,
    "load.rate": 100,
    "load.canaries_per_kind": 1.5,
    "slo.success": 0.97,
    # These tests share their machine with others: what they show does not depend on a quiet one.
    "slo.late_p99_s": 1.0,
    "slo.latency_p95_s": 2.0,
    "slo.latency_p50_s": 1.0,
    "slo.token_latency_p50_s": 1.0,
}

ON_DOCKER = {"load.rate": 60, "load.canaries_per_kind": 0.7}
"""An engine and its proxies take what two cores have to spare: a baseline at more than this is none."""


@dataclass
class Idchaos:
    """The command with a reports folder and a state folder of its own."""

    folder: Path
    target: str = "local"
    children: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, STATE_VARIABLE: str(self.folder / "state")}

    def words(self, *words: str, short: bool = True, **settings: object) -> list[str]:
        brief = {**SHORT, **(ON_DOCKER if self.target == "docker" else {})} if short else {}
        known = {**brief, **{name.replace("__", "."): value for name, value in settings.items()}}
        if words[:2] == ("run", "key_rotation"):
            known.pop("fault.duration_s", None)
        assignments = [word for name, value in known.items() for word in ("--set", f"{name}={value}")]
        place = ["--reports", str(self.folder / "reports"), "--target", self.target] if words[0] == "run" else []
        place = place[:2] if "--target" in words else place
        # What a busy machine leaves undecided is run again; a FAIL never is.
        place += ["--retry-inconclusive", "2"] if words[0] == "run" and "--retry-inconclusive" not in words else []
        return [
            sys.executable,
            "-P",
            "-m",
            "idchaos",
            *words,
            *place,
            *(assignments if words[0] in ("run", "up") else []),
        ]

    def __call__(self, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words, **settings),  # type: ignore[arg-type]
            capture_output=True, text=True, timeout=180, env=self.environment, check=False,
        )  # fmt: skip

    def start(self, *words: str, **settings: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            self.words(*words, **settings),  # type: ignore[arg-type]
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
        )  # fmt: skip
        self.children.append(child)
        return child

    def end(self) -> None:
        """A test that failed half-way must not leave its command running."""
        for child in self.children:
            if child.poll() is None:
                child.terminate()
            child.communicate(timeout=30)

    def run_dir(self, scenario: str) -> Path:
        return (self.folder / "reports" / scenario / "latest").resolve()

    def left(self) -> list[str]:
        """Every process that was started below this command, still there; and every promise not kept."""
        found = [path.name for path in (self.folder / "state").glob("*.ledger")]
        for process in psutil.process_iter(["cmdline"]):
            try:
                environment = process.environ()
            except psutil.Error:
                continue
            ours = environment.get(STATE_VARIABLE) == str(self.folder / "state")
            if ours and RUN_ID_VARIABLE in environment and process.is_running():
                found.append(" ".join(process.info["cmdline"] or [str(process.pid)])[:120])
        return found


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Whoever runs the tests in the background has SIGINT ignored, and so would the command."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def idchaos(tmp_path: Path) -> Iterator[Idchaos]:
    """The command at local processes."""
    command = Idchaos(tmp_path)
    yield command
    command.end()
    assert command.left() == []


@pytest.fixture(params=["local", pytest.param("docker", marks=pytest.mark.docker)])
def anywhere(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Idchaos]:
    """The command at each target in turn: a verdict does not depend on where the parts run."""
    command = Idchaos(tmp_path, target=request.param)
    yield command
    command.end()
    assert command.left() == []
    if request.param == "docker":
        assert containers_and_networks() == []


def containers_and_networks() -> list[str]:
    """What is left of any run in the engine."""
    engine = docker.from_env()
    try:
        label = {"label": RUN_LABEL}
        return [
            each.name
            for each in (*engine.containers.list(all=True, filters=label), *engine.networks.list(filters=label))
        ]
    finally:
        engine.close()
