"""The stand-in system as a picture: components, the proxies between them, and the settings each part gets.

::

    clients ──► client-to-idp ─────────────► idp ◄── gateway-N-to-idp ◄── gateway-N
       │                                      ▲
       ├──────► client-to-gateway-N ► gateway-N ──► gateway-to-SERVICE ──► orders, accounts
       │                                      └────── SERVICE-to-idp ◄─────────────────┘
       └──────► client-to-SERVICE ─────────────────────────────────────► orders, accounts

Pure: addresses in, settings documents out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idchaos.dialects import dialect_named
from idchaos.graph import Graph, Link, Role
from idchaos.settings import CommonSettings
from idchaos.targets.endpoints import Client, Endpoints, Gateway, User
from idchaos.targets.standin.guests import GuestClient, Guests
from idchaos.targets.standin.parties import (
    ASKING,
    GROUPS,
    IN_MANY_GROUPS,
    INTROSPECTING,
    USER_SCOPES,
    Credentials,
    asking_clients,
    clients,
)
from idchaos.topologies import SERVICES, TOPOLOGIES

MODULES = {
    Role.IDP: "idchaos.fixtures.idp",
    Role.GATEWAY: "idchaos.fixtures.gateway",
    Role.SERVICE: "idchaos.fixtures.service",
}
"""What runs as a component of each role."""

ID_TOKEN_LIFE_S = 300.0
"""Of ID tokens, which nobody renews: they only say that a user logged in."""


def module_of(graph: Graph, component: str) -> str:
    """The module that runs as a component."""
    return MODULES[graph.named(component).roles[0]]


@dataclass(frozen=True)
class Layout:
    """Where everything is, as ``host:port``."""

    data: Mapping[str, str]
    """Component -> its data address, as Toxiproxy reaches it."""
    control: Mapping[str, str]
    """Component -> its control address, as the harness reaches it."""
    bind: Mapping[str, tuple[str, str]]
    """Component -> (data, control) addresses that its process listens on."""
    listen: Mapping[str, str]
    """Proxy -> the address that Toxiproxy listens on."""
    through: Mapping[str, str]
    """Proxy -> the address by which its consumer reaches it."""
    toxiproxy_api: str
    observed: Mapping[str, str] = field(default_factory=dict)
    """Link -> where Toxiproxy reaches its observer, which stands between it and what the link leads to."""
    secure: Mapping[str, str] = field(default_factory=dict)
    """Link of clients -> where TLS is spoken that ends before it; empty without TLS."""

    def upstream(self, link: Link) -> str:
        """Where Toxiproxy sends what comes over a link."""
        return self.observed.get(link.name, self.data[link.provider])


def idp_settings(layout: Layout, settings: CommonSettings, credentials: Credentials) -> dict[str, Any]:
    """The settings document of the stand-in IdP."""
    graph = graph_of(settings)
    algorithm = settings.tokens.signing_alg
    # One more than are of use, to be withdrawn before the load: nobody may accept it later.
    keys = [{"kid": f"{alg.lower()}-1", "alg": alg, "signing": alg == algorithm} for alg in ("RS256", "ES256", "EdDSA")]
    keys.append({"kid": f"{algorithm.lower()}-spare", "alg": algorithm, "signing": False})
    return {
        **_common(graph.idp, layout),
        "issuer": issuer(layout, graph, credentials.guests),
        "tokens": {
            "access_ttl_s": settings.tokens.access_ttl_s,
            "id_ttl_s": max(ID_TOKEN_LIFE_S, settings.tokens.access_ttl_s),
            "refresh_ttl_s": settings.tokens.refresh_ttl_s,
            "refresh_grace_s": settings.tokens.refresh_grace_s,
            "code_ttl_s": settings.tokens.code_ttl_s,
            "session_max_s": settings.tokens.session_max_s,
        },
        "signing_alg": algorithm,
        "token_profile": settings.tokens.profile,
        "keys": keys,
        "clients": _registered(graph, credentials),
        "registration": {
            "initial_access_token": credentials.initial_access_token,
            "per_s": settings.idp.registrations_per_s,
            "burst": settings.idp.registrations_burst,
            "scope": USER_SCOPES,
            "audience": list(SERVICES),
        },
        "users": [
            {
                "username": name,
                "password": password,
                "name": name.title(),
                "email": f"{name}@example.test",
                "claims": {"groups": GROUPS} if name == IN_MANY_GROUPS else {},
            }
            for name, password in credentials.users.items()
        ]
        + [user.model_dump() for user in credentials.guests.users],
    }


def _registered(graph: Graph, credentials: Credentials) -> list[dict[str, Any]]:
    """All clients of the stand-in IdP: those of the load, those that introspect, and guests."""
    of_load: list[dict[str, Any]] = [
        {
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "public_jwk": _public(client.private_jwk),
            "grants": list(client.grants),
            **(_answered_at(client.redirect_uri, credentials.guests) if client.redirect_uri else {}),
            "scope": client.scope,
            "audience": list(SERVICES),
            "token_format": client.token_format,
            "asks_consent": client.client_id in ASKING,
        }
        for client in (*clients(credentials, graph), *asking_clients(credentials, graph))
    ]
    introspecting = [
        {"client_id": name, "client_secret": credentials.clients[name], "grants": [], "introspects": True}
        for name in INTROSPECTING
    ]
    return [*of_load, *introspecting, *map(_guest, credentials.guests.clients)]


def _answered_at(redirect_uri: str, guests: Guests) -> dict[str, list[str]]:
    return {
        "redirect_uris": [redirect_uri, *guests.redirect_uris],
        "post_logout_redirect_uris": list(guests.post_logout_redirect_uris),
    }


def _guest(client: GuestClient) -> dict[str, Any]:
    document = client.model_dump(mode="json")
    scope, audience = document.pop("scope"), document.pop("audience")
    return {
        **document,
        "scope": USER_SCOPES if scope is None else scope,
        "audience": list(SERVICES) if audience is None else audience,
    }


def _public(jwk: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if jwk is None else {name: value for name, value in jwk.items() if name != "d"}


def gateway_settings(name: str, layout: Layout, settings: CommonSettings, credentials: Credentials) -> dict[str, Any]:
    """The settings document of one gateway replica."""
    graph = graph_of(settings)
    return {
        **_common(name, layout),
        **_authorization(name, "gateway", layout, settings, credentials),
        "decides": graph.named(name).decides,
        "gateway_secret": credentials.gateway_secret,
        "routes": [
            {
                "prefix": f"/{service}",
                "service": service,
                "upstream": f"http://{layout.through[_link(graph, name, service)]}",
                "audience": service,
                "scopes": _scopes(service),
            }
            for service in graph.services
        ],
    }


def service_settings(name: str, layout: Layout, settings: CommonSettings, credentials: Credentials) -> dict[str, Any]:
    """The settings document of one service: it decides, or checks JWTs again, or trusts the gateway."""
    itself = graph_of(settings).named(name)
    document = {**_common(name, layout), "prefix": f"/{name}", "gateway_secret": credentials.gateway_secret}
    if not itself.is_a(Role.VALIDATOR):
        return document
    return {
        **document,
        **_authorization(name, name, layout, settings, credentials),
        "audience": name,
        "validates": itself.keeps_keys,
        "decides": itself.decides,
        "scopes": _scopes(name),
    }


def graph_of(settings: CommonSettings) -> Graph:
    """The stand-in system that settings ask for."""
    return TOPOLOGIES[settings.topology].graph


def _link(graph: Graph, consumer: str, provider: str) -> str:
    link = graph.link_between(consumer, provider)
    if link is None:
        raise ValueError(f"{consumer} has no link to {provider}")
    return link.name


def _scopes(service: str) -> dict[str, str]:
    return {"GET": f"{service}:read", "POST": f"{service}:write"}


def settings_documents(
    layout: Layout, settings: CommonSettings, credentials: Credentials, defects: Mapping[str, tuple[str, ...]]
) -> dict[str, dict[str, Any]]:
    """The settings document of every stand-in, by component. ``defects``: what each component is to do wrong."""
    graph = graph_of(settings)
    documents = {
        graph.idp: idp_settings(layout, settings, credentials),
        **{name: gateway_settings(name, layout, settings, credentials) for name in graph.gateways},
        **{name: service_settings(name, layout, settings, credentials) for name in graph.services},
    }
    return {name: document | {"defects": list(defects.get(name, ()))} for name, document in documents.items()}


def issuer(layout: Layout, graph: Graph, guests: Guests) -> str:
    """The IdP's fixed issuer: its URL as clients know it."""
    return shown_url(layout, graph, graph.idp) + guests.issuer_path


