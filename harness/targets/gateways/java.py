"""Validator libraries for Java: Nimbus JOSE+JWT, and Spring Security's decoder, which is built upon it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from idchaos.reasons import Reason
from idchaos.targets.gateways.base import OF_REVOCATION, OF_SCOPES, which
from idchaos.targets.gateways.libraries import NO_EXPIRY, NO_IAT, OF_RFC_9068, Library, installed_in, sources


@cache
def folder() -> Path:
    """What is built of these very sources."""
    files = sorted(each for each in sources("java").rglob("*") if each.suffix in {".java", ".xml"})
    return installed_in("java", *(each.read_text(encoding="utf-8") for each in files))


class InJava(Library):
    """A class that Java runs, 17 or later."""

    runtime = "java"
    program: str

    @property
    def install(self) -> str:  # type: ignore[override]
        """One command for all of them."""
        pom = sources("java") / "pom.xml"
        return f"mvn -q -B -f {pom} -Dfolder={folder()} compile dependency:copy-dependencies"

    @property
    def pinned(self) -> str:  # type: ignore[override]
        """As its artifact is asked for."""
        text = (sources("java") / "pom.xml").read_text(encoding="utf-8")
        found = re.search(rf"<artifactId>{re.escape(self.package)}</artifactId>\s*<version>([^<]+)", text)
        return found.group(1) if found else ""

    def present(self) -> bool:
        """Whether its class was built, and its archive was copied after that."""
        return all(
            (folder() / each).is_file()
            for each in (f"classes/{self.program}.class", f"dependency/{self.package}-{self.pinned}.jar")
        )

    def command(self) -> tuple[str, ...]:
        """The class."""
        return (which("java") or "java", "-cp", f"{folder()}/classes:{folder()}/dependency/*", self.program)


class Nimbus(InJava):
    """JWKSourceBuilder as it is."""

    name = "nimbus"
    meaning = (
        "Nimbus JOSE+JWT with JWKSourceBuilder as it is: a key set for 300 s, fetched ahead, 2 fetches in 30 s,"
        " each of 0.5 s."
    )
    package = "nimbus-jose-jwt"
    program = "WithNimbus"
    says = (
        (Reason.JWKS_UNAVAILABLE, "RateLimitReachedException|JWKSet\\w*Exception|RemoteKeySourceException"),
        (Reason.KID_UNKNOWN, "no matching key"),
        (Reason.TOKEN_EXPIRED, "Expired JWT"),
        (Reason.TOKEN_NOT_YET_VALID, "before use time"),
        (Reason.SIGNATURE_INVALID, "Invalid signature"),
        (Reason.AUDIENCE_MISMATCH, "JWT audience rejected"),
        (Reason.ISSUER_MISMATCH, "JWT iss claim"),
        (Reason.CLAIM_MISSING, "missing required claims"),
        (Reason.TYP_NOT_ALLOWED, "JOSE header typ"),
        (Reason.TOKEN_MALFORMED, "ParseException|Unsecured"),
    )
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION, **OF_SCOPES, "odd_times:no_exp": NO_EXPIRY, "odd_times:iat_ahead": NO_IAT,
    }  # fmt: skip
    profiles = OF_RFC_9068
    fixed: Mapping[str, float] = {"jwks_cache_s": 300, "jwks_timeout_s": 0.5, "leeway_s": 60}


class NimbusTuned(Nimbus):
    """JWKSourceBuilder with the settings of the run; claims are required."""

    name = "nimbus-tuned"
    meaning = "Nimbus JOSE+JWT: a run's own cache life, cooldown, time limit, leeway; stale keys in an outage; `exp`."
    tuned = True
    unpromised: Mapping[str, str] = {**OF_REVOCATION, **OF_SCOPES, "odd_times:iat_ahead": NO_IAT}
    knobs: Mapping[str, str] = {
        "jwks_cache_s": "cache",
        "jwks_stale_s": "outageTolerant",
        "jwks_cooldown_s": "rateLimited",
        "jwks_timeout_s": "DefaultResourceRetriever",
        "leeway_s": "setMaxClockSkew",
    }
    fixed: Mapping[str, float] = {}


class SpringSecurity(InJava):
    """NimbusJwtDecoder as it is, with the validator for RFC 9068."""

    name = "spring-security"
    meaning = "Spring Security's NimbusJwtDecoder as it is: keys for 300 s, a fetch for every unknown key, of 30 s."
    package = "spring-security-oauth2-jose"
    program = "WithSpring"
    says = (
        (Reason.JWKS_UNAVAILABLE, r"\.JwtException"),
        (Reason.KID_UNKNOWN, "no matching key"),
        (Reason.TOKEN_EXPIRED, "Jwt expired"),
        (Reason.TOKEN_NOT_YET_VALID, "Jwt used before"),
        (Reason.SIGNATURE_INVALID, "Invalid signature"),
        (Reason.AUDIENCE_MISMATCH, "aud claim is not valid"),
        (Reason.ISSUER_MISMATCH, "iss claim is not valid"),
        (Reason.CLAIM_MISSING, "must have a value"),
        (Reason.TYP_NOT_ALLOWED, "typ"),
        (Reason.TOKEN_MALFORMED, "Malformed token|Unsupported algorithm"),
    )
    unpromised: Mapping[str, str] = {**OF_REVOCATION, **OF_SCOPES, "odd_times:iat_ahead": NO_IAT}
    profiles = OF_RFC_9068
    fixed: Mapping[str, float] = {"jwks_cache_s": 300, "jwks_timeout_s": 30, "leeway_s": 60}
