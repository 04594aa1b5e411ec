"""Encrypted tokens, which nobody here issues: around an unsigned one, or made to keep whoever opens it busy."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import unsigned
from idchaos.load.idp.tokens import b64

ITERATIONS: Final = 2_000_000_000
"""Of PBKDF2: minutes of work for whoever takes the token's word for it."""
_ZEROS = 3_000_000


class Encrypted(TokenKind):
    name = "encrypted"
    invariant = "encrypted_tokens_refused"
    made = (
        "A JWE around an unsigned JWT, to the published RSA key or by a secret made of it; one that inflates; one that "
        "asks for endless PBKDF2."
    )
    bad = "From birth: nobody signed it. Anyone can encrypt to a public key."
    why = "Encryption is taken for a signature; or one request keeps a validator busy for minutes."
    source = "CVE-2026-29000, CVE-2023-50967, CVE-2024-33664, RFC 8725 sections 2.2 and 3.3"
    needs = ("jwts",)
    ways = ("nested", "inflates", "iterates", "public_secret")

    def forge(self, good: Good, number: int) -> str | None:
        way = self.ways[number % len(self.ways)]
        if way == "iterates":
            return never_ending(good)
        if way == "public_secret":
            return None if good.jwk is None else by_public_secret(good.jwk, unsigned(good.parts(alg="none")).encode())
        rsa = next((key for key in good.published if key.get("kty") == "RSA"), None)
        if rsa is None:
            return None
        if way == "inflates":
            return inflating(str(rsa["n"]), str(rsa["e"]), str(rsa.get("kid", "")))
        return encrypted_to(rsa, unsigned(good.parts(alg="none")).encode())


@lru_cache(maxsize=2)
def inflating(n: str, e: str, kid: str) -> str:
    """A JWE of a few kilobytes that holds megabytes. Made once a key: it takes its time, and load must not wait."""
    return encrypted_to({"kty": "RSA", "n": n, "e": e, "kid": kid}, bytes(_ZEROS), zip="DEF")


def encrypted_to(jwk: dict[str, Any], plaintext: bytes, **header: str) -> str:
    """A compact JWE for the holder of the private part of an RSA key (RFC 7516 section 3.1)."""
    from joserfc import jwe
    from joserfc.jwk import RSAKey

    public = RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})
    head = {"alg": "RSA-OAEP", "enc": "A128CBC-HS256", "cty": "JWT", "kid": jwk.get("kid", "")} | header
    return jwe.encrypt_compact(head, plaintext, public, algorithms=["RSA-OAEP", "A128CBC-HS256", "DEF"])


def by_public_secret(jwk: dict[str, Any], plaintext: bytes) -> str:
    """A compact JWE under a key that everybody can derive, SHA-256 of the published PEM (RFC 7518 section 4.5)."""
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from joserfc import jwe
    from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

    kept: dict[str, Any] = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    types: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    public = types[jwk["kty"]].import_key(kept).public_key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = hashlib.sha256(pem).digest()
    head = {"alg": "dir", "enc": "A256GCM", "cty": "JWT", "kid": jwk.get("kid", "")}
    return jwe.encrypt_compact(head, plaintext, OctKey.import_key(secret), algorithms=["dir", "A256GCM"])


def never_ending(good: Good) -> str:
    """A JWE under a password, with :data:`ITERATIONS` of it to do before anything can be found wrong (RFC 7518
    section 4.8).
    """
    head = {"alg": "PBES2-HS256+A128KW", "enc": "A128CBC-HS256", "p2c": ITERATIONS, "p2s": b64(bytes(16))}
    return ".".join([b64(json.dumps(head).encode()), b64(bytes(40)), b64(bytes(16)), b64(bytes(32)), b64(bytes(16))])
