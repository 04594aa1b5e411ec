"""joserfc, which knows of no IdP: keys are fetched by hand, and kept in a plain cache that ends after a while.

https://jose.authlib.org/en/guide/jwt/
"""

from __future__ import annotations

import threading
import time

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption
from serve import SETTINGS, TUNED, fetched, serve

assert TUNED is not None  # the library has no defaults for what it does not do
LIFE_S, TIMEOUT_S, LEEWAY_S = TUNED["jwks_cache_s"], TUNED["jwks_timeout_s"], TUNED["leeway_s"]
CLAIMS: dict[str, ClaimsOption] = {"iss": {"essential": True, "value": SETTINGS["issuer"]}, "exp": {"essential": True}}


class Keys:
    """One key set. It is fetched again when it is old; who asks then waits, and gets the error if there is one."""

    def __init__(self) -> None:
        self._lock, self._until = threading.Lock(), 0.0
        self._set = KeySet([])

    def get(self) -> KeySet:
        """The keys.

        Raises:
            OSError: there are none to be had.
        """
        with self._lock:
            if time.monotonic() > self._until:
                self._set = KeySet.import_key_set(fetched(SETTINGS["jwks_uri"], TIMEOUT_S))
                self._until = time.monotonic() + LIFE_S
            return self._set


keys = Keys()


def verify(token: str, audience: str) -> object:
    """The claims of a good token."""
    decoded = jwt.decode(token, keys.get(), algorithms=["RS256"])
    wanted = CLAIMS | {"aud": {"essential": True, "value": audience}}
    registry = jwt.JWTClaimsRegistry(leeway=int(LEEWAY_S), **wanted)
    registry.validate(decoded.claims)
    return decoded.claims


serve(verify, refused=(JoseError,), undecided=(OSError,))
