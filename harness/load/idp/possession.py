"""A client's proof that it has a key: DPoP (RFC 9449 section 4)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

ALG: Final = "ES256"
TYP: Final = "dpop+jwt"


def proof_claims(method: str, url: str, now: float) -> dict[str, Any]:
    """Of a proof that is good for one request, made at ``now`` (Unix time): section 4.2."""
    return {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, "iat": int(now)}


def proof_header(public_jwk: Mapping[str, Any]) -> dict[str, Any]:
    """Of a proof of that key: section 4.2."""
    return {"typ": TYP, "alg": ALG, "jwk": dict(public_jwk)}
