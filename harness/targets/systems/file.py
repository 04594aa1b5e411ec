"""A whole system of one's own, by one TOML file: what may stand in it, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from idchaos.dialects import DIALECTS, Dialect
from idchaos.errors import UsageError
from idchaos.files import digest_of, toml_of
from idchaos.hosts import authority_of, check_host, host_of
from idchaos.targets.gateways.file import Example
from idchaos.targets.own_settings import OF_GATEWAYS, OF_TOKENS, checked, told_editors
from idchaos.targets.systems.acts import Hook, Hooks, Placed
from idchaos.targets.tables import SUFFIX, Table, Url, as_model

WRITES_ONE: Final = "idchaos init target writes one"
SETTINGS: Final = (*OF_GATEWAYS, OF_TOKENS)


class SystemTable(Table):
    """The table ``[system]``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    allow_hosts: tuple[str, ...] = ()
    """Hosts, beside this machine's own, that anything may be sent to."""
    ca: str = ""
    """A file of certificates (PEM) that are trusted instead of the usual ones."""
    clocks_apart_s: float = Field(0, ge=0, le=3600)
    """So far its clocks are known to be from this machine's: bad tokens are then older, or earlier, by so much more."""


class IdpTable(Table):
    """The table ``[idp]``."""

    issuer: Url
    """As it names itself in its discovery document and its tokens."""
    url: Url = ""
    """Where it is reached, if that is not the issuer: discovery is below it."""

    @property
    def base(self) -> str:
        """Where it is reached, without the last slash."""
        return (self.url or self.issuer).rstrip("/")


class ClientTable(Table):
    """One of ``[[client]]``: it gets tokens for itself by a secret (RFC 6749 section 4.4)."""

    id: str = Field(min_length=1)
    secret: Placed
    scope: str = ""
    purpose: Literal["everyday", "other_audience"] = "everyday"
    """``other_audience``: its tokens are for none of the routes, and must be refused there."""
    parameters: dict[str, str] = Field(default_factory=dict)
    """What it says besides when it asks for a token: ``audience``, ``resource`` ..."""


class GatewayTable(Table):
    """The table ``[gateway]``: who decides about tokens."""

    url: tuple[Url, ...] = Field(min_length=1)
    """Of each replica; of one balancer, if that is all that can be reached."""
    revocation: Literal["expiry", "introspection"] = "expiry"
    """How a revoked token ends: at its own end alone, or since the gateway asks the IdP about it."""
    dialect: Annotated[str, WithJsonSchema({"enum": ["", *DIALECTS]})] = ""
    """A gateway whose answers are known: ``envoy``. Empty: as ``[[dialect]]`` says."""

    @field_validator("dialect")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name and name not in DIALECTS:
            raise ValueError(f"{name!r} is unknown; there are {', '.join(DIALECTS)}, or examples in [[dialect]]")
        return name


class RouteTable(Table):
    """One of ``[[route]]``: an API behind the gateways."""

    path: str = Field(pattern=r"^/[!-~]*$")
    audience: str = Field(min_length=1)
    service: str = Field("api", pattern=r"^[a-z][a-z0-9-]{0,30}$")
    """Who serves it."""
    scope: str = ""
    posts: bool = False
    """Whether a POST with a good token changes nothing that matters there: everyday traffic POSTs then, too."""


class ToxiproxyTable(Table):
    """The table ``[toxiproxy]``: a server that was there before, and stays."""

    api: Url
    gateway_to_idp: tuple[str, ...] = ()
    """The proxies by which the gateways get keys: one for each replica, in their order, or one for all of them."""
    client_to_idp: str = ""
    """The proxy that ``idp.url`` leads through."""
    client_to_gateway: tuple[str, ...] = ()
    """The proxies that ``gateway.url`` lead through, one for each."""
    tls: bool | None = None
    """Whether TLS passes over the proxies to the IdP. Nothing said: as its URL begins."""
    observe_from: str = ""
    """This machine as Toxiproxy reaches it, where that runs elsewhere. Empty: nobody looks at what passes, unless it
    runs here.
    """


class BlastRadius(Table):
    """The table ``[blast_radius]``: what a run may do at most."""

    max_rate: float = Field(500, gt=0)
    """Requests a second, of all kinds together."""
    max_seconds: float = Field(600, gt=0)
    """How long a fault may be in force."""
    replicas: float = Field(1, gt=0, le=1)
    """The share of the gateway's replicas whose links may be faulted."""


class Minting(Table):
    """The table ``[minting]``: a key that the IdP signs with, where one may be had: bad tokens are made by it."""

    key: str
    """A file with the private JWK, with ``kid`` and ``alg`` (RFC 7517)."""


