"""The request by which a target revokes a token where that is not done at the IdP's own endpoint. Pure."""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from idchaos.targets.endpoints import RevocationCall
from idchaos.targets.systems.hooks import filled_body, filled_url


class Request(NamedTuple):
    """It, for one token."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]


def request_of(call: RevocationCall, token: str) -> Request:
    """With its places filled in."""
    places = {"token": token, "jti": _jti(token)}
    body = filled_body(call.body, places).encode()
    headers = {"Authorization": f"Bearer {call.secret}"} if call.secret else {}
    told = {"Content-Type": "application/json"} if body else {}
    return Request(call.method, filled_url(call.url, places), body, headers | told)


def _jti(token: str) -> str:
    """The name of a JWT (RFC 7519 section 4.1.7), unverified; empty of anything else."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return str(claims.get("jti", ""))
    except (ValueError, LookupError, AttributeError):
        return ""
