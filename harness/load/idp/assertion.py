"""A client's assertion that it is who it says (RFC 7523 section 2.2). Pure but for its ``jti``."""

from __future__ import annotations

import secrets

from idchaos.targets.endpoints import Client

BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_S = 60.0
"""Short, as RFC 7523 section 3 asks; no IdP refuses it for its length."""


def assertion(client: Client, issuer: str, now: float) -> str:
    """A new assertion of a client with a key, meant for ``issuer``, good for ``LIFE_S``."""
    # Not before it is used: scenarios know the kinds of canaries, and none of them should wait for cryptography.
    from joserfc import jwt
    from joserfc.jwk import ECKey

    assert client.private_jwk is not None
    claims = assertion_claims(client, issuer, now)
    return jwt.encode({"alg": "ES256"}, claims, ECKey.import_key(dict(client.private_jwk)))


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
