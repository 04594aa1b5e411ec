"""oauth2-proxy as who decides about bearer tokens, for a proxy that asks it about each request.

https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from idchaos.graph import Graph
from idchaos.targets.gateways.base import NO_TYPE, OF_REVOCATION, OF_SCOPES, Adapter, Program, Wiring, said_of, which

PROGRAM = "oauth2-proxy"
MODULE = "github.com/oauth2-proxy/oauth2-proxy/v7"
INSTALL = f"go install {MODULE}@v7.15.6"
_SAYS = re.compile(rf"{PROGRAM} v?(\d\S*)")
_BUILT_OF = re.compile(rf"\nmod\t{re.escape(MODULE)}\tv([\w.+-]+)\t".encode())
SERVICE = "orders"
"""An oauth2-proxy knows one audience (and any others, for all routes alike), so one service is behind it."""


class AsksOauth2Proxy(Adapter):
    """Two processes a replica: a proxy listens, and oauth2-proxy decides, on a port that only the proxy is told."""

    caller = "X-Auth-Request-User"
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION,
        **OF_SCOPES,
        "id_token": NO_TYPE,
        "odd_times:iat_ahead": "it does not look at `iat`, which no RFC asks for",
    }
    fixed: Mapping[str, float] = {"leeway_s": 0, "nbf_leeway_s": 300}
    """As they are in go-oidc, which it verifies tokens with."""

    @property
    def graph(self) -> Graph:
        """The edge, with the routes of one service."""
        whole = super().graph
        return whole.model_copy(update={"routes": tuple(each for each in whole.routes if each.service == SERVICE)})

    def version(self) -> str:
        """Of both programs."""
        return f"{super().version()} with {PROGRAM} {version_of_decider()}"


def version_of_decider() -> str:
    """Of oauth2-proxy; empty where there is none. What ``go install`` builds calls itself undefined, and says nothing
    but the version of Go: the module that it was built of stands in the program file. One that was built of no module
    is told by its digest.
    """
    said, path = _SAYS.match(said_of(PROGRAM, "--version")), which(PROGRAM)
    if said or path is None:
        return said.group(1) if said else ""
    return _built_of(Path(path))


@cache
def _built_of(path: Path) -> str:
    program = path.read_bytes()
    module = _BUILT_OF.search(program)
    return module.group(1).decode() if module else hashlib.sha256(program).hexdigest()[:12]


def decides(wiring: Wiring) -> Program:
    """The process that is asked, at ``wiring.spare``."""
    return Program(
        command=(which(PROGRAM) or PROGRAM, *_options(wiring)),
        # They are of no use to anybody: nobody logs in here.
        environment={
            "OAUTH2_PROXY_CLIENT_SECRET": secrets.token_hex(16),
            "OAUTH2_PROXY_COOKIE_SECRET": secrets.token_hex(16),
        },
    )


def _options(wiring: Wiring) -> tuple[str, ...]:
    told = {
        "provider": "oidc",
        "skip-oidc-discovery": "true",
        "oidc-issuer-url": wiring.issuer,
        "login-url": f"{wiring.issuer}/authorize",
        "redeem-url": f"{wiring.issuer}/token",
        "oidc-jwks-url": wiring.jwks_uri,
        "client-id": wiring.services[0].audience,
        "oidc-email-claim": "sub",
        "insecure-oidc-allow-unverified-email": "true",
        "email-domain": "*",
        "skip-jwt-bearer-tokens": "true",
        "bearer-token-login-fallback": "false",
        "api-route": ".*",
        "set-xauthrequest": "true",
        "reverse-proxy": "true",
        "trusted-proxy-ip": wiring.listen.host,
        "http-address": str(wiring.spare),
        "upstream": "static://202",
        "request-logging": "false",
        "auth-logging": "false",
    }
    return tuple(f"--{name}={value}" for name, value in told.items())