class TargetFile(Table):
    """The whole file."""

    system: SystemTable
    idp: IdpTable
    client: tuple[ClientTable, ...] = Field(min_length=1)
    gateway: GatewayTable
    route: tuple[RouteTable, ...] = Field(min_length=1)
    toxiproxy: ToxiproxyTable | None = None
    blast_radius: BlastRadius = BlastRadius()
    minting: Minting | None = None
    hooks: Hooks = Hooks()
    dialect: tuple[Example, ...] = ()
    unpromised: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, float] = Field(json_schema_extra=told_editors(SETTINGS, (OF_TOKENS,)))
    """What is so in it, by our names of settings; how long access tokens live at least."""

    @field_validator("settings")
    @classmethod
    def _are_ours(cls, values: dict[str, float]) -> dict[str, float]:
        if OF_TOKENS not in values:
            raise ValueError(f"{OF_TOKENS} is missing: how long an access token lives, in seconds")
        return checked(values, SETTINGS)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        where = "idp.issuer"
        try:
            host_of(self.idp.issuer)
            for where, url in self.urls():
                if "@" in authority_of(url):
                    raise ValueError(f"{where}: should name no user and password: a secret never stands in the file")
                check_host(url, self.system.allow_hosts)
        except UsageError as error:
            raise ValueError(f"{where}: {error}") from None
        if not self.everyday:
            raise ValueError("client: one of purpose everyday is needed, whose tokens are good at every route")
        if self.gateway.dialect and self.dialect:
            raise ValueError("gateway.dialect or examples in [[dialect]], not both")
        replicas = len(self.gateway.url)
        if self.toxiproxy is None:
            return self
        _check_api(self.toxiproxy.api)
        if len(self.toxiproxy.gateway_to_idp) not in (0, 1, replicas):
            raise ValueError(
                f"toxiproxy.gateway_to_idp: {len(self.toxiproxy.gateway_to_idp)} given; should be one for each of the"
                f" {replicas} replicas of gateway.url, or one for all"
            )
        if len(self.toxiproxy.client_to_gateway) not in (0, replicas):
            raise ValueError(f"toxiproxy.client_to_gateway: should be one for each of the {replicas} replicas")
        return self

    def urls(self) -> Iterator[tuple[str, str]]:
        """Whatever something may be sent to, and where in the file it stands."""
        yield "idp.issuer" if not self.idp.url else "idp.url", self.idp.base
        for url in self.gateway.url:
            yield "gateway.url", url
        if self.toxiproxy is not None:
            yield "toxiproxy.api", self.toxiproxy.api
        for name, hook in self.hooks.given.items():
            for act in (hook, hook.undo if isinstance(hook, Hook) else None):
                if act is not None and act.url:
                    yield f"hooks.{name}", act.url

    @property
    def passes_tls(self) -> bool:
        """Whether what passes over the proxies to the IdP is encrypted."""
        told = self.toxiproxy.tls if self.toxiproxy is not None else None
        return urlsplit(self.idp.base).scheme == "https" if told is None else told

    @property
    def everyday(self) -> tuple[ClientTable, ...]:
        """The clients whose tokens are good at every route."""
        return tuple(each for each in self.client if each.purpose == "everyday")

    @property
    def stranger(self) -> ClientTable | None:
        """A client whose tokens are for none of them."""
        return next((each for each in self.client if each.purpose == "other_audience"), None)

    @property
    def audiences(self) -> tuple[str, ...]:
        """Of all routes, each once."""
        return tuple(dict.fromkeys(each.audience for each in self.route))

    def spoken(self) -> Dialect:
        """The gateway's dialect: what it is not known to say is read by its status."""
        if self.gateway.dialect:
            return DIALECTS[self.gateway.dialect]
        return Dialect(
            name=self.system.name,
            rules=tuple(each.rule() for each in self.dialect),
            tells_reasons={each.means for each in self.dialect} == {"refusal", "outage"},
        )


def is_file(target: str) -> bool:
    """Whether ``--target`` names a file."""
    return target.endswith(SUFFIX) or "/" in target


def describes_system(file: str) -> bool:
    """Whether a file is one of these, and not of a gateway alone: by the table that each of them has."""
    try:
        return is_file(file) and "system" in toml_of(Path(file))
    except (OSError, ValueError):
        return False


def read(path: Path) -> TargetFile:
    """A file that is sound. Nothing is contacted.

    Raises:
        UsageError: it can't be read, is no TOML, or says what can't be: names the place and what would be right.
    """
    found = as_model("--target", path, TargetFile, WRITES_ONE)
    for where, name in (("system.ca", found.system.ca), ("minting.key", found.minting.key if found.minting else "")):
        if name and not (path.parent / name).is_file():
            raise UsageError(f"--target {path}: {where}: there is no file {path.parent / name}")
    return found


def state(path: Path) -> str:
    """What tells the system from what it was, as far as its file can: a digest of it, and of the files that it names.

    Raises:
        UsageError: as for :func:`read`.
    """
    found = read(path)
    named = [found.system.ca, found.minting.key if found.minting else ""]
    acts = [act for hook in found.hooks.given.values() for act in (hook, getattr(hook, "undo", None)) if act]
    commands = [Path(word) for act in acts for word in act.command]
    return digest_of([path, *(path.parent / name for name in named if name), *commands])


def _check_api(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.port is None or parts.path not in ("", "/"):
        raise ValueError(f"toxiproxy.api: {url!r} should be http://HOST:PORT")
