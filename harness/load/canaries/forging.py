"""How JWTs are put together by hand. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from idchaos.load.canaries.base import Forged
from idchaos.load.idp.tokens import b64


def part(value: dict[str, Any]) -> str:
    """Header or claims as they stand in a JWT (RFC 7515 section 7.1)."""
    return b64(json.dumps(value, separators=(",", ":")).encode())


def signing_input(forged: Forged) -> str:
    """What is signed (RFC 7515 section 5.1)."""
    return f"{part(forged.header)}.{part(forged.claims)}"


def unsigned(forged: Forged) -> str:
    """With an empty signature (RFC 7515, appendix A.5)."""
    return f"{signing_input(forged)}."


def hs256(forged: Forged, secret: bytes) -> str:
    """Signed by HS256 with ``secret`` (RFC 7518 section 3.2)."""
    signed = signing_input(forged)
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"