def shown_url(layout: Layout, graph: Graph, name: str) -> str:
    """How people's clients reach a component: by TLS, where there is any."""
    secure = layout.secure.get(_link(graph, graph.clients[0], name))
    return _url(layout, graph, name) if secure is None else f"https://{secure}"


def endpoints(layout: Layout, credentials: Credentials, graph: Graph) -> Endpoints:
    """What clients of the system, and the load generator, need to know."""
    return Endpoints(
        issuer=issuer(layout, graph, credentials.guests),
        idp_url=_url(layout, graph, graph.idp) + credentials.guests.issuer_path.rstrip("/"),
        gateways=tuple(_reached(layout, graph, name) for name in graph.gateways),
        services=tuple(
            _reached(layout, graph, name) for name in graph.services if graph.link_between(graph.clients[0], name)
        ),
        routes=graph.routes,
        services_decide=graph.services_decide,
        clients=clients(credentials, graph),
        users=tuple(User(username=name, password=password) for name, password in credentials.users.items()),
        asking_clients=asking_clients(credentials, graph),
        inner_clients=tuple(Client(client_id=name, client_secret=credentials.clients[name]) for name in INTROSPECTING),
        gateway_secret=credentials.gateway_secret,
        introspection_client=Client(client_id="gateway", client_secret=credentials.clients["gateway"]),
        idp_control_url=f"http://{layout.control[graph.idp]}",
        control_secret=credentials.control_secret,
        initial_access_token=credentials.initial_access_token,
    )


