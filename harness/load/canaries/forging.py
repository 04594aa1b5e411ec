"""How JWTs are put together by hand. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC
from functools import lru_cache
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


def es256(forged: Forged, key: Any) -> str:
    """Signed by ES256 with the P-256 key (RFC 7518 section 3.4)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    signed = signing_input(forged)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def public_jwk(key: Any) -> dict[str, Any]:
    """The public part of a P-256 key (RFC 7518 section 6.2.1)."""
    numbers = key.public_key().public_numbers()
    x, y = (b64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


@lru_cache(maxsize=2)
def certificate(key: Any) -> str:
    """A certificate that a key made for itself, as ``x5c`` holds it: base64 of DER (RFC 7515 section 4.1.6)."""
    import base64
    from datetime import datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody.invalid")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()
