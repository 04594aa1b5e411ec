"""The system under test as a graph: components with roles, links between them, and routes through them. Pure.

Whatever else has to be known of a target's parts follows from it: who validates, who keeps keys, which links lead to an
IdP and who can send a probe over them. A topology is a function to such a graph; a run's manifest stores its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from idchaos.values import Value

TokenFormat = Literal["jwt", "opaque"]


class Role(StrEnum):
    """What a component is to the others. One may be several, as a gateway that validates."""

    CLIENT = "client"
    GATEWAY = "gateway"
    VALIDATOR = "validator"
    """It finds out by itself whether a token is good."""
    SERVICE = "service"
    IDP = "idp"
    EXCHANGE = "exchange"
    """It trades tokens for others (RFC 8693)."""


class Component(Value):
    """One process, or one replica of several."""

    name: str
    roles: tuple[Role, ...] = Field(min_length=1)
    """The first is what links are named by."""
    replica_of: str = ""
    """What it and its like are together. They serve the same, so that one stands in for another."""
    trusts: tuple[str, ...] = ()
    """Of a validator: the IdPs whose tokens it accepts."""
    decides: bool = False
    """Of a validator: whether it is the one that decides about clients' tokens. Others check again behind it."""
    keeps_keys: bool = False
    """Of a validator: whether it checks JWTs by itself, by keys of the IdPs it trusts (RFC 7517)."""
    told_keys: bool = False
    """Of one that keeps keys: whether it is told where they are, and so reads no metadata (OpenID Connect
    Discovery)."""
    introspects: tuple[TokenFormat, ...] = ()
    """Of a validator: the tokens that it asks the IdP about (RFC 7662)."""
    formats: tuple[TokenFormat, ...] = ()
    """Of an IdP: of the access tokens that it issues; the first is that of everyday sessions."""
    dialect: str = "generic"
    """How it says why it refuses: a name of :data:`idchaos.dialects.DIALECTS`."""
    issuer: str = ""
    """Of an IdP: its issuer identifier, where it is known before the start."""

    def is_a(self, role: Role) -> bool:
        """Whether that is one of its roles."""
        return role in self.roles


class Link(Value):
    """One proxy, and who talks to whom through it."""

    name: str
    consumers: tuple[str, ...] = Field(min_length=1)
    provider: str
    idle: bool = False
    """Nobody asks anything over it."""


class Route(Value):
    """An API: where it is, who serves it, by way of which gateways, and what a token for it must say."""

    path: str
    service: str
    audience: str
    scope: str
    method: str = "GET"
    writes: str = ""
    """What a token must say to POST there; empty: it is not known."""
    posts: bool = False
    """Whether everyday traffic POSTs there as well: with a good token that changes nothing that matters."""
    body: str = ""
    """What everyday traffic POSTs, as JSON; empty: nothing."""
    via: tuple[str, ...] = ()
    """The gateways that pass it on. Empty: every gateway does."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Those of everyday traffic."""
        return (self.method, "POST") if self.posts else (self.method,)


