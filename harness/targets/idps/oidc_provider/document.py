"""What the hosting program is told: whom oidc-provider is to know, in the words of its configuration. Pure."""

from __future__ import annotations

from typing import Any, Final

from idchaos.settings import TokenSettings
from idchaos.targets.endpoints import Client
from idchaos.targets.idps.base import Site
from idchaos.targets.idps.keyring import Keyring

OF_USERS: Final = ("openid", "profile", "email")
"""Scopes that are about the user, and those of no API."""
_LIVES: Final = ("access_ttl_s", "refresh_ttl_s", "session_max_s", "code_ttl_s")
_PUBLIC_MEMBERS: Final = ("kty", "crv", "x", "y", "kid")


def document(site: Site, tokens: TokenSettings, keyring: Keyring, initial_access_token: str) -> dict[str, Any]:
    """Clients, users, lifetimes in whole seconds, and the keys: all of these are published, the first one signs."""
    held = sorted((each for each in keyring.all_held() if each.published), key=lambda each: not each.signing)
    return {
        "issuer": site.url,
        "alg": keyring.alg,
        "tokens": {name: int(getattr(tokens, name)) for name in _LIVES},
        "clients": [*map(registered, site.clients), registered(site.introspecting)],
        "api_scopes": {each.client_id: " ".join(api_scopes(each)) for each in site.clients},
        "audiences": list(site.audiences),
        "introspecting": site.introspecting.client_id,
        "initial_access_token": initial_access_token,
        "users": [{"username": each.username, "password": each.password} for each in site.users],
        "jwks": {"keys": [keyring.private(each.kid) for each in held]},
    }


def api_scopes(client: Client) -> tuple[str, ...]:
    """What a client may ask for of the services' APIs."""
    return tuple(each for each in client.scope.split() if each not in OF_USERS)


def registered(client: Client) -> dict[str, Any]:
    """A client's metadata (RFC 7591 section 2)."""
    logs_in = "authorization_code" in client.grants
    return {
        "client_id": client.client_id,
        "grant_types": list(client.grants),
        "response_types": ["code"] if logs_in else [],
        "redirect_uris": [client.redirect_uri] if client.redirect_uri else [],
        **_proof(client),
    }


def _proof(client: Client) -> dict[str, Any]:
    if client.private_jwk is not None:
        public = {name: value for name, value in client.private_jwk.items() if name in _PUBLIC_MEMBERS}
        return {
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks": {"keys": [public | {"use": "sig", "alg": "ES256"}]},
        }
    if client.is_public:
        # Of a native app's loopback address the port is free (RFC 8252 section 7.3).
        return {"token_endpoint_auth_method": "none", "application_type": "native"}
    return {"token_endpoint_auth_method": "client_secret_basic", "client_secret": client.client_secret}
