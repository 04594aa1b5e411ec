"""Validator libraries for Node: jose, and express-jwt with jwks-rsa."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from idchaos.reasons import Reason
from idchaos.targets.gateways.base import NO_TYPE, OF_REVOCATION, OF_SCOPES, which
from idchaos.targets.gateways.libraries import NO_EXPIRY, NO_IAT, OF_RFC_9068, Library, installed_in, sources

PINNED: Final = {"jose": "6.2.18", "express-jwt": "8.5.1", "jwks-rsa": "4.1.0", "express": "5.3.0"}
_WANTED: Final = tuple(f"{name}@{version}" for name, version in PINNED.items())


@cache
def folder() -> Path:
    """What is installed."""
    return installed_in("node", *_WANTED)


class InNode(Library):
    """A program that Node runs, 20.19 or later."""

    runtime = "node"

    @property
    def install(self) -> str:  # type: ignore[override]
        """One command for all of them."""
        return f"npm install --prefix {folder()} {' '.join(_WANTED)}"

    @property
    def pinned(self) -> str:  # type: ignore[override]
        """The version that is installed."""
        return PINNED[self.package]

    def present(self) -> bool:
        """Whether its package is there."""
        return (folder() / "node_modules" / self.package / "package.json").is_file()

    def command(self) -> tuple[str, ...]:
        """The program."""
        return (which("node") or "node", str(sources("node") / f"with-{self.package}.cjs"))

    def environment(self) -> Mapping[str, str]:
        """Where it finds its modules."""
        return {"NODE_PATH": str(folder() / "node_modules"), "NODE_NO_WARNINGS": "1"}


class Jose(InNode):
    """createRemoteJWKSet as it is."""

    name = "jose"
    meaning = "jose with createRemoteJWKSet as it is: a key set for 600 s, unknown keys after 30 s, fetches for 5 s."
    package = "jose"
    says = (
        (Reason.JWKS_UNAVAILABLE, "ERR_JWKS_TIMEOUT|ERR_JWKS_INVALID|ERR_JOSE_GENERIC|TypeError: fetch failed"),
        (Reason.KID_UNKNOWN, "ERR_JWKS_NO_MATCHING_KEY"),
        (Reason.TOKEN_EXPIRED, "ERR_JWT_EXPIRED"),
        (Reason.SIGNATURE_INVALID, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"),
        (Reason.AUDIENCE_MISMATCH, '"aud" claim'),
        (Reason.ISSUER_MISMATCH, '"iss" claim'),
        (Reason.TYP_NOT_ALLOWED, '"typ" JWT header'),
        (Reason.ALG_NOT_ALLOWED, "ERR_JOSE_ALG_NOT_ALLOWED|ERR_JOSE_NOT_SUPPORTED"),
        (Reason.TOKEN_MALFORMED, "ERR_JW[ST]_INVALID"),
    )
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE, "odd_times:no_exp": NO_EXPIRY, "odd_times:iat_ahead": NO_IAT,
    }  # fmt: skip
    fixed: Mapping[str, float] = {"jwks_cache_s": 600, "jwks_timeout_s": 5, "leeway_s": 0}


class JoseTuned(Jose):
    """createRemoteJWKSet with the settings of the run; the type of a token is looked at."""

    name = "jose-tuned"
    meaning = "jose with createRemoteJWKSet: a run's own cache life, cooldown, time limit and leeway; `typ` is at+jwt."
    tuned = True
    unpromised: Mapping[str, str] = {**OF_REVOCATION, **OF_SCOPES, "odd_times:iat_ahead": NO_IAT}
    knobs: Mapping[str, str] = {
        "jwks_cache_s": "cacheMaxAge",
        "jwks_cooldown_s": "cooldownDuration",
        "jwks_timeout_s": "timeoutDuration",
        "leeway_s": "clockTolerance",
    }
    profiles = OF_RFC_9068
    fixed: Mapping[str, float] = {}


class ExpressJwt(InNode):
    """express-jwt and jwks-rsa as they are."""

    name = "express-jwt"
    meaning = "express-jwt with jwks-rsa as they are: each key for 600 s, a fetch for every unknown key, no leeway."
    package = "express-jwt"
    says = (
        (
            Reason.JWKS_UNAVAILABLE,
            "JwksError|JwksRateLimitError|ECONNREFUSED|ECONNRESET|socket hang up|JWKS endpoint did|SyntaxError",
        ),
        (Reason.KID_UNKNOWN, "secret or public key must be provided"),
        (Reason.TOKEN_EXPIRED, "jwt expired"),
        (Reason.TOKEN_NOT_YET_VALID, "jwt not active"),
        (Reason.SIGNATURE_INVALID, "invalid signature"),
        (Reason.AUDIENCE_MISMATCH, "jwt audience invalid"),
        (Reason.ISSUER_MISMATCH, "jwt issuer invalid"),
        (Reason.ALG_NOT_ALLOWED, "invalid algorithm"),
        (Reason.TOKEN_MALFORMED, "jwt malformed|invalid token"),
    )
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE, "odd_times:no_exp": NO_EXPIRY, "odd_times:iat_ahead": NO_IAT,
    }  # fmt: skip
    fixed: Mapping[str, float] = {"jwks_cache_s": 600, "jwks_timeout_s": 30, "leeway_s": 0}


class ExpressJwtTuned(ExpressJwt):
    """jwks-rsa with a limit of requests, and old keys for as long as there are no new ones."""

    name = "express-jwt-tuned"
    meaning = "express-jwt with jwks-rsa: a run's own cache life and time limit, stale keys, 10 fetches a minute."
    tuned = True
    knobs: Mapping[str, str] = {
        "jwks_cache_s": "cacheMaxAge",
        "jwks_stale_s": "cacheMaxAgeFallback",
        "jwks_timeout_s": "timeout",
        "leeway_s": "clockTolerance",
    }
    fixed: Mapping[str, float] = {}