def _reached(layout: Layout, graph: Graph, name: str) -> Gateway:
    return Gateway(name=name, url=_url(layout, graph, name), dialect=dialect_named(graph.named(name).dialect))


def _url(layout: Layout, graph: Graph, name: str) -> str:
    """How clients reach a component."""
    return f"http://{layout.through[_link(graph, graph.clients[0], name)]}"


def _common(name: str, layout: Layout) -> dict[str, Any]:
    data, control = layout.bind[name]
    return {"name": name, "listen": address(data), "control": address(control)}


def _authorization(
    name: str, client_id: str, layout: Layout, settings: CommonSettings, credentials: Credentials
) -> dict[str, Any]:
    """Of whoever decides, or validates, asking the IdP as ``client_id``."""
    knobs, graph = settings.gateway, graph_of(settings)
    where = layout.through[_link(graph, name, graph.idp)] if knobs.idp_path == "link" else layout.data[graph.idp]
    return {
        "idp_url": f"http://{where}{credentials.guests.issuer_path.rstrip('/')}",
        "client_id": client_id,
        "client_secret": credentials.clients[client_id],
        "introspects": "every" if "jwt" in graph.named(name).introspects else "opaque",
        "introspection_cache_s": knobs.introspection_cache_s,
        "revocation_cache_s": knobs.revocation_cache_s,
        "issuer": issuer(layout, graph, credentials.guests),
        "token_profile": settings.tokens.profile,
        "leeway_s": knobs.leeway_s,
        "nbf_leeway_s": knobs.nbf_leeway_s,
        "jwks_cache_s": knobs.jwks_cache_s,
        "jwks_stale_s": knobs.jwks_stale_s,
        "jwks_cooldown_s": knobs.jwks_cooldown_s,
        "jwks_timeout_s": knobs.jwks_timeout_s,
    }


def address(text: str) -> dict[str, Any]:
    """``host:port`` as a settings document has it."""
    host, _, port = text.rpartition(":")
    return {"host": host, "port": int(port)}
