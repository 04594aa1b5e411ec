"""Topologies: where it is decided whether a token is good, and by what. The one list of them. Pure.

::

    gateway         clients ─► gateways ─► services      gateways check JWTs by keys, and introspect opaque tokens
    library         clients ─► gateways ─► services      services do all of that; gateways pass everything on
    introspection   clients ─► gateways ─► services      gateways ask the IdP about every token; all are opaque
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Literal

from idchaos.components import GATEWAYS, SERVICES
from idchaos.errors import UsageError
from idchaos.values import Value

TopologyName = Literal["gateway", "library", "introspection"]
TokenFormat = Literal["jwt", "opaque"]
DEFAULT_TOPOLOGY: TopologyName = "gateway"


class Need(StrEnum):
    """What a scenario may need of a topology."""

    KEYS = "validators that keep the IdP's keys"
    REPLICAS = "two replicas that keep keys and serve the same, so that one can restart"


class Topology(Value):
    """One way to build a system. Names as in ``idchaos.targets.standin.topology``."""

    name: TopologyName
    meaning: str
    """One sentence."""
    offers: frozenset[Need]
    deciders: tuple[str, ...]
    """Who decides about a client's token."""
    validators: tuple[str, ...]
    """Who checks JWTs by the IdP's keys, and keeps these."""
    links_to_idp: tuple[str, ...]
    """The links by which they all ask the IdP."""
    unused: tuple[str, ...]
    """Proxies that lead from who asks nothing here."""
    formats: tuple[TokenFormat, ...]
    """Of the access tokens that the IdP issues."""

    @property
    def everyday_format(self) -> TokenFormat:
        """Of the tokens of everyday sessions."""
        return self.formats[0]

    @property
    def services_decide(self) -> bool:
        """Whether it is decided at services, whichever gateway a request passes."""
        return not set(self.deciders) & set(GATEWAYS)

    def lacks(self, needs: Iterable[Need]) -> tuple[Need, ...]:
        """What it does not offer of these."""
        return tuple(need for need in needs if need not in self.offers)


TOPOLOGIES: Mapping[TopologyName, Topology] = {
    topology.name: topology
    for topology in (
        Topology(
            name="gateway",
            meaning="The gateways validate; one service validates JWTs again, the other trusts them.",
            offers=frozenset(Need),
            deciders=GATEWAYS,
            validators=(*GATEWAYS, "accounts"),
            links_to_idp=("gateway-to-idp", "service-to-idp"),
            unused=("orders-to-idp",),
            formats=("jwt", "opaque"),
        ),
        Topology(
            name="library",
            meaning="Each service validates by itself; the gateways pass every token on.",
            offers=frozenset({Need.KEYS}),
            deciders=SERVICES,
            validators=SERVICES,
            links_to_idp=("library-to-idp",),
            unused=tuple(f"{name}-to-idp" for name in GATEWAYS),
            formats=("jwt", "opaque"),
        ),
        Topology(
            name="introspection",
            meaning="All tokens are opaque; the gateways ask the IdP about every token, JWTs too.",
            offers=frozenset(),
            deciders=GATEWAYS,
            validators=(),
            links_to_idp=("gateway-to-idp",),
            unused=tuple(f"{name}-to-idp" for name in SERVICES),
            formats=("opaque",),
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
