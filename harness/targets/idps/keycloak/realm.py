"""What Keycloak is given, in the words of its admin API: a realm, scopes, clients, users and keys. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from idchaos.settings import TokenSettings
from idchaos.targets.endpoints import Client, User
from idchaos.targets.idps.keyring import Held, Keyring

REALM: Final = "idchaos"
PROTOCOL: Final = "openid-connect"
KEYS: Final = "org.keycloak.keys.KeyProvider"
FIRST_PRIORITY: Final = 100
_OF_USERS: Final = ("basic", "profile", "email")
_OF_MACHINES: Final = ("basic",)
_PUBLIC_MEMBERS: Final = ("kty", "crv", "x", "y", "n", "e", "kid", "alg", "use")


def realm(tokens: TokenSettings, keyring: Keyring, users: Iterable[User]) -> dict[str, Any]:
    """The realm: lifetimes in whole seconds, a refresh token good once, keys that the harness made, and users."""
    return {
        "realm": REALM,
        "enabled": True,
        "sslRequired": "none",
        "accessTokenLifespan": int(tokens.access_ttl_s),
        "accessCodeLifespan": int(tokens.code_ttl_s),
        "ssoSessionIdleTimeout": int(tokens.refresh_ttl_s),
        "ssoSessionMaxLifespan": int(tokens.session_max_s),
        "revokeRefreshToken": True,
        "refreshTokenMaxReuse": 0,
        # The load logs in as often as a whole company: what a password costs to check is no part of what is tried.
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1000)",
        "users": [user(each) for each in users],
        "components": {
            KEYS: [
                *(_imported(held, keyring) for held in keyring.all_held()),
                _generated("hmac", "hmac-generated", algorithm="HS512"),
                _generated("aes", "aes-generated"),
            ]
        },
    }


def scope(name: str) -> dict[str, Any]:
    """A scope of a service's API, which tokens name."""
    attributes = {"include.in.token.scope": "true", "display.on.consent.screen": "false"}
    return {"name": name, "protocol": PROTOCOL, "attributes": attributes}


def user(told: User) -> dict[str, Any]:
    """A user who is asked nothing but name and password."""
    return {
        "username": told.username,
        "enabled": True,
        "email": f"{told.username}@example.test",
        "emailVerified": True,
        "firstName": told.username.title(),
        "lastName": "Example",
        "credentials": [{"type": "password", "value": told.password, "temporary": False}],
    }


def client(told: Client, audiences: Iterable[str], scopes: Iterable[str]) -> dict[str, Any]:
    """A client: what it may do, how it proves itself, and for whom its tokens are."""
    logs_in, for_itself = "authorization_code" in told.grants, "client_credentials" in told.grants
    default = dict.fromkeys((*(_OF_USERS if logs_in else ()), *(_OF_MACHINES if for_itself else ())))
    return {
        "clientId": told.client_id,
        "protocol": PROTOCOL,
        "enabled": True,
        "publicClient": told.is_public,
        "standardFlowEnabled": logs_in,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": for_itself,
        "fullScopeAllowed": False,
        "redirectUris": [told.redirect_uri] if told.redirect_uri else [],
        "defaultClientScopes": list(default),
        "optionalClientScopes": list(scopes),
        "protocolMappers": [*(_audience(each) for each in audiences), _client_id(told.client_id)],
        **_proof(told),
        "attributes": {
            "post.logout.redirect.uris": "+",
            **({"pkce.code.challenge.method": "S256"} if logs_in else {}),
            **_key(told),
        },
    }


def introspecting(told: Client) -> dict[str, Any]:
    """A client that does nothing but ask about tokens."""
    return client(told, (), ()) | {"attributes": {}, "protocolMappers": []}


def component(held: Held, keyring: Keyring) -> dict[str, Any]:
    """A key as a provider of its own: published while enabled; of those that are active, the highest priority signs."""
    return _imported(held, keyring) | {"providerType": KEYS}


def _imported(held: Held, keyring: Keyring) -> dict[str, Any]:
    told = {
        "privateKey": keyring.pem(held.kid),
        "kid": held.kid,
        "algorithm": held.alg,
        "priority": str(FIRST_PRIORITY + held.turn),
        "enabled": str(held.published).lower(),
        "active": str(held.published and held.turn > 0).lower(),
    }
    return {"name": held.kid, "providerId": "rsa", "config": {name: [value] for name, value in told.items()}}


def _generated(name: str, provider: str, **config: str) -> dict[str, Any]:
    told = {"priority": str(FIRST_PRIORITY), **config}
    return {"name": name, "providerId": provider, "config": {key: [value] for key, value in told.items()}}


def _audience(audience: str) -> dict[str, Any]:
    config = {"included.custom.audience": audience, "access.token.claim": "true", "id.token.claim": "false"}
    return _mapper(f"for {audience}", "oidc-audience-mapper", config)


def _client_id(client_id: str) -> dict[str, Any]:
    """RFC 9068 section 2.2: Keycloak itself says who the client is in ``azp`` alone."""
    config = {
        "claim.name": "client_id",
        "claim.value": client_id,
        "jsonType.label": "String",
        "access.token.claim": "true",
        "id.token.claim": "false",
        "userinfo.token.claim": "false",
    }
    return _mapper("client_id", "oidc-hardcoded-claim-mapper", config)


def _mapper(name: str, provider: str, config: Mapping[str, str]) -> dict[str, Any]:
    told = {"introspection.token.claim": "true", **config}
    return {"name": name, "protocol": PROTOCOL, "protocolMapper": provider, "config": told}


def _proof(told: Client) -> dict[str, Any]:
    if told.private_jwk is not None:
        return {"clientAuthenticatorType": "client-jwt"}
    return {} if told.is_public else {"clientAuthenticatorType": "client-secret", "secret": told.client_secret}


def _key(told: Client) -> dict[str, str]:
    if told.private_jwk is None:
        return {}
    public = {name: value for name, value in told.private_jwk.items() if name in _PUBLIC_MEMBERS}
    keys = json.dumps({"keys": [public | {"use": "sig", "alg": "ES256"}]})
    return {"use.jwks.string": "true", "jwks.string": keys, "token.endpoint.auth.signing.alg": "ES256"}
