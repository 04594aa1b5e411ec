"""What an IdP says of itself (OpenID Connect Discovery 1.0), read once and checked before it is believed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx

from idchaos.errors import TargetError, UsageError
from idchaos.hosts import check_host
from idchaos.targets.capabilities import PROBE_HEADER
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.oidc import DISCOVERY, failure_code
from idchaos.targets.systems.replicas import address_of
from idchaos.trust import is_distrust, trusting
from idchaos.values import Value

PATIENCE_S = 4.0
ENDPOINTS = {
    "jwks_uri": "jwks",
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "userinfo_endpoint": "userinfo",
    "introspection_endpoint": "introspect",
    "revocation_endpoint": "revoke",
    "registration_endpoint": "register",
    "end_session_endpoint": "end_session",
}
"""Members of the metadata, and what the endpoints are called here."""
NEEDED = ("jwks_uri", "token_endpoint")


class Metadata(Value):
    """What is of use of it."""

    issuer: str
    urls: dict[str, str]
    """By :data:`ENDPOINTS`; each on a host that something may be sent to."""
    grants: tuple[str, ...] = ()

    @property
    def paths(self) -> dict[str, str]:
        """Path -> what the endpoint there is called: what a recorder tells exchanges apart by."""
        return {urlsplit(url).path: name for name, url in self.urls.items()}

    def elsewhere(self, base: str) -> tuple[str, ...]:
        """What clients ask that is not at the host and port of ``base``."""
        return tuple(name for name, url in self.urls.items() if name != "jwks" and address_of(url) != address_of(base))

    @property
    def jwks(self) -> SplitResult:
        """Where its keys are."""
        return urlsplit(self.urls["jwks"])


def discovered(endpoints: Endpoints) -> Metadata:
    """Ask the IdP, and follow no redirect.

    Raises:
        TargetError: it does not answer, names another issuer, or a host that nothing may be sent to; says what would
            be right.
    """
    url = endpoints.idp_url + DISCOVERY
    try:
        with httpx.Client(timeout=PATIENCE_S, trust_env=False, verify=trusting(endpoints.ca_file)) as http:
            answer = http.get(url, headers=PROBE_HEADER)
    except httpx.HTTPError as error:
        raise TargetError(f"idp: {url}: {why(error)}") from None
    return metadata_of(url, answer.status_code, answer.content, endpoints)


def why(error: httpx.HTTPError) -> str:
    """Why there is no answer; of a certificate that nobody trusts, that."""
    if is_distrust(error):
        return "its certificate is not trusted: name what signed it in system.ca"
    return f"no answer ({failure_code(error)})"


def metadata_of(url: str, status: int, body: bytes, endpoints: Endpoints) -> Metadata:
    """What an answer says. Pure.

    Raises:
        TargetError: it is no metadata of this issuer, or leads elsewhere.
    """
    if 300 <= status < 400:
        raise TargetError(f"idp: {url}: redirects ({status}), which is not followed: idp.url should be where it leads")
    try:
        told: Any = json.loads(body) if status == 200 else None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise TargetError(f"idp: {url}: no metadata (status {status}); idp.issuer should be the issuer's URL")
    if told.get("issuer") != endpoints.issuer:
        raise TargetError(f"idp: {url}: names itself {told.get('issuer')!r}; idp.issuer is {endpoints.issuer!r}")
    for member in NEEDED:
        if not isinstance(told.get(member), str):
            raise TargetError(f"idp: {url}: {member} is missing")
    urls = {name: told[member] for member, name in ENDPOINTS.items() if isinstance(told.get(member), str)}
    for name, where in urls.items():
        try:
            check_host(where, endpoints.allow_hosts)
        except UsageError as error:
            raise TargetError(f"idp: its {name} endpoint: {error}") from None
    grants = told.get("grant_types_supported")
    return Metadata(
        issuer=endpoints.issuer,
        urls=urls,
        grants=tuple(each for each in grants if isinstance(each, str)) if isinstance(grants, list) else (),
    )
