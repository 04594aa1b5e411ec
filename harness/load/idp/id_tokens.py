"""What a client looks at before it believes an ID token (OpenID Connect Core section 3.1.3.7). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from idchaos.load.idp.tokens import b64, peek

Flaw = Literal["", "no_jwt", "iss", "aud", "azp", "at_hash", "key_not_published"]
_HASHES: Final = {"256": "sha256", "384": "sha384", "512": "sha512"}
_ALGS: Final = (*("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"),)
"""Those by a key that can be published."""


def flaw_of(token: str, keys: Sequence[Mapping[str, Any]], *, issuer: str, client_id: str, access_token: str) -> Flaw:
    """The first thing that is wrong with it; empty: nothing."""
    header, claims = peek(token)
    if not header:
        return "no_jwt"
    if claims.get("iss") != issuer:
        return "iss"
    told = claims.get("aud")
    audience = told if isinstance(told, list) else [told]
    if client_id not in audience:
        return "aud"
    if claims.get("azp", client_id) != client_id:
        return "azp"
    if "at_hash" in claims and claims["at_hash"] != at_hash(access_token, str(header.get("alg"))):
        return "at_hash"
    return "" if is_signed_by_one_of(token, keys) else "key_not_published"


def at_hash(access_token: str, alg: str) -> object:
    """The left half of the hash that goes with ``alg`` (OpenID Connect Core section 3.1.3.6). SHA-512 for Ed25519."""
    name = _HASHES.get(alg[-3:], "sha512")
    whole = hashlib.new(name, access_token.encode()).digest()
    return b64(whole[: len(whole) // 2])


def is_signed_by_one_of(token: str, keys: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a published key verifies it: that which the token names, or any, where none has that name."""
    named = [key for key in keys if key.get("kid") == peek(token)[0].get("kid")]
    return any(_verifies(token, key) for key in named or keys)


def _verifies(token: str, key: Mapping[str, Any]) -> bool:
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    try:
        jws.deserialize_compact(token, import_key(dict(key)), algorithms=list(_ALGS))
    except (JoseError, ValueError, TypeError, KeyError):
        return False
    return True
