"""PyJWT, with its own client for keys: https://pyjwt.readthedocs.io/en/stable/usage.html"""

from __future__ import annotations

import jwt
from serve import SETTINGS, TUNED, serve

if TUNED is None:
    client = jwt.PyJWKClient(SETTINGS["jwks_uri"])
    required: list[str] = []
    leeway_s = 0.0
else:
    client = jwt.PyJWKClient(
        SETTINGS["jwks_uri"],
        lifespan=TUNED["jwks_cache_s"],
        timeout=TUNED["jwks_timeout_s"],
        cooldown_duration=TUNED["jwks_cooldown_s"],
    )
    required = ["exp", "iat", "iss", "aud", "sub"]
    leeway_s = TUNED["leeway_s"]


def verify(token: str, audience: str) -> object:
    """The claims of a good token."""
    return jwt.decode(
        token,
        client.get_signing_key_from_jwt(token),
        algorithms=["RS256"],
        audience=audience,
        issuer=SETTINGS["issuer"],
        leeway=leeway_s,
        options={"require": required},
    )


serve(verify, refused=(jwt.PyJWTError,), undecided=(jwt.PyJWKClientConnectionError,))
