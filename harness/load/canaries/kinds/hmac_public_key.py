"""A token signed with what everybody knows: the public key, as the secret of an HMAC."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import hs256
from idchaos.load.idp.tokens import unb64

HmacKey = Literal["pem", "pem_stripped", "jwk", "der", "parameter"]
HMAC_KEYS: Final[tuple[HmacKey, ...]] = ("pem", "pem_stripped", "jwk", "der", "parameter")
"""The bytes of a public key that a careless library may take for an HMAC key."""


class HmacPublicKey(TokenKind):
    name = "hmac_public_key"
    invariant = "algorithm_confusion_refused"
    made = "The claims of a good token under HS256, keyed by the published key: PEM, stripped, JWK, DER, or its number."
    bad = "From birth: the issuer signs by no HMAC."
    why = "Anyone who reads the key set can be anyone: the token chose how it is verified."
    source = "RFC 8725 section 2.1, CVE-2015-9235, CVE-2016-10555"
    needs = ("published_keys", "jwts")
    ways = HMAC_KEYS

    def forge(self, good: Good, number: int) -> str | None:
        if good.jwk is None:
            return None
        parts = good.parts(alg="HS256")
        parts.header["kid"] = good.jwk.get("kid", parts.header.get("kid", ""))
        return hs256(parts, key_bytes(good.jwk, HMAC_KEYS[number % len(HMAC_KEYS)]))


def key_bytes(jwk: dict[str, Any], form: HmacKey) -> bytes:
    """A public key as the bytes that a library may hold it in.

    Raises:
        TypeError: it is a symmetric one.
    """
    from joserfc.jwk import OctKey, import_key

    if form == "jwk":
        return json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()
    key = import_key(jwk)
    if isinstance(key, OctKey):
        raise TypeError("a public key set holds no symmetric keys")
    if form == "der":
        return key.as_der(private=False)
    if form == "parameter":
        return unb64(str(jwk.get("n") or jwk.get("x")))
    pem = key.as_pem(private=False)
    return pem.strip() if form == "pem_stripped" else pem
