"""Topologies of the stand-in system: where it is decided whether a token is good, and by what. Pure.

::

    gateway         clients ─► gateways ─► services      gateways check JWTs by keys, and introspect opaque tokens
    library         clients ─► gateways ─► services      services do all of that; gateways pass everything on
    introspection   clients ─► gateways ─► services      gateways ask the IdP about every token; all are opaque
    edge            clients ─► gateways ─► services      gateways check JWTs by keys, and nobody checks again: what a
                                                         gateway of somebody else's making is tried in
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from idchaos.dialects import STAND_IN
from idchaos.errors import UsageError
from idchaos.graph import Component, Graph, Link, Role, Route, TokenFormat

TopologyName = Literal["gateway", "library", "introspection", "edge"]
DEFAULT_TOPOLOGY: TopologyName = "gateway"
EDGE: TopologyName = "edge"

CLIENTS = "client"
IDP = "idp"
GATEWAYS = ("gateway-1", "gateway-2")
SERVICES = ("orders", "accounts")
Asking = tuple[TokenFormat, ...]


class Need(StrEnum):
    """What a scenario may need of a topology."""

    KEYS = "validators that keep the IdP's keys"
    METADATA = "validators that read the IdP's metadata"
    REPLICAS = "two replicas that keep keys and serve the same, so that one can restart"
    INTROSPECTION = "validators that ask the IdP about tokens"


def offers(graph: Graph) -> frozenset[Need]:
    """What a system has of all that scenarios may need."""
    keepers = set(graph.keepers_of_keys)
    found = {Need.KEYS} if keepers else set()
    if graph.readers_of_metadata:
        found.add(Need.METADATA)
    if any(len(keepers & set(members)) > 1 for members in graph.replicas.values()):
        found.add(Need.REPLICAS)
    if any(component.introspects for component in graph.components):
        found.add(Need.INTROSPECTION)
    return frozenset(found)


@dataclass(frozen=True)
class Topology:
    """One way to build a system."""

    name: TopologyName
    meaning: str
    """One sentence."""
    graph: Graph

    def lacks(self, needs: Iterable[Need]) -> tuple[Need, ...]:
        """What it does not offer of these."""
        return tuple(need for need in needs if need not in offers(self.graph))

    @property
    def deciders(self) -> tuple[str, ...]:
        """Who decides about a client's token."""
        return self.graph.validators_of_tokens

    @property
    def validators(self) -> tuple[str, ...]:
        """Who checks JWTs by the IdP's keys, and keeps these."""
        return self.graph.keepers_of_keys

    @property
    def services_decide(self) -> bool:
        """Whether it is decided at services, whichever gateway a request passes."""
        return self.graph.services_decide

    @property
    def links_to_idp(self) -> tuple[str, ...]:
        """The links by which they all ask the IdP."""
        return self.graph.links_to_idp

    @property
    def formats(self) -> tuple[TokenFormat, ...]:
        """Of the access tokens that the IdP issues."""
        return self.graph.formats

    @property
    def everyday_format(self) -> TokenFormat:
        """Of the tokens of everyday sessions."""
        return self.graph.everyday_format


def _gateway(name: str, *, decides: bool, keys: bool, asking: Asking) -> Component:
    return _validator(name, Role.GATEWAY, decides=decides, keys=keys, asking=asking, replica_of="gateway")


def _validator(
    name: str, role: Role, *, decides: bool = False, keys: bool = False, asking: Asking = (), replica_of: str = ""
) -> Component:
    validates = decides or keys
    return Component(
        name=name,
        roles=(role, Role.VALIDATOR) if validates else (role,),
        replica_of=replica_of,
        trusts=(IDP,) if validates else (),
        decides=decides,
        keeps_keys=keys,
        introspects=asking,
        dialect=STAND_IN.name,
    )


