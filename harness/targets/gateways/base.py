"""What an adapter says of its gateway: how it is had, started and understood, and what it promises. Pure.

An adapter is a file of its own in this package: a subclass of :class:`Adapter`, and a template of its configuration in
``templates/``. :mod:`idchaos.targets.gateways.catalogue` finds it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from idchaos.dialects import GENERIC, Dialect
from idchaos.graph import Graph
from idchaos.settings import GatewaySettings
from idchaos.topologies import EDGE, TOPOLOGIES
from idchaos.undo.ledger import Processes, Undo
from idchaos.values import Value

TOKEN: Final = "token"
"""The gateway tells services who calls by the token alone, which it passes on."""
NO_REVOCATION: Final = "it asks nobody about a token that its keys vouch for"
NO_SCOPES: Final = "scopes are left to the services"
OF_REVOCATION: Final[Mapping[str, str]] = dict.fromkeys(("revoked", "grant_revoked"), NO_REVOCATION)
NO_BINDING: Final = "it does not look at what key a token is bound to (RFC 9449 and RFC 8705 are not promised)"
OF_BINDING: Final[Mapping[str, str]] = {"bound": NO_BINDING}
OF_SCOPES: Final[Mapping[str, str]] = dict.fromkeys(("wrong_scope", "read_only"), NO_SCOPES)
"""Canaries, and why such a gateway does not promise to refuse them."""
NO_TYPE: Final = "it does not look at what kind of token a JWT is (RFC 9068 is not promised)"
_VERSION: Final = re.compile(r"\d+\.\d+[\w.+-]*")


class Address(Value):
    """A host and a port."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Address:
        """Of ``host:port``."""
        host, _, port = text.rpartition(":")
        return cls(host=host, port=int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Upstream(Value):
    """A service behind a gateway: what is asked for below ``prefix`` goes there, over its link."""

    name: str
    prefix: str
    address: Address
    audience: str
    scope: str


class Wiring(Value):
    """All that one replica is told: where it listens, whom it trusts, and where its keys and services are."""

    name: str
    listen: Address
    spare: Address
    """Another free port of its own, for a second process or an administrator's page."""
    issuer: str
    idp: Address
    """The IdP through this replica's own link."""
    jwks_path: str
    services: tuple[Upstream, ...]
    knobs: GatewaySettings
    folder: Path
    """Its own, to write files into."""

    @property
    def jwks_uri(self) -> str:
        """Where its keys are."""
        return f"http://{self.idp}{self.jwks_path}"

    @property
    def audiences(self) -> tuple[str, ...]:
        """Of all services, each once."""
        return tuple(dict.fromkeys(each.audience for each in self.services))


class Program(Value):
    """One process of a replica. Its command and files hold no secret that is used anywhere else."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    """Names below the replica's folder, and what is in them."""
    image: str = ""
    """The image of the container that it runs in, and the command is what that is given; empty: in none."""


class Adapter(ABC):
    """One gateway in one configuration."""

    name: str
    meaning: str
    """One sentence: what it is, and how it is configured."""
    install: str
    """The one command that installs it."""
    needs: tuple[str, ...]
    """The programs that must be there."""
    dialect: Dialect = GENERIC
    caller: str = TOKEN
    """The header in which it names the caller to services; :data:`TOKEN`: none."""
    unpromised: Mapping[str, str] = {}
    """Kinds of canaries that it does not promise to refuse, and why not. They are sent all the same, and what became of
    them is told; all others are invariants."""
    knobs: Mapping[str, str] = {}
    """Our settings of the group ``gateway`` that it has, and what it calls them. The others have no effect."""
    asks_version: tuple[str, ...] = ("--version",)

    fixed: Mapping[str, float] = {}
    """Our settings that are as they are in it, whatever is asked for, and how: what is expected of it follows them."""
    profiles: frozenset[str] | None = None
    """Whose access tokens it takes, by the names of ``tokens.profile``; ``None``: whoever's."""

    def why_not(self, profile: str) -> str:
        """Why it can't be tried with an IdP that writes access tokens so; empty: it can."""
        if self.profiles is None or profile in self.profiles:
            return ""
        taken = ", ".join(sorted(self.profiles))
        return f"tokens.profile={profile}: as it is configured here, it takes tokens of {taken} alone"

    @abstractmethod
    def programs(self, wiring: Wiring) -> Sequence[Program]:
        """What runs as one replica; the first is who listens."""

    urls: tuple[Address, ...] = ()
    """Where its replicas are, if they run already."""
    unversioned = False
    """Whether it may be another one tomorrow, and nobody can tell."""

    def undos(self, run_id: str) -> tuple[Undo, ...]:
        """What ends all that is started for it."""
        return (Processes(run_id=run_id),)

    def listens(self, graph: Graph) -> Mapping[str, str]:
        """By link, where its proxy must listen; none for a gateway that is told when it is started."""
        return {}

    def __str__(self) -> str:
        return self.name

    @property
    def graph(self) -> Graph:
        """The system that it is tried in. Each replica is told where its keys are (:attr:`Wiring.jwks_uri`)."""
        whole = TOPOLOGIES[EDGE].graph
        told = (each.model_copy(update={"told_keys": each.keeps_keys}) for each in whole.components)
        return whole.model_copy(update={"components": tuple(told)})

    def missing(self) -> tuple[str, ...]:
        """The programs that it needs and that are not here."""
        return tuple(name for name in self.needs if which(name) is None)

    def version(self) -> str:
        """Of its first program; empty where it does not say."""
        return version_of(self.needs[0], *self.asks_version)

    def state(self) -> str:
        """What tells it from what it was: its version. A run is only that of another time while this is the same."""
        return self.version()


def version_of(program: str, *arguments: str) -> str:
    """What a program says of its version; empty where it says none."""
    found = _VERSION.search(said_of(program, *arguments))
    return found.group() if found else ""


def which(program: str) -> str | None:
    """Where a program is: beside this Python, on the PATH, or where Debian keeps what only root runs."""
    for path in (str(Path(sys.executable).parent), None, "/usr/sbin:/usr/local/sbin"):
        found = shutil.which(program, path=path)
        if found:
            return found
    return None


def said_of(program: str, *arguments: str) -> str:
    """The first line that a program prints; empty where it prints none, or is not there."""
    path = which(program)
    return _said(path, arguments) if path is not None else ""


@cache
def _said(path: str, arguments: tuple[str, ...]) -> str:
    try:
        told = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (told.stdout or told.stderr).strip().splitlines()
    return lines[0].strip() if lines else ""


def rendered(template: str, wiring: Wiring, **more: object) -> str:
    """A template of this package, filled in for one replica.

    Raises:
        jinja2.UndefinedError: it asks for what there is not.
    """
    from jinja2 import Environment, StrictUndefined

    text = files("idchaos.targets.gateways").joinpath("templates", template).read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - no HTML
    return environment.from_string(text).render(wiring=wiring, **more) + "\n"
