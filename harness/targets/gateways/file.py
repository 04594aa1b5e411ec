"""A gateway of one's own, by one TOML file: what may stand in it, and what is wrong with one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from idchaos.dialects import REFUSING, Dialect, Rule
from idchaos.errors import UsageError
from idchaos.hosts import is_loopback
from idchaos.reasons import REFUSALS, Reason
from idchaos.targets.own_settings import OF_GATEWAYS, checked, told_editors
from idchaos.targets.tables import Host, OwnName, Table, Url, as_model, either
from idchaos.topologies import SERVICES


class Example(Table):
    """One answer of the gateway, and what it means."""

    means: Literal["refusal", "outage"]
    status: int = Field(ge=300, le=599)
    says: str = ""
    """A text that stands in the body, or in ``header``."""
    header: str = ""
    reason: Reason | None = None
    """Why, where such an answer says it."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.means == "refusal" and not (self.status in REFUSING or self.status < 400):
            raise ValueError(
                f"a refusal of status {self.status}: should be 401 or 403 (RFC 6750 section 3.1), or a 3xx"
            )
        if self.reason is not None and (self.reason in REFUSALS) != (self.means == "refusal"):
            raise ValueError(f"reason {self.reason} is no {self.means}")
        return self

    def rule(self) -> Rule:
        """What whoever reads answers makes of it."""
        unsaid = Reason.LOGIN_REQUIRED if self.means == "refusal" else Reason.JWKS_UNAVAILABLE
        return Rule(reason=self.reason or unsaid, status=(self.status,), header=self.header, says=re.escape(self.says))


class Ports(Table):
    """Fixed ports of this machine, for a gateway that is configured beforehand."""

    issuer: int = Field(ge=1, le=65_535)
    """The IdP as clients know it: the issuer is ``http://127.0.0.1:PORT``."""
    idp: tuple[int, ...] = Field(min_length=1)
    """The IdP as each replica reaches it, in their order: its own link."""
    orders: int = Field(ge=1, le=65_535)
    accounts: int = Field(ge=1, le=65_535)
    """The services as gateways reach them."""


class Described(Table):
    """The table ``[gateway]``: how it is had."""

    model_config = ConfigDict(json_schema_extra=either(("command", "image"), "url"))

    name: OwnName
    command: tuple[str, ...] = Field((), min_length=1)
    """Starts one replica, in the foreground. With ``image``: what its container is given."""
    image: str = ""
    """A container image that is here: each replica is a container of it, on this machine's network."""
    config: str = ""
    """A file beside this one, with the same placeholders: each replica gets its own, filled in, as ``{config}``."""
    url: tuple[Url, ...] = Field((), min_length=1)
    """Where each replica is, if they run already."""
    services: tuple[Annotated[str, WithJsonSchema({"enum": [*SERVICES]})], ...] = Field(SERVICES, min_length=1)
    """Whose APIs go through it: ``orders`` below ``/orders``, ``accounts`` below ``/accounts``."""
    caller: str = "token"
    """The header in which it tells services the caller's ``sub``; ``token``: it passes the token on."""
    posts: bool = True
    """Whether a POST goes through it: everyday users send some, and bad tokens are sent by it as well."""
    allow_hosts: tuple[Host, ...] = ()
    """Hosts, beside this machine's own, that load and faults may be sent to."""

    @field_validator("services")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not set(names) <= set(SERVICES):
            raise ValueError(f"should be some of {', '.join(SERVICES)}")
        return names

    @model_validator(mode="after")
    def _is_had_one_way(self) -> Self:
        if bool(self.command or self.image) == bool(self.url):
            raise ValueError("should have command or image (idchaos starts it), or else url (it runs already)")
        for url in self.url:
            _check_url(url, self.allow_hosts)
        if len({url.rstrip("/") for url in self.url}) < len(self.url):
            raise ValueError("url: one is there twice: each is a replica of its own")
        return self


class GatewayFile(Table):
    """The whole file."""

    gateway: Described
    dialect: tuple[Example, ...] = ()
    """Its answers, in the order in which they are tried."""
    unpromised: dict[str, str] = Field(default_factory=dict)
    """Kinds of canaries that it does not promise to refuse, and why not."""
    settings: dict[str, float] = Field(default_factory=dict, json_schema_extra=told_editors(OF_GATEWAYS))
    """What is so in it, by our names of settings: ``leeway_s``, ``jwks_cache_s`` ..."""
    ports: Ports | None = None

    @field_validator("settings")
    @classmethod
    def _are_ours(cls, values: dict[str, float]) -> dict[str, float]:
        return checked(values, OF_GATEWAYS)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.gateway.url and self.ports is None:
            raise ValueError("a gateway that runs already needs [ports], so that it can be told where its IdP will be")
        if self.ports is not None and len(self.ports.idp) != self.replicas:
            raise ValueError(f"ports.idp: {len(self.ports.idp)} given, and there are {self.replicas} replicas")
        return self

    @property
    def replicas(self) -> int:
        """How many there are."""
        return len(self.gateway.url) or 2

    def spoken(self) -> Dialect:
        """Its dialect: what it is not known to say is read by its status."""
        meant = {each.means for each in self.dialect}
        return Dialect(
            name=self.gateway.name,
            rules=tuple(each.rule() for each in self.dialect),
            tells_reasons=meant == {"refusal", "outage"},
        )


def read(path: Path) -> GatewayFile:
    """A file that is sound.

    Raises:
        UsageError: it can't be read, is no TOML, or says what can't be: names the place and what would be right.
    """
    found = as_model("--gateway", path, GatewayFile, "idchaos init gateway writes one")
    if found.gateway.config and not (path.parent / found.gateway.config).is_file():
        raise UsageError(f"--gateway {path}: gateway.config: there is no file {path.parent / found.gateway.config}")
    return found


def _check_url(url: str, allowed: tuple[str, ...]) -> None:
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise ValueError(f"url {url!r}: should begin with http://")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"url {url!r}: the port should be a number up to 65535") from None
    if not host or port is None or parts.path not in ("", "/"):
        raise ValueError(f"url {url!r}: should be http://HOST:PORT")
    if not is_loopback(host) and host not in allowed:
        raise ValueError(f"url {url!r}: {host} is not this machine; name it in gateway.allow_hosts if it is yours")
