"""All kinds of canaries, found in the package of kinds: a new kind is a new file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType

from idchaos.errors import UsageError, unknown
from idchaos.load.canaries import kinds as package
from idchaos.load.canaries.base import Kind, Need
from idchaos.load.engine.job import Roles
from idchaos.targets.endpoints import DEVICE, EXCHANGE, Endpoints

LACKING: Mapping[Need, str] = {
    "minting": "no way to have tokens signed by the IdP's key",
    "minted_opaque_tokens": "no way to have opaque tokens made to order",
    "retired_key": "no key that can be withdrawn",
    "published_keys": "no published keys",
    "refresh_tokens": "no client with refresh_token",
    "users": "no user who can log in",
    "two_users": "no two users",
    "public_client": "no public client",
    "two_clients": "no two clients that users log in at",
    "assertions": "no client that authenticates by assertions",
    "revocation": "no client that gets tokens for itself",
    "registration": "no initial access token",
    "life_of_codes": "no word on how long its codes live",
    "opaque_tokens": "no client that gets opaque tokens for itself",
    "introspection": "no client that may introspect",
    "another_audience": "no token that is for another service, and no way to have tokens signed by the IdP's key",
    "exchange": "no client with a secret that may exchange tokens",
    "devices": "no two clients for devices, one of them with a secret",
    "consent": "no two clients that are known to ask their users for consent",
    "called_back": "no IdP that is known to reach the machine which the load comes from",
    "jwts": "no JWT to make bad ones of, for access tokens are opaque, and no way to have one made to order",
    "write_scopes": "no route that says which scope it takes to write",
}
"""What a target has not that offers no such thing."""


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by its name, in alphabetical order."""
    found = sorted((kind() for kind in _classes()), key=lambda kind: kind.name)
    return MappingProxyType({kind.name: kind for kind in found})


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in kinds():
        raise UsageError(unknown("canary", name, kinds()))
    return kinds()[name]


def invariants() -> dict[str, tuple[str, ...]]:
    """Invariants by name, each with the kinds that break it."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in kinds().values():
        found[kind.invariant] = (*found.get(kind.invariant, ()), kind.name)
    return found


def unmakeable(names: Iterable[str], endpoints: Endpoints) -> dict[str, str]:
    """Of these kinds, those that can't be made at a target, each with what the target lacks. Known before the load."""
    roles, users = Roles.of(endpoints.clients), bool(endpoints.users)
    mints = bool(endpoints.idp_control_url or endpoints.signing_jwk)
    has: dict[Need, bool] = {
        "minting": mints,
        "minted_opaque_tokens": bool(endpoints.idp_control_url),
        "retired_key": bool(endpoints.idp_control_url or endpoints.further_jwks),
        "published_keys": True,
        "refresh_tokens": bool(roles.refreshing),
        "users": users and bool(roles.sessions),
        "two_users": len(endpoints.users) > 1,
        "public_client": any(client.is_public for client in roles.sessions),
        "two_clients": len(roles.sessions) > 1,
        "assertions": roles.asserting is not None,
        "revocation": roles.machine is not None,
        "registration": endpoints.initial_access_token is not None,
        "life_of_codes": bool(endpoints.idp_control_url) or endpoints.follows_settings,
        "opaque_tokens": roles.machine_opaque is not None,
        "introspection": endpoints.introspection_client is not None,
        "another_audience": mints or endpoints.stranger is not None or _elsewhere(roles, endpoints),
        "exchange": any(EXCHANGE in client.grants and client.client_secret for client in endpoints.clients),
        "devices": _have_devices(endpoints),
        "consent": len(endpoints.asking_clients) > 1,
        "called_back": endpoints.idp_calls_back,
        "jwts": bool(endpoints.idp_control_url) or roles.machine is None or roles.machine.token_format == "jwt",
        "write_scopes": bool(endpoints.routes) and all(route.writes for route in endpoints.routes),
    }
    lacking = {name: [LACKING[need] for need in kind_named(name).needs if not has[need]] for name in names}
    return {name: " and ".join(lacks) for name, lacks in lacking.items() if lacks}


def _have_devices(endpoints: Endpoints) -> bool:
    found = [client for client in endpoints.clients if DEVICE in client.grants]
    return len(found) > 1 and any(client.client_secret for client in found)


def _elsewhere(roles: Roles, endpoints: Endpoints) -> bool:
    """Whether an everyday token may be for one route and not for another."""
    audiences = {route.audience for route in endpoints.routes}
    covered = set(roles.machine.audiences) if roles.machine is not None else set()
    return len(audiences) > 1 and not audiences <= covered


def _classes() -> Iterator[type[Kind]]:
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, Kind) and found.__module__ == module.__name__:
                yield found
