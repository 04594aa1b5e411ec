"""The graph of a system that a file describes: what it names, and nothing that it does not. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from idchaos.dialects import known_as
from idchaos.graph import Component, Graph, Link, Role, Route
from idchaos.targets.systems.file import TargetFile
from idchaos.topologies import EDGE, TopologyName

CLIENT, IDP, GATEWAY = "client", "idp", "gateway"


def gateways_of(file: TargetFile) -> tuple[str, ...]:
    """``gateway-1``, ``gateway-2`` ..., one for each URL."""
    return tuple(f"{GATEWAY}-{number}" for number in range(1, len(file.gateway.url) + 1))


def graph_of(file: TargetFile) -> Graph:
    """Its components, the links that have a proxy, and its routes. A link is called as its proxy is."""
    services = tuple(dict.fromkeys(route.service for route in file.route))
    return Graph(
        components=(
            Component(name=CLIENT, roles=(Role.CLIENT,)),
            Component(name=IDP, roles=(Role.IDP,), formats=(file.idp.tokens,), issuer=file.idp.issuer),
            *(_gateway(file, name) for name in gateways_of(file)),
            *(Component(name=name, roles=(Role.SERVICE,)) for name in services),
        ),
        links=tuple(_links(file)),
        routes=tuple(
            Route(path=each.path, service=each.service, audience=each.audience, scope=each.scope, posts=each.posts)
            for each in file.route
        ),
    )


def topology_of(file: TargetFile) -> TopologyName:
    """Which of our topologies is like it, as far as experiments go: what tokens are like decides that."""
    return "introspection" if file.idp.tokens == "opaque" else EDGE


def _gateway(file: TargetFile, name: str) -> Component:
    return Component(
        name=name,
        roles=(Role.GATEWAY, Role.VALIDATOR),
        replica_of=GATEWAY,
        trusts=(IDP,),
        decides=True,
        keeps_keys=file.gateway.decides_by == "keys",
        introspects=(file.idp.tokens,) if file.gateway.decides_by == "introspection" else (),
        dialect=known_as(file.spoken()),
    )


def _links(file: TargetFile) -> Iterator[Link]:
    proxies, gateways = file.toxiproxy, gateways_of(file)
    if proxies is None:
        return
    if proxies.client_to_idp:
        yield Link(name=proxies.client_to_idp, consumers=(CLIENT,), provider=IDP)
    for name, proxy in zip(gateways, proxies.client_to_gateway, strict=False):
        yield Link(name=proxy, consumers=(CLIENT,), provider=name)
    if len(proxies.gateway_to_idp) == 1:
        yield Link(name=proxies.gateway_to_idp[0], consumers=gateways, provider=IDP)
        return
    for name, proxy in zip(gateways, proxies.gateway_to_idp, strict=False):
        yield Link(name=proxy, consumers=(name,), provider=IDP)