class Graph(Value):
    """Components, links and routes, in a sound whole: whatever one names, there is."""

    components: tuple[Component, ...]
    links: tuple[Link, ...]
    routes: tuple[Route, ...]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        names = [component.name for component in self.components]
        _all_different("component", names)
        _all_different("link", [link.name for link in self.links])
        for link in self.links:
            _known(f"link {link.name}", (*link.consumers, link.provider), names)
        for component in self.components:
            _known(f"{component.name} trusts", component.trusts, self.idps)
        for route in self.routes:
            _known(f"route {route.path}: service", (route.service,), self.services)
            _known(f"route {route.path}: via", route.via, self.gateways)
        return self

    def named(self, name: str) -> Component:
        """The component of that name.

        Raises:
            KeyError: there is none.
        """
        for component in self.components:
            if component.name == name:
                return component
        raise KeyError(name)

    def having(self, role: Role) -> tuple[str, ...]:
        """The names of the components with a role."""
        return tuple(component.name for component in self.components if component.is_a(role))

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of the target itself: all but the clients."""
        return tuple(component.name for component in self.components if not component.is_a(Role.CLIENT))

    @property
    def clients(self) -> tuple[str, ...]:
        """Who uses the target: what the load generator plays."""
        return self.having(Role.CLIENT)

    @property
    def gateways(self) -> tuple[str, ...]:
        """Who passes requests on to services."""
        return self.having(Role.GATEWAY)

    @property
    def services(self) -> tuple[str, ...]:
        """Who serves APIs."""
        return self.having(Role.SERVICE)

    @property
    def idps(self) -> tuple[str, ...]:
        """Who issues tokens."""
        return self.having(Role.IDP)

    @property
    def idp(self) -> str:
        """The IdP at which clients log in: the first one.

        Raises:
            ValueError: the target has none.
        """
        if not self.idps:
            raise ValueError("the target has no IdP")
        return self.idps[0]

    @property
    def validators(self) -> tuple[str, ...]:
        """Who finds out by itself whether a token is good, also who only checks again."""
        return self.having(Role.VALIDATOR)

    @property
    def validators_of_tokens(self) -> tuple[str, ...]:
        """Who decides about a client's token."""
        return tuple(component.name for component in self.components if component.decides)

    @property
    def keepers_of_keys(self) -> tuple[str, ...]:
        """Who checks JWTs by an IdP's keys, and keeps these."""
        return tuple(component.name for component in self.components if component.keeps_keys)

    @property
    def readers_of_metadata(self) -> tuple[str, ...]:
        """Who learns from an IdP's metadata where its keys are, as far as it is known."""
        return tuple(each.name for each in self.components if each.keeps_keys and not each.told_keys)

    @property
    def services_decide(self) -> bool:
        """Whether it is decided at services, whichever gateway a request passes."""
        return not set(self.validators_of_tokens) & set(self.gateways)

    @property
    def formats(self) -> tuple[TokenFormat, ...]:
        """Of the access tokens that clients get."""
        return self.named(self.idp).formats

    @property
    def everyday_format(self) -> TokenFormat:
        """Of the tokens of everyday sessions."""
        return self.formats[0]

    @property
    def replicas(self) -> Mapping[str, tuple[str, ...]]:
        """Components that serve the same, by what they are together; only where there are several."""
        found: dict[str, tuple[str, ...]] = {}
        for component in self.components:
            if component.replica_of:
                found[component.replica_of] = (*found.get(component.replica_of, ()), component.name)
        return {name: members for name, members in found.items() if len(members) > 1}

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Links by the roles at their ends: ``gateway-to-idp`` is the links of all gateways to all IdPs."""
        found: dict[str, tuple[str, ...]] = {}
        for link in self.links:
            if not link.idle:
                name = self._group(link)
                found[name] = (*found.get(name, ()), link.name)
        return found

    def _group(self, link: Link) -> str:
        return f"{self.named(link.consumers[0]).roles[0]}-to-{self.named(link.provider).roles[0]}"

    def links_of(self, name: str) -> tuple[str, ...]:
        """The links that a group's name (or a single link's) stands for.

        Raises:
            KeyError: there is neither a group nor a link of that name.
        """
        if name in self.groups:
            return self.groups[name]
        if any(link.name == name for link in self.links):
            return (name,)
        raise KeyError(name)

    @property
    def links_to_idp(self) -> tuple[str, ...]:
        """The groups of links by which validators ask an IdP."""
        asking = [link for link in self.links if link.provider in self.idps and not link.idle]
        inner = [link for link in asking if not set(link.consumers) & set(self.clients)]
        return tuple(dict.fromkeys(self._group(link) for link in inner))

    @property
    def probers(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """Who can send a probe over a link: (component, the provider it asks). Links of clients are probed by us."""
        return {
            link.name: tuple((name, link.provider) for name in link.consumers)
            for link in self.links
            if not link.idle and not set(link.consumers) & set(self.clients)
        }

    def link_between(self, consumer: str, provider: str) -> Link | None:
        """The link by which one component reaches another, where there is one."""
        for link in self.links:
            if consumer in link.consumers and link.provider == provider:
                return link
        return None


def _all_different(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name}: there are two of that name")
        seen.add(name)


def _known(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{where}: {name!r} is unknown; there are {', '.join(known) or 'none'}")
