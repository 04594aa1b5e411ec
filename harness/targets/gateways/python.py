"""Validator libraries for Python: PyJWT, Authlib, joserfc."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from idchaos.reasons import Reason
from idchaos.targets.gateways.base import NO_TYPE, OF_REVOCATION, OF_SCOPES
from idchaos.targets.gateways.libraries import NO_EXPIRY, OF_RFC_9068, Library, installed_in, sources

PINNED: Final = {"pyjwt": "2.15.1", "authlib": "1.9.10", "joserfc": "1.8.0"}
_WANTED: Final = tuple(f"{name}=={version}" for name, version in PINNED.items())


@cache
def folder() -> Path:
    """What is installed for this very Python."""
    return installed_in("python", *_WANTED, sys.version)


class InPython(Library):
    """A program that this Python runs."""

    @property
    def install(self) -> str:  # type: ignore[override]
        """One command for all of them."""
        return f"{sys.executable} -m pip install --target {folder()} {' '.join(_WANTED)} cryptography"

    @property
    def pinned(self) -> str:  # type: ignore[override]
        """The version that is installed."""
        return PINNED[self.package]

    def present(self) -> bool:
        """Whether its distribution is there."""
        return any(folder().glob(f"{self.package}-{self.pinned}.dist-info"))

    def command(self) -> tuple[str, ...]:
        """The program, by this interpreter."""
        return (sys.executable, str(sources("python") / f"with_{self.package}.py"))

    def environment(self) -> Mapping[str, str]:
        """Whatever is installed beside this is none of its business."""
        return {"PYTHONPATH": str(folder()), "PYTHONDONTWRITEBYTECODE": "1"}


class PyJwt(InPython):
    """PyJWKClient as it is."""

    name = "pyjwt"
    meaning = "PyJWT with PyJWKClient as it is: a key set for 300 s, unknown keys after 30 s, no leeway."
    package = "pyjwt"
    says = (
        (Reason.JWKS_UNAVAILABLE, "PyJWKClientConnectionError|PyJWKSetError|JSONDecodeError|JWKS endpoint did not"),
        (Reason.KID_UNKNOWN, "Unable to find a signing key"),
        (Reason.TOKEN_EXPIRED, "ExpiredSignatureError"),
        (Reason.TOKEN_NOT_YET_VALID, "ImmatureSignatureError"),
        (Reason.SIGNATURE_INVALID, "InvalidSignatureError"),
        (Reason.AUDIENCE_MISMATCH, "InvalidAudienceError"),
        (Reason.ISSUER_MISMATCH, "InvalidIssuerError"),
        (Reason.ALG_NOT_ALLOWED, "InvalidAlgorithmError"),
        (Reason.CLAIM_MISSING, "MissingRequiredClaimError"),
        (Reason.TOKEN_MALFORMED, "DecodeError"),
    )
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE, "odd_times:no_exp": NO_EXPIRY,
    }  # fmt: skip
    fixed: Mapping[str, float] = {"jwks_cache_s": 300, "jwks_timeout_s": 30, "leeway_s": 0}


class PyJwtTuned(PyJwt):
    """PyJWKClient with the settings of the run."""

    name = "pyjwt-tuned"
    meaning = "PyJWT with PyJWKClient: a run's own cache life, cooldown, time limit and leeway; claims are required."
    tuned = True
    unpromised: Mapping[str, str] = {**OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE}
    knobs: Mapping[str, str] = {
        "jwks_cache_s": "lifespan",
        "jwks_cooldown_s": "cooldown_duration",
        "jwks_timeout_s": "timeout",
        "leeway_s": "leeway",
    }
    fixed: Mapping[str, float] = {}


_OF_JOSERFC: Final = (
    (
        Reason.JWKS_UNAVAILABLE,
        "URLError|HTTPError|TimeoutError|ConnectionResetError|RemoteDisconnected|JSONDecodeError",
    ),
    (Reason.KID_UNKNOWN, "InvalidKeyIdError"),
    (Reason.TOKEN_EXPIRED, "ExpiredTokenError"),
    (Reason.SIGNATURE_INVALID, "BadSignatureError"),
    (Reason.CLAIM_MISSING, "MissingClaimError"),
    (Reason.TOKEN_MALFORMED, "DecodeError|InvalidPayloadError"),
)


class Authlib(InPython):
    """Its validator of access tokens; keys are fetched once."""

    name = "authlib"
    meaning = "Authlib's JWTBearerTokenValidator (RFC 9068), and the cache of its documentation: filled once."
    package = "authlib"
    says = (_OF_JOSERFC[0],)
    """Of a token it says no more than that it is invalid."""
    profiles = OF_RFC_9068
    fixed: Mapping[str, float] = {"leeway_s": 0}


class Joserfc(InPython):
    """A plain cache in front of it."""

    name = "joserfc"
    meaning = "joserfc, with a plain cache of keys: fetched when it is old, never for an unknown key."
    package = "joserfc"
    tuned = True
    says = _OF_JOSERFC
    unpromised: Mapping[str, str] = {**OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE}
    knobs: Mapping[str, str] = {
        "jwks_cache_s": "the program's cache",
        "jwks_timeout_s": "the program's time limit",
        "leeway_s": "leeway",
    }
