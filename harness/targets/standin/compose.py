"""The stand-in system in containers, with the real Toxiproxy: ``docker-compose.yml``.

Compose builds the image, and makes networks and containers; everything after that goes through the engine's API, so
that parts can be killed, paused and watched one by one, and all of them be removed at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

import docker
import requests
from docker.errors import APIError, DockerException
from docker.models.containers import Container

from idchaos.errors import EngineMissing, FaultError, TargetError
from idchaos.settings import CommonSettings
from idchaos.targets.base import ProcessState
from idchaos.targets.capabilities import Kind
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.standin.compose_layout import TOXIPROXY, compose_environment, docker_layout, project_name
from idchaos.targets.standin.control import ControlClient, granted
from idchaos.targets.standin.guests import Guests
from idchaos.targets.standin.observing import OBSERVER, observer_settings
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.processes import READY_WITHIN_S
from idchaos.targets.standin.topology import endpoints, settings_documents
from idchaos.topologies import TOPOLOGIES
from idchaos.undo.ledger import RUN_LABEL
from idchaos.undo.toxiproxy import Links
from idchaos.undo.undo import remove_containers

COMPOSE_FILE = Path(__file__).resolve().parents[3] / "docker-compose.yml"
ENGINE_TIMEOUT_S = 30.0
BUILD_WITHIN_S = 900.0
START_WITHIN_S = 300.0
STOP_PATIENCE_S = 2
INSTEAD = "or use --target local"


def compose_command() -> list[str]:
    """Compose 2 where it is installed, else 1.29.

    Raises:
        EngineMissing: when there is neither.
    """
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            answer = subprocess.run([*command, "version"], capture_output=True, check=False, timeout=ENGINE_TIMEOUT_S)
            if answer.returncode == 0:
                return command
    raise EngineMissing(
        f"docker: Compose is missing: install the plugin `docker compose` or docker-compose 1.29, {INSTEAD}"
    )


def connect() -> docker.DockerClient:
    """A client of the engine.

    Raises:
        EngineMissing: when none answers.
    """
    try:
        return docker.from_env(timeout=int(ENGINE_TIMEOUT_S))
    except (DockerException, requests.RequestException) as error:
        where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        denied = "permission denied" in str(error).lower()
        what = "this user may not use the engine" if denied else "no engine answers"
        raise EngineMissing(f"docker: {what} at {where}: start dockerd, set DOCKER_HOST, {INSTEAD}") from error


class ComposeTarget:
    """Implements ``Target`` and ``ControlsProcesses``; all else that it can do, its control client does."""

    name = "docker"

    def __init__(
        self,
        settings: CommonSettings,
        run_id: str,
        defects: Mapping[str, tuple[str, ...]] | None = None,
        guests: Guests | None = None,
    ) -> None:
        self.graph = TOPOLOGIES[settings.topology].graph
        self.credentials = Credentials.generate(guests)
        self.layout = docker_layout(self.graph)
        self.control = ControlClient(self.layout.control, self.credentials.control_secret, self.graph)
        self.sent, self.unanswered = self.control.sent, self.control.unanswered
        self._granted = granted(self.control, self)
        self._settings = settings
        self._defects = defects or {}
        self._run_id = run_id
        self._project = project_name(run_id)
        self._down: set[str] = set()
        self._links: Links | None = None
        self._engine: docker.DockerClient | None = None
        self._command: list[str] = []
        self._environment: dict[str, str] = {}
        self._logs = Path()

    def capability(self, kind: type[Kind]) -> Kind | None:
        """Whoever was granted it."""
        return self._granted.capability(kind)

    @property
    def endpoints(self) -> Endpoints:
        """Where everything is."""
        return endpoints(self.layout, self.credentials, self.graph)

    @property
    def links(self) -> Links:
        """The Toxiproxy links."""
        if self._links is None:
            raise TargetError("the target is not started")
        return self._links

    def start(self, logs: Path) -> None:
        """Build the image, start Toxiproxy and the IdP, create the proxies, then start all others."""
        if not COMPOSE_FILE.is_file():
            raise TargetError(f"docker: {COMPOSE_FILE} is missing: run from a checkout of idchaos, {INSTEAD}")
        documents = settings_documents(self.layout, self._settings, self.credentials, self._defects)
        documents[OBSERVER] = observer_settings(self.layout, self.graph)
        self._logs = logs
        self._environment = compose_environment(
            self.graph, self.layout, self._run_id, self.credentials.control_secret, documents
        )
        self._command = compose_command()
        self._engine = connect()
        self._compose("build", self.graph.idp, within_s=BUILD_WITHIN_S)
        # Compose starts them, not we: 1.29 joins a container to its second and later networks when it starts it.
        self._compose("up", "-d", "--no-build", TOXIPROXY, OBSERVER, *self.graph.idps, within_s=START_WITHIN_S)
        self._links = self._connect_toxiproxy()
        for link in self.graph.links:
            self._links.create(link.name, listen=self.layout.listen[link.name], upstream=self.layout.upstream(link))
        # Validators start once their links exist: their first key fetch must not fail by our own making.
        around = f"http://{self.layout.data[self.graph.idp]}"
        self._open_a_way_around([name for name, document in documents.items() if document.get("idp_url") == around])
        others = [name for name in self.graph.parts if name not in self.graph.idps]
        self._compose("up", "-d", "--no-build", *others, within_s=START_WITHIN_S)
        for name in documents:
            self._wait_healthy(name)

    def stop(self) -> list[str]:
        """Stop and remove everything, once the logs are saved; returns what is left."""
        self.control.close()
        if self._engine is None:
            return []
        # Each step is tried whatever became of the one before; removal by label finds all that there is.
        with contextlib.suppress(TargetError):
            self._unpause()
        with contextlib.suppress(TargetError):
            self._stop_all()
        with contextlib.suppress(TargetError, OSError):
            self._save_logs()
        self._engine.close()
        self._engine = None
        return remove_containers(self._run_id)

    def died(self) -> str | None:
        """The first component that ended without being told to."""
        found = self._found()
        for name in (TOXIPROXY, OBSERVER, *self.graph.parts):
            alive = name in found and found[name]["State"] in ("running", "paused", "restarting")
            if not alive and name not in self._down:
                self._down.add(name)
                status = found[name]["Status"] if name in found else "its container is gone"
                return f"{name} ended by itself ({status}): {self._last_words(name) or 'no last words'}"
        return None

    def process(self, component: str) -> ProcessState:
        """How its container is, as the engine says."""
        with _engine_errors(f"look at {component}"):
            state = self._container(component).attrs["State"]
        status = state["Status"] if state["Status"] in ("running", "paused") else "dead"
        return ProcessState(status=status, incarnation=str(state["StartedAt"]))

    def disturb(self, component: str, how: Literal["kill", "pause"]) -> None:
        """SIGKILL, or the freezer."""
        self._down.add(component)
        try:
            with _engine_errors(f"{how} {component}"):
                container = self._container(component)
                if how == "kill":
                    container.kill()
                else:
                    container.pause()
        except TargetError as error:
            raise FaultError(str(error)) from error

    def restore(self, component: str, how: Literal["kill", "pause"]) -> None:
        """Start it again at the same addresses, or unfreeze it; returns when it is healthy."""
        with _engine_errors(f"restore {component}"):
            container = self._container(component)
            if how == "kill":
                container.start()
            elif container.status == "paused":
                container.unpause()
        self._wait_healthy(component)
        self._down.discard(component)

    def _compose(self, *arguments: str, within_s: float) -> None:
        what = f"{' '.join(self._command)} {arguments[0]}"
        command = [*self._command, "-f", str(COMPOSE_FILE), "-p", self._project, *arguments]
        with (self._logs / "compose.log").open("ab") as log:
            begin = log.tell()
            try:
                code = _run(command, {**os.environ, **self._environment}, log, within_s)
            except subprocess.TimeoutExpired:
                raise TargetError(f"{what}: not done within {within_s:.0f} s; see {log.name}") from None
            if code != 0:
                raise TargetError(f"{what}: {_why(Path(log.name).read_bytes()[begin:], code)}; see {log.name}")

    def _client(self) -> docker.DockerClient:
        if self._engine is None:
            raise TargetError("the target is not started")
        return self._engine

    def _found(self) -> dict[str, dict[str, Any]]:
        """The engine's record of every container of the run, by component; one request."""
        with _engine_errors("list containers"):
            records = self._client().api.containers(all=True, filters={"label": f"{RUN_LABEL}={self._run_id}"})
        return {record["Labels"]["com.docker.compose.service"]: record for record in records}

    def _container(self, component: str) -> Container:
        found = self._found()
        if component not in found:
            raise TargetError(f"{component}: its container is gone")
        return self._client().containers.get(found[component]["Id"])

    def _wait_healthy(self, component: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                self.control.wait_healthy(component, min(deadline, time.monotonic() + 0.5))
            except TargetError as error:
                record = self._found().get(component)
                if record is None or record["State"] != "running":
                    raise TargetError(f"{component} did not start: {self._last_words(component)}") from error
                if time.monotonic() >= deadline:
                    raise
            else:
                return

    def _connect_toxiproxy(self) -> Links:
        links = Links(self.layout.toxiproxy_api)
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                links.version()
            except FaultError as error:
                if self._found()[TOXIPROXY]["State"] != "running" or time.monotonic() > deadline:
                    raise TargetError(f"toxiproxy did not start: {self._last_words(TOXIPROXY)}") from error
                time.sleep(0.05)
            else:
                return links

    def _open_a_way_around(self, components: Sequence[str]) -> None:
        """Put components on the IdP's network: the one thing that the compose file rules out."""
        if not components:
            return
        self._compose("up", "--no-start", "--no-build", *components, within_s=START_WITHIN_S)
        with _engine_errors("open a way around Toxiproxy"):
            network = self._client().networks.get(f"{self._project}_{self.graph.idp}")
            for name in components:
                network.connect(self._container(name))

    def _stop_all(self) -> None:
        """At once, and all at a time: Compose would take a second to begin, and another to end."""
        api = self._client().api
        ids = [record["Id"] for record in self._found().values()]
        with _engine_errors("stop containers"), ThreadPoolExecutor(len(self.graph.parts) + 2) as pool:
            list(pool.map(partial(api.stop, timeout=STOP_PATIENCE_S), ids))

    def _unpause(self) -> None:
        for component, record in self._found().items():
            if record["State"] == "paused":
                with _engine_errors(f"unpause {component}"):
                    self._container(component).unpause()

    def _save_logs(self) -> None:
        """Each whole or not at all: a part of a log would pass for all of it."""
        for component in self._found():
            partial = self._logs / f"{component}.partial"
            with contextlib.suppress(TargetError, OSError):
                with _engine_errors(f"read the log of {component}"), partial.open("wb") as file:
                    for chunk in self._container(component).logs(stream=True, follow=False, timestamps=True):
                        file.write(chunk)
                partial.replace(self._logs / f"{component}.log")

    def _last_words(self, component: str) -> str:
        with contextlib.suppress(TargetError), _engine_errors(f"read the log of {component}"):
            lines = self._container(component).logs(tail=1).decode(errors="replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""


def _run(command: Sequence[str], environment: Mapping[str, str], log: IO[bytes], within_s: float) -> int:
    """Its exit code. In a session of its own: Ctrl-C must not cut a removal short, and all of it can be ended."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    try:
        return process.wait(within_s)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


@contextlib.contextmanager
def _engine_errors(what: str) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        raise TargetError(f"docker: could not {what}: {error.explanation or error}") from error
    except (DockerException, requests.RequestException) as error:
        raise TargetError(f"docker: could not {what}: {str(error)[:200]}") from error


def _why(output: bytes, code: int) -> str:
    """The end of what Compose said. Its very last line often names only the service."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    said = "; ".join(lines[-2:])[:400] or f"exit code {code}"
    if any(word in said for word in ("no such host", "registry", "pull", "manifest")):
        said += '; where no image registry can be reached: eval "$(.ci/base-images)"'
    return said
