"""Authlib's validator of JWT access tokens (RFC 9068), with the cache that its documentation shows: filled once.

https://docs.authlib.org/en/latest/oauth2/specs/rfc9068.html
"""

from __future__ import annotations

from functools import cache

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet
from serve import SETTINGS, fetched, serve


@cache
def keys() -> KeySet:
    """The IdP's keys: Authlib leaves it to who uses it to fetch them, and to forget them."""
    return KeySet.import_key_set(fetched(SETTINGS["jwks_uri"], timeout_s=10))


class Validator(JWTBearerTokenValidator):
    """Of one audience."""

    def get_jwks(self) -> KeySet:
        """What signatures are verified by."""
        return keys()


@cache
def validator(audience: str) -> Validator:
    """One for each API."""
    return Validator(SETTINGS["issuer"], audience)


def verify(token: str, audience: str) -> object:
    """The claims of a good token."""
    claims = validator(audience).authenticate_token(token)
    validator(audience).validate_token(claims, scopes=None, request=None)
    return claims


serve(verify, refused=(OAuth2Error,), undecided=(OSError,))
