"""The recording proxies behind the links to IdPs: which links, where they listen, and how they call what passes. Pure.

::

    gateway-1 ──► Toxiproxy (gateway-1-to-idp) ──► observer ──► idp

Behind Toxiproxy, so that a fault on a link feels as it would without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idchaos.graph import Graph, Link
from idchaos.targets.standin.topology import Layout, address

OBSERVER = "observer"
MODULE = "idchaos.fixtures.observer"
PATHS = {
    "/.well-known/openid-configuration": "discovery",
    "/.well-known/oauth-authorization-server": "discovery",
    "/jwks": "jwks",
    "/jwks-moved": "jwks_moved",
    "/jwks-of-strangers": "jwks_of_strangers",
    "/authorize": "authorize",
    "/login": "login",
    "/consent": "consent",
    "/par": "par",
    "/device_authorization": "device_authorization",
    "/device": "device",
    "/token": "token",
    "/userinfo": "userinfo",
    "/introspect": "introspect",
    "/revoke": "revoke",
    "/revocations": "revocations",
    "/register": "register",
    "/register/*": "unregister",
    "/end_session": "end_session",
}
"""Of the stand-in IdP's endpoints: what it calls them itself."""


def observed_links(graph: Graph) -> tuple[Link, ...]:
    """The links that are observed: all that lead to an IdP, so that what one counts can be compared as a whole."""
    return tuple(link for link in graph.links if link.provider in graph.idps)


def below(path: str) -> dict[str, str]:
    """The stand-in IdP's endpoints, where its issuer has a path."""
    return {f"{path}{each}": name for each, name in PATHS.items()}


def observer_settings(layout: Layout, graph: Graph, paths: Mapping[str, str] = PATHS) -> dict[str, Any]:
    """The settings document of the process that observes all of them. ``paths``: of the IdP's endpoints."""
    data, control = (address(each) for each in layout.bind[OBSERVER])
    return {
        "name": OBSERVER,
        "listen": data,
        "control": control,
        "links": [
            {
                "name": link.name,
                "listen": address(layout.observed[link.name]) | {"host": data["host"]},
                "upstream": address(layout.data[link.provider]),
            }
            for link in observed_links(graph)
        ],
        "endpoints": dict(paths),
    }