def _system(formats: tuple[TokenFormat, ...], gateways: Iterable[Component], services: Iterable[Component]) -> Graph:
    gateways, services = tuple(gateways), tuple(services)
    asking = [each for each in services if each.trusts]
    return Graph(
        components=(
            Component(name=CLIENTS, roles=(Role.CLIENT,)),
            Component(name=IDP, roles=(Role.IDP,), formats=formats, dialect=STAND_IN.name),
            *gateways,
            *services,
        ),
        links=(
            *(
                Link(name=f"client-to-{each.name}", consumers=(CLIENTS,), provider=each.name)
                for each in (Component(name=IDP, roles=(Role.IDP,)), *gateways, *services)
            ),
            # A stand-in gateway wants to be told of an IdP, also where it only passes everything on.
            *(
                Link(name=f"{each.name}-to-idp", consumers=(each.name,), provider=IDP, idle=not each.trusts)
                for each in gateways
            ),
            *(
                Link(
                    name=f"gateway-to-{each.name}",
                    consumers=tuple(gateway.name for gateway in gateways),
                    provider=each.name,
                )
                for each in services
            ),
            *(Link(name=f"{each.name}-to-idp", consumers=(each.name,), provider=IDP) for each in asking),
        ),
        routes=tuple(
            Route(
                path=f"/{each.name}/1",
                service=each.name,
                audience=each.name,
                scope=f"{each.name}:read",
                writes=f"{each.name}:write",
                posts=True,
                body='{"quantity": 1}',
            )
            for each in services
        ),
    )


def gateways_validate() -> Graph:
    """The gateways decide; ``accounts`` checks JWTs again, ``orders`` trusts them."""
    return _system(
        ("jwt", "opaque"),
        (_gateway(name, decides=True, keys=True, asking=("opaque",)) for name in GATEWAYS),
        (_validator(name, Role.SERVICE, keys=name == "accounts") for name in SERVICES),
    )


def services_validate() -> Graph:
    """Each service decides by itself, as with a library."""
    return _system(
        ("jwt", "opaque"),
        (_gateway(name, decides=False, keys=False, asking=()) for name in GATEWAYS),
        (_validator(name, Role.SERVICE, decides=True, keys=True, asking=("opaque",)) for name in SERVICES),
    )


def gateways_introspect() -> Graph:
    """The gateways ask the IdP about every token, and nobody keeps keys."""
    return _system(
        ("opaque",),
        (_gateway(name, decides=True, keys=False, asking=("jwt", "opaque")) for name in GATEWAYS),
        (_validator(name, Role.SERVICE) for name in SERVICES),
    )


def edge_validates() -> Graph:
    """The gateways decide about JWTs; services serve whomever they pass on, and are reached by no other way."""
    found = _system(
        ("jwt",),
        (_gateway(name, decides=True, keys=True, asking=()) for name in GATEWAYS),
        (_validator(name, Role.SERVICE) for name in SERVICES),
    )
    around = {f"client-to-{name}" for name in SERVICES}
    return found.model_copy(update={"links": tuple(link for link in found.links if link.name not in around)})


TOPOLOGIES: Mapping[TopologyName, Topology] = {
    topology.name: topology
    for topology in (
        Topology(
            name="gateway",
            meaning="The gateways validate; one service validates JWTs again, the other trusts them.",
            graph=gateways_validate(),
        ),
        Topology(
            name="library",
            meaning="Each service validates by itself; the gateways pass every token on.",
            graph=services_validate(),
        ),
        Topology(
            name="introspection",
            meaning="All tokens are opaque; the gateways ask the IdP about every token, JWTs too.",
            graph=gateways_introspect(),
        ),
        Topology(
            name="edge",
            meaning="The gateways alone validate, JWTs only; services take what they pass on.",
            graph=edge_validates(),
        ),
    )
}
"""Every topology by name; the first is the default."""


def topology_named(name: str) -> Topology:
    """The topology of that name.

    Raises:
        UsageError: there is none.
    """
    for topology in TOPOLOGIES.values():
        if topology.name == name:
            return topology
    raise UsageError(f"--topology: {name!r} is unknown; there are {', '.join(TOPOLOGIES)}")
