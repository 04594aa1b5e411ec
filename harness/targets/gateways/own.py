"""The adapter that a file of one's own describes (:mod:`idchaos.targets.gateways.file`)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from idchaos.errors import UsageError
from idchaos.files import digest_of
from idchaos.graph import Graph
from idchaos.targets.gateways.base import Adapter, Address, Program, Wiring, which
from idchaos.targets.gateways.file import GatewayFile, Ports, read
from idchaos.targets.standin.addresses import SHARED
from idchaos.topologies import EDGE, TOPOLOGIES
from idchaos.undo.ledger import Containers, Undo

_PLACE = re.compile(r"\{([a-z_]+)\}")


class Own(Adapter):
    """One's own gateway: started by a command, or running already."""

    install = "see gateway.command in its file"

    def __init__(self, path: Path) -> None:
        """As the file says.

        Raises:
            UsageError: what is wrong with it.
        """
        self.path, self._file = path, read(path)
        described = self._file.gateway
        self.name, self.meaning = described.name, f"{described.name}, as {path} says"
        self.needs = () if described.image else described.command[:1]
        self.dialect, self.caller = self._file.spoken(), described.caller
        self.unpromised, self.fixed = self._file.unpromised, self._file.settings
        self.urls = tuple(Address.of(urlsplit(url).netloc) for url in described.url)
        self.unversioned = bool(self.urls or described.image) and "@sha256:" not in described.image
        self.ports: Ports | None = self._file.ports
        self._check_places()

    @property
    def file(self) -> GatewayFile:
        """What it says."""
        return self._file

    @property
    def graph(self) -> Graph:
        """The edge, with as many replicas as there are, and the routes that go through them."""
        whole = TOPOLOGIES[EDGE].graph
        gone = set(whole.gateways[self._file.replicas :])
        links = [
            link.model_copy(update={"consumers": tuple(each for each in link.consumers if each not in gone)})
            for link in whole.links
            if not set(link.consumers) <= gone and link.provider not in gone
        ]
        return whole.model_copy(
            update={
                "components": tuple(each for each in whole.components if each.name not in gone),
                "links": tuple(links),
                "routes": tuple(
                    each.model_copy(update={"posts": self._file.gateway.posts})
                    for each in whole.routes
                    if each.service in self._file.gateway.services
                ),
            }
        )

    def programs(self, wiring: Wiring) -> Sequence[Program]:
        """The command with its places filled in, and its configuration."""
        described = self._file.gateway
        if not (described.command or described.image):
            return ()
        places = _places(wiring)
        files: Mapping[str, str] = {}
        if described.config:
            name = Path(described.config).name
            text = (self.path.parent / described.config).read_text(encoding="utf-8")
            places["config"] = str((wiring.folder / name).absolute())
            files = {name: _filled(text, places)}
        command = tuple(_filled(word, places) for word in described.command)
        if described.image:
            return (Program(command=command, files=files, image=described.image),)
        return (Program(command=(which(command[0]) or command[0], *command[1:]), files=files),)

    def undos(self, run_id: str) -> tuple[Undo, ...]:
        """Containers, too, where it is one."""
        return (*((Containers(run_id=run_id),) if self._file.gateway.image else ()), *super().undos(run_id))

    def version(self) -> str:
        """Nobody knows how to ask it."""
        return ""

    def state(self) -> str:
        """What is in its file, in its configuration and in the files that its command names, its program first."""
        described = self._file.gateway
        words = [which(described.command[0]) or described.command[0], *described.command[1:]] if self.needs else []
        beside = [self.path.parent / described.config] if described.config else []
        return digest_of([self.path, *beside, *(Path(word) for word in words)])

    def missing(self) -> tuple[str, ...]:
        """The program, if it is not here."""
        return tuple(name for name in self.needs if which(name) is None and shutil.which(name) is None)

    def listens(self, graph: Graph) -> Mapping[str, str]:
        """As ``[ports]`` says."""
        if self.ports is None:
            return {}
        clients, services = graph.clients[0], {"orders": self.ports.orders, "accounts": self.ports.accounts}
        wanted = {(clients, graph.idp): self.ports.issuer}
        wanted |= {(name, graph.idp): port for name, port in zip(graph.gateways, self.ports.idp, strict=True)}
        wanted |= {(graph.gateways[0], name): port for name, port in services.items()}
        found = {graph.link_between(*ends): port for ends, port in wanted.items()}
        return {link.name: f"{SHARED}:{port}" for link, port in found.items() if link is not None}

    def _check_places(self) -> None:
        described = self._file.gateway
        texts = {"gateway.command": " ".join(described.command)}
        known = {*PLACES, "config"} if described.config else set(PLACES)
        for where, text in texts.items():
            for name in _PLACE.findall(text):
                if name not in known:
                    raise UsageError(
                        f"--gateway {self.path}: {where}: {{{name}}} is unknown; there are {', '.join(sorted(known))}"
                    )


def _places(wiring: Wiring) -> dict[str, str]:
    first = wiring.services[0]
    by_service = {each.name: str(each.address) for each in wiring.services}
    knobs = wiring.knobs
    return {
        "replica": wiring.name,
        "listen": str(wiring.listen),
        "host": wiring.listen.host,
        "port": str(wiring.listen.port),
        "issuer": wiring.issuer,
        "jwks_uri": wiring.jwks_uri,
        "idp": str(wiring.idp),
        "audience": first.audience,
        "service": str(first.address),
        "orders": by_service.get("orders", ""),
        "accounts": by_service.get("accounts", ""),
        "folder": str(wiring.folder.absolute()),
        "jwks_cache_s": f"{knobs.jwks_cache_s:g}",
        "jwks_timeout_s": f"{knobs.jwks_timeout_s:g}",
        "leeway_s": f"{knobs.leeway_s:g}",
    }


PLACES = (
    "replica", "listen", "host", "port", "issuer", "jwks_uri", "idp", "audience", "service", "orders", "accounts",
    "folder", "jwks_cache_s", "jwks_timeout_s", "leeway_s",
)  # fmt: skip
"""What can stand in braces in a command or a configuration. Other braces are left as they are."""


def _filled(text: str, places: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda found: places.get(found.group(1), found.group()), text)
