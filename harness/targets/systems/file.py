"""A whole system of one's own, by one TOML file: what may stand in it, and what is wrong with one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from idchaos.dialects import DIALECTS, Dialect
from idchaos.errors import UsageError
from idchaos.files import digest_of, toml_of
from idchaos.graph import TokenFormat
from idchaos.hosts import authority_of, check_host, host_of
from idchaos.targets.gateways.file import Example
from idchaos.targets.own_settings import OF_GATEWAYS, OF_LOGINS, OF_TOKENS, checked, told_editors
from idchaos.targets.systems.acts import Hook, Hooks
from idchaos.targets.systems.parties import ClientTable, UserTable, fitting, gets_tokens
from idchaos.targets.tables import NAME, PATH, SUFFIX, Host, OwnName, Table, Url, as_model

WRITES_ONE: Final = "idchaos init target writes one"
OF_ANSWERS: Final = "introspection_cache_s"
SETTINGS: Final = (*OF_GATEWAYS, OF_TOKENS, *OF_LOGINS)


class SystemTable(Table):
    """The table ``[system]``."""

    name: OwnName
    allow_hosts: tuple[Host, ...] = ()
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
    tokens: TokenFormat = "jwt"
    """What its access tokens are to who looks into them: JWTs (RFC 9068), or opaque."""
    doubles: int = Field(0, ge=0, le=10_000)
    """So many more users there are of each, ``alice-0``, ``alice-1`` ..., with the same password: each login is then
    another one's, for an IdP that ends all sessions of a user with one of them. 0: none.
    """

    @property
    def base(self) -> str:
        """Where it is reached, without the last slash."""
        return (self.url or self.issuer).rstrip("/")


class GatewayTable(Table):
    """The table ``[gateway]``: who decides about tokens."""

    url: tuple[Url, ...] = Field(min_length=1)
    """Of each replica; of one balancer, if that is all that can be reached."""
    decides_by: Literal["keys", "introspection"] = "keys"
    """What it goes by: the IdP's keys, or what the IdP says when it is asked about a token (RFC 7662)."""
    revocation: Literal["expiry", "introspection"] = "expiry"
    """How a revoked token ends where it goes by keys: at its own end alone, or since it asks the IdP as well."""
    dialect: Annotated[str, WithJsonSchema({"enum": ["", *DIALECTS]})] = ""
    """A gateway whose answers are known: ``envoy``. Empty: as ``[[dialect]]`` says."""

    @property
    def hears_of_revocations(self) -> bool:
        """Whether a token that was revoked is to be refused."""
        return "introspection" in (self.decides_by, self.revocation)

    @field_validator("dialect")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name and name not in DIALECTS:
            raise ValueError(f"{name!r} is unknown; there are {', '.join(DIALECTS)}, or examples in [[dialect]]")
        return name


class RouteTable(Table):
    """One of ``[[route]]``: an API behind the gateways."""

    path: str = Field(pattern=PATH)
    audience: str = Field(min_length=1)
    service: str = Field("api", pattern=NAME)
    """Who serves it."""
    scope: str = ""
    posts: bool = False
    """Whether a POST with a good token changes nothing that matters there: everyday traffic POSTs then, too."""


class ToxiproxyTable(Table):
    """The table ``[toxiproxy]``: a server that was there before, and stays."""

    api: Url
    gateway_to_idp: tuple[str, ...] = ()
    """The proxies by which the gateways ask the IdP, for its keys or about tokens: one for each replica, in their
    order, or one for all of them.
    """
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

    @property
    def proxies(self) -> tuple[str, ...]:
        """All that it names."""
        return (*self.gateway_to_idp, *filter(None, (self.client_to_idp,)), *self.client_to_gateway)


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
    user: tuple[UserTable, ...] = ()
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
        fitting(self.client, self.user, self.idp.doubles)
        for where, named in (("gateway.url", self.gateway.url), ("route.path", [each.path for each in self.route])):
            if len(set(named)) < len(named):
                raise ValueError(f"{where}: {Counter(named).most_common(1)[0][0]} is there twice")
        self._asks_as_it_must()
        if self.gateway.dialect and self.dialect:
            raise ValueError("gateway.dialect or examples in [[dialect]], not both")
        replicas = len(self.gateway.url)
        if self.toxiproxy is None:
            return self
        _check_api(self.toxiproxy.api)
        twice = [name for name, count in Counter(self.toxiproxy.proxies).items() if count > 1]
        if twice:
            raise ValueError(f"toxiproxy: the proxy {twice[0]} is named twice: each leads from one kind of part to one")
        if len(self.toxiproxy.gateway_to_idp) not in (0, 1, replicas):
            raise ValueError(
                f"toxiproxy.gateway_to_idp: {len(self.toxiproxy.gateway_to_idp)} given; should be one for each of the"
                f" {replicas} replicas of gateway.url, or one for all"
            )
        if len(self.toxiproxy.client_to_gateway) not in (0, replicas):
            raise ValueError(f"toxiproxy.client_to_gateway: should be one for each of the {replicas} replicas")
        return self

    def _asks_as_it_must(self) -> None:
        if self.gateway.decides_by == "keys":
            if self.idp.tokens == "opaque":
                raise ValueError('idp.tokens: nobody checks opaque ones by keys: gateway.decides_by = "introspection"?')
        elif OF_ANSWERS not in self.settings:
            raise ValueError(f"settings: {OF_ANSWERS} is missing: how long the gateway keeps an answer about a token")

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
    def machines(self) -> tuple[ClientTable, ...]:
        """The clients that get tokens for themselves by a secret, good at every route."""
        return tuple(each for each in self.client if gets_tokens(each))

    @property
    def asserting(self) -> tuple[ClientTable, ...]:
        """The clients that get tokens for themselves by assertions."""
        return tuple(each for each in self.client if each.key)

    @property
    def introspecting(self) -> ClientTable | None:
        """A client that may ask about tokens."""
        return next((each for each in self.client if each.purpose == "introspection"), None)

    @property
    def of_users(self) -> tuple[ClientTable, ...]:
        """The clients that users log in at."""
        return tuple(each for each in self.client if each.redirect_uri)

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
    for where, name in _named(found):
        if not (path.parent / name).is_file():
            raise UsageError(f"--target {path}: {where}: there is no file {path.parent / name}")
    return found


def _named(found: TargetFile) -> Iterator[tuple[str, str]]:
    """The files that it names and that must be there, each with where it does."""
    if found.system.ca:
        yield "system.ca", found.system.ca
    if found.minting is not None:
        yield "minting.key", found.minting.key
    for client in found.asserting:
        yield f"client.key ({client.id})", client.key


def state(path: Path) -> str:
    """What tells the system from what it was, as far as its file can: a digest of it, and of the files that it names.

    Raises:
        UsageError: as for :func:`read`.
    """
    found = read(path)
    acts = [act for hook in found.hooks.given.values() for act in (hook, getattr(hook, "undo", None)) if act]
    commands = [Path(word) for act in acts for word in act.command]
    return digest_of([path, *(path.parent / name for _, name in _named(found)), *commands])


def _check_api(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.port is None or parts.path not in ("", "/"):
        raise ValueError(f"toxiproxy.api: {url!r} should be http://HOST:PORT")
