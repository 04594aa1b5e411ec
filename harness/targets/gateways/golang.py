"""Validator libraries for Go: coreos/go-oidc, MicahParks/keyfunc with golang-jwt, lestrrat-go/jwx."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from idchaos.reasons import Reason
from idchaos.targets.gateways.base import NO_TYPE, OF_REVOCATION, OF_SCOPES
from idchaos.targets.gateways.libraries import NO_EXPIRY, NO_IAT, Library, installed_in, sources


@cache
def folder() -> Path:
    """What is built of these very sources."""
    files = sorted(each for each in sources("go").rglob("*") if each.is_file())
    return installed_in("go", *(each.read_text(encoding="utf-8") for each in files))


class InGo(Library):
    """A program of its own."""

    program: str

    @property
    def install(self) -> str:  # type: ignore[override]
        """One command for all of them."""
        return f"go build -C {sources('go')} -o {folder()}/ ./..."

    @property
    def pinned(self) -> str:  # type: ignore[override]
        """As its module is asked for."""
        text = (sources("go") / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"{re.escape(self.package)} v(\S+)", text)
        return found.group(1) if found else ""

    def present(self) -> bool:
        """Whether its program was built."""
        return (folder() / self.program).is_file()

    def command(self) -> tuple[str, ...]:
        """The program."""
        return (str(folder() / self.program),)


class GoOidc(InGo):
    """A RemoteKeySet, which has no settings."""

    name = "go-oidc"
    meaning = "coreos/go-oidc with a RemoteKeySet: keys never age, a fetch for every unknown key."
    package = "github.com/coreos/go-oidc/v3"
    program = "gooidc"
    says = (
        (Reason.JWKS_UNAVAILABLE, "fetching keys"),
        (Reason.SIGNATURE_INVALID, "failed to verify id token signature"),
        (Reason.TOKEN_EXPIRED, "token is expired"),
        (Reason.TOKEN_NOT_YET_VALID, "before the nbf"),
        (Reason.AUDIENCE_MISMATCH, "expected audience"),
        (Reason.ISSUER_MISMATCH, "issued by a different provider"),
        (Reason.TOKEN_MALFORMED, "malformed jwt"),
    )
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE, "odd_times:iat_ahead": NO_IAT,
    }  # fmt: skip
    fixed: Mapping[str, float] = {"leeway_s": 0, "nbf_leeway_s": 300}


class Keyfunc(InGo):
    """NewDefault."""

    name = "keyfunc"
    meaning = "MicahParks/keyfunc with golang-jwt as they are: keys once an hour, one unknown key in 5 minutes."
    package = "github.com/MicahParks/keyfunc/v3"
    program = "keyfunc"
    says = (
        (Reason.KID_UNKNOWN, "could not read JWK from storage"),
        (Reason.TOKEN_EXPIRED, "token is expired"),
        (Reason.TOKEN_NOT_YET_VALID, "token is not valid yet"),
        (Reason.SIGNATURE_INVALID, "signature is invalid"),
        (Reason.AUDIENCE_MISMATCH, "invalid audience"),
        (Reason.ISSUER_MISMATCH, "invalid issuer"),
        (Reason.TOKEN_MALFORMED, "token is malformed"),
    )
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE, "odd_times:no_exp": NO_EXPIRY, "odd_times:iat_ahead": NO_IAT,
    }  # fmt: skip
    fixed: Mapping[str, float] = {"jwks_cache_s": 3600, "jwks_timeout_s": 60, "leeway_s": 0}


class KeyfuncTuned(Keyfunc):
    """NewDefaultOverrideCtx."""

    name = "keyfunc-tuned"
    meaning = "MicahParks/keyfunc: a run's own interval, cooldown, time limit and leeway; `exp` is required."
    tuned = True
    unpromised: Mapping[str, str] = {**OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE}
    knobs: Mapping[str, str] = {
        "jwks_cache_s": "RefreshInterval",
        "jwks_cooldown_s": "RefreshUnknownKID",
        "jwks_timeout_s": "HTTPTimeout",
        "leeway_s": "WithLeeway",
    }
    fixed: Mapping[str, float] = {}


class Jwx(InGo):
    """jwk.Cache as it is."""

    name = "jwx"
    meaning = "lestrrat-go/jwx with jwk.Cache as it is: keys every 15 minutes, never for an unknown key."
    package = "github.com/lestrrat-go/jwx/v3"
    program = "jwx"
    says = (
        (Reason.JWKS_UNAVAILABLE, "failed to fetch|resource not ready|not ready"),
        (Reason.TOKEN_EXPIRED, '"exp" not satisfied'),
        (Reason.TOKEN_NOT_YET_VALID, '"nbf" not satisfied'),
        (Reason.AUDIENCE_MISMATCH, '"aud" not satisfied'),
        (Reason.ISSUER_MISMATCH, '"iss" not satisfied'),
        (Reason.KID_UNKNOWN, "failed to find key|key provider.*failed|could not verify"),
    )
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE, "odd_times:no_exp": NO_EXPIRY,
    }  # fmt: skip
    fixed: Mapping[str, float] = {"jwks_cache_s": 900, "leeway_s": 0}


class JwxTuned(Jwx):
    """jwk.Cache with a constant interval."""

    name = "jwx-tuned"
    meaning = "lestrrat-go/jwx with jwk.Cache: a run's own interval, time limit and leeway; `exp` is required."
    tuned = True
    unpromised: Mapping[str, str] = {**OF_REVOCATION, **OF_SCOPES, "id_token": NO_TYPE}
    knobs: Mapping[str, str] = {
        "jwks_cache_s": "WithConstantInterval",
        "jwks_timeout_s": "http.Client.Timeout",
        "leeway_s": "WithAcceptableSkew",
    }
    fixed: Mapping[str, float] = {}
