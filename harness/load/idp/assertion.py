"""A client's assertion that it is who it says (RFC 7523 section 2.2). Pure but for its ``jti``."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from idchaos.targets.endpoints import Client

BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_S = 60.0
"""Short, as RFC 7523 section 3 asks; no IdP refuses it for its length."""


def assertion(client: Client, issuer: str, now: float) -> str:
    """A new assertion of a client with a key, meant for ``issuer``, good for ``LIFE_S``."""
    assert client.private_jwk is not None
    return signed_by(client.private_jwk, assertion_claims(client, issuer, now))


def signed_by(private_jwk: Mapping[str, str], claims: Mapping[str, Any]) -> str:
    """Claims as a JWT, signed by ES256 with a P-256 key."""
    # Not before it is used: scenarios know the kinds of canaries, and none of them should wait for cryptography.
    from joserfc import jwt
    from joserfc.jwk import ECKey

    return jwt.encode({"alg": "ES256"}, dict(claims), ECKey.import_key(dict(private_jwk)))


def assertion_claims(client: Client, issuer: str, now: float) -> dict[str, str | int]:
    """RFC 7523 section 3."""
    return {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": issuer,
        "iat": int(now),
        "exp": int(now + LIFE_S),
        "jti": secrets.token_urlsafe(16),
    }


def assertion_form(client: Client, made: str) -> dict[str, str]:
    """The parameters that authenticate a token request."""
    return {"client_id": client.client_id, "client_assertion_type": BEARER, "client_assertion": made}
