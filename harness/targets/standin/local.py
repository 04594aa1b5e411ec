"""The stand-in system as plain processes on loopback. Needs nothing but what pip installed."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from idchaos.errors import FaultError, TargetError
from idchaos.graph import Graph
from idchaos.settings import CommonSettings
from idchaos.targets.base import ProcessState
from idchaos.targets.capabilities import (
    Granted,
    InjectsErrors,
    Kind,
    LimitsPromises,
    ReportsState,
    RotatesKeys,
    RotatesSecrets,
    SignsUnpublished,
)
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.idps.hosted import UNTOLD, Hosted, Seen
from idchaos.targets.standin.addresses import SHARED, free_ports, own_address, was_taken
from idchaos.targets.standin.certificates import certificates
from idchaos.targets.standin.control import ControlClient, granted
from idchaos.targets.standin.guests import Guests
from idchaos.targets.standin.observing import MODULE, OBSERVER, below, observed_links, observer_settings
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.processes import PYTHON_MODULE, READY_WITHIN_S, Process, Runs
from idchaos.targets.standin.topology import (
    Layout,
    address,
    endpoints,
    module_of,
    settings_documents,
)
from idchaos.topologies import TOPOLOGIES
from idchaos.undo.toxiproxy import Links

REAL_TOXIPROXY = "toxiproxy-server"
OF_STAND_IN_IDP = (RotatesKeys, SignsUnpublished, RotatesSecrets, InjectsErrors)
"""What nobody can do when the IdP is another one, unless its adapter does."""

FRONT = "front"
"""What ends TLS before the links of clients, where there is any."""
BESIDE = {OBSERVER: MODULE, FRONT: "idchaos.fixtures.front"}
"""What runs beside the components of the graph."""
MOST_STARTS = 3
"""So often are ports chosen, when somebody else takes one before its component does."""


def local_layout(graph: Graph, host: str = SHARED, *, tls: bool = False) -> Layout:
    """Free ports for everything on one address of loopback."""
    fronted = [link.name for link in graph.links if graph.clients[0] in link.consumers] if tls else []
    links = [link.name for link in graph.links]
    observed = [link.name for link in observed_links(graph)]
    processes = (*graph.parts, OBSERVER)
    ports = iter(free_ports(2 * len(processes) + len(links) + len(observed) + len(fronted) + 1, host))
    bind = {name: (f"{host}:{next(ports)}", f"{host}:{next(ports)}") for name in processes}
    listen = {link: f"{host}:{next(ports)}" for link in links}
    return Layout(
        data={name: data for name, (data, _) in bind.items()},
        control={name: control for name, (_, control) in bind.items()},
        bind=bind,
        listen=listen,
        through=listen,
        toxiproxy_api=f"{host}:{next(ports)}",
        observed={link: f"{host}:{next(ports)}" for link in observed},
        secure={link: f"{host}:{next(ports)}" for link in fronted},
    )


class LocalTarget:
    """Implements ``Target`` and ``ControlsProcesses``; all else that it can do, its control client does."""

    name = "local"

    def __init__(
        self,
        settings: CommonSettings,
        run_id: str,
        defects: Mapping[str, tuple[str, ...]] | None = None,
        guests: Guests | None = None,
        graph: Graph | None = None,
        *,
        hosted: Hosted | None = None,
    ) -> None:
        """``graph``: of a system that differs from the topology's in what its parts are called or say. ``hosted``: the
        IdP, where it is none of ours.
        """
        self.graph = graph or TOPOLOGIES[settings.topology].graph
        self.hosted = hosted
        self.credentials = Credentials.generate(guests)
        if hosted is not None:
            at = self.credentials.guests.model_copy(update={"issuer_path": hosted.adapter.path})
            self.credentials = replace(self.credentials, guests=at)
        self._run_id = run_id
        self.authority: Path | None = None
        """Of the certificates by which clients come, where they come by TLS."""
        self.layout = self._laid_out()
        self.control = self._control()
        self.sent, self.unanswered = self.control.sent, self.control.unanswered
        self._granted = Granted(self._with_guest(granted(self.control, self)))
        self._settings = settings
        self._defects = defects or {}
        self._run_id = run_id
        self._processes: dict[str, Runs] = {}
        self._down: set[str] = set()
        self._links: Links | None = None

    def capability(self, kind: type[Kind]) -> Kind | None:
        """Whoever was granted it."""
        return self._granted.capability(kind)

    def unpromised(self) -> Mapping[str, str]:
        """What the IdP's adapter says."""
        return self.hosted.adapter.unpromised if self.hosted is not None else {}

    def _control(self, mute: frozenset[str] = frozenset()) -> ControlClient:
        """Of whoever has a control API."""
        mute, untold = (mute | set(self.graph.idps), UNTOLD) if self.hosted is not None else (mute, frozenset())
        return ControlClient(self.layout.control, self.credentials.control_secret, self.graph, mute, untold)

    def _with_guest(self, known: Granted) -> dict[type, object]:
        """What the system can do when its IdP is none of ours, and who does it."""
        parts: dict[type, object] = {kind: known.capability(kind) for kind in known.kinds}
        if self.hosted is None:
            return parts
        reports = known.capability(ReportsState)
        assert reports is not None
        seen = Seen(reports, self.graph, self, self.hosted.idp)
        kept = {kind: part for kind, part in parts.items() if kind not in OF_STAND_IN_IDP}
        return {**kept, ReportsState: seen, LimitsPromises: self, **self.hosted.idp.grants()}

    @property
    def endpoints(self) -> Endpoints:
        """Where everything is."""
        known = endpoints(self.layout, self.credentials, self.graph)
        if self.hosted is None:
            return known.model_copy(update={"idp_calls_back": True})
        # Whether another IdP asks, and what its users have allowed before, is not known.
        return self.hosted.idp.endpoints(known.model_copy(update={"asking_clients": ()}))

    @property
    def links(self) -> Links:
        """The Toxiproxy links."""
        if self._links is None:
            raise TargetError("the target is not started")
        return self._links

    def start(self, logs: Path) -> None:
        """Start Toxiproxy, its proxies, and every stand-in; wait until all answer.

        A port that somebody else took between its choice and its use is chosen again.
        """
        for last in (*[False] * (MOST_STARTS - 1), True):
            try:
                return self._start(logs)
            except (TargetError, FaultError) as error:
                if last or not was_taken(error):
                    raise
            self._stop_processes()
            self.layout = self._laid_out()
            self.control.move(self.layout.control)
        return None

    def _laid_out(self) -> Layout:
        """Free ports for everything, on the run's own address."""
        return local_layout(self.graph, own_address(self._run_id), tls=self.credentials.guests.tls)

    def _start(self, logs: Path) -> None:
        toxiproxy = self._toxiproxy(logs)
        self._processes = {"toxiproxy": toxiproxy, **self._components(logs)}
        toxiproxy.spawn()
        self._processes[OBSERVER].spawn()
        for name in self.graph.idps:
            self._processes[name].spawn()
        self._links = self._connect_toxiproxy(toxiproxy)
        for link in self.graph.links:
            self._links.create(link.name, listen=self.layout.listen[link.name], upstream=self.layout.upstream(link))
        for name in (OBSERVER, *self.graph.idps):
            self._processes[name].wait_ready()
        if self.hosted is not None:
            self.hosted.idp.provision()
        # Validators start once the way to their keys is open: a failed first fetch would be of our own making.
        others = [name for name in self.graph.parts if name in self._processes and name not in self.graph.idps]
        for name in others:
            self._processes[name].spawn()
        deadline = time.monotonic() + READY_WITHIN_S
        for name in others:
            self._processes[name].wait_ready()
        for name in (OBSERVER, *self.graph.parts):
            self._wait_healthy(name, deadline)
        if FRONT in self._processes:
            self._processes[FRONT].spawn()
            self._processes[FRONT].wait_ready()

    def _components(self, logs: Path) -> dict[str, Runs]:
        """What runs as each component, and who observes links; nothing is started."""
        hosted, path = self.hosted, self.credentials.guests.issuer_path.rstrip("/")
        documents = self._documents()
        documents[OBSERVER] = observer_settings(
            self.layout, self.graph, below(path) if hosted is None else hosted.paths()
        )
        if self.layout.secure:
            documents[FRONT] = self._front(logs)
        ours: dict[str, Runs] = {name: self._standin(name, document, logs) for name, document in documents.items()}
        if hosted is None:
            return ours
        return {**ours, self.graph.idp: hosted.runs(self.layout, self.graph, self.endpoints, logs, self._run_id)}

    def _front(self, logs: Path) -> dict[str, Any]:
        """The settings of what ends TLS. ``authority``: the file that clients are to trust."""
        made = certificates(logs / "tls", own_address(self._run_id))
        self.authority = made.authority
        return {
            "certificate": str(made.certificate),
            "key": str(made.key),
            "ways": [
                {"listen": address(secure), "upstream": address(self.layout.through[link])}
                for link, secure in self.layout.secure.items()
            ],
        }

    def _documents(self) -> dict[str, dict[str, Any]]:
        """The settings of every stand-in."""
        documents = settings_documents(self.layout, self._settings, self.credentials, self._defects)
        return documents if self.hosted is None else self.hosted.documents(documents, self.graph)

    def _standin(self, name: str, document: Mapping[str, Any], logs: Path) -> Process:
        return Process(
            name=name,
            command=[*PYTHON_MODULE, BESIDE.get(name) or module_of(self.graph, name)],
            environment={
                "IDCHAOS_SETTINGS": json.dumps(document),
                "IDCHAOS_CONTROL_SECRET": self.credentials.control_secret,
            },
            run_id=self._run_id,
            log_path=logs / f"{name}.log",
        )

    def _wait_healthy(self, name: str, deadline: float) -> None:
        """Return when a component does its work, which is later than that it listens."""
        if self.hosted is None or name not in self.graph.idps:
            self.control.wait_healthy(name, deadline)
            return
        while not self.hosted.idp.serves():
            if time.monotonic() >= deadline:
                raise TargetError(f"{name} does not answer")
            time.sleep(0.05)

    def _toxiproxy(self, logs: Path) -> Process:
        host, _, port = self.layout.toxiproxy_api.partition(":")
        real = shutil.which(REAL_TOXIPROXY)
        return Process(
            name="toxiproxy",
            command=[real, "-proxy-metrics", "-host", host, "-port", port]
            if real
            else [*PYTHON_MODULE, "idchaos.fixtures.toxiproxy", "--host", host, "--port", port],
            environment={},
            run_id=self._run_id,
            log_path=logs / "toxiproxy.log",
            prints_ready=real is None,
        )

    def _connect_toxiproxy(self, process: Process) -> Links:
        if process.prints_ready:
            process.wait_ready()
        links = Links(self.layout.toxiproxy_api)
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                links.version()
            except FaultError:
                if process.ended() is not None or time.monotonic() > deadline:
                    raise TargetError(f"toxiproxy did not start: {process.last_words()}") from None
                time.sleep(0.05)
            else:
                return links

    def stop(self) -> list[str]:
        """Stop every process; returns what could not be stopped."""
        self._stop_processes()
        self.control.close()
        if self.hosted is not None:
            self.hosted.idp.close()
        return []

    def _stop_processes(self) -> None:
        for process in reversed(self._processes.values()):
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in self._processes.values():
            process.stop()

    def died(self) -> str | None:
        """The first component that ended without being told to."""
        for name, process in self._processes.items():
            code = process.ended()
            if code is not None and name not in self._down:
                self._down.add(name)
                how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
                return f"{name} ended by itself ({how}): {process.last_words() or 'no last words'}"
        return None

    def process(self, component: str) -> ProcessState:
        """How its process is, as the system says."""
        return self._processes[component].state()

    def disturb(self, component: str, how: Literal["kill", "pause"]) -> None:
        """SIGKILL or SIGSTOP."""
        self._down.add(component)
        process = self._processes[component]
        if how == "kill":
            process.kill()
        else:
            process.pause()

    def restore(self, component: str, how: Literal["kill", "pause"]) -> None:
        """Start it again at the same addresses, or SIGCONT; returns when it is healthy. One that runs goes on running:
        healing must bear that nothing had been applied.
        """
        process = self._processes[component]
        if how == "pause":
            process.signal(signal.SIGCONT)
        elif process.state().status == "dead":
            process.spawn()
            process.wait_ready()
            if self.hosted is not None and component in self.graph.idps:
                self.hosted.idp.provision()
        self._wait_healthy(component, time.monotonic() + READY_WITHIN_S)
        self._down.discard(component)
