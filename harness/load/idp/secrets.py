"""A client that shows its secret in each of the ways that an IdP may offer, at each endpoint that asks for it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from idchaos.load.decide import at_refusal
from idchaos.load.idp.assertion import assertion_claims, assertion_form
from idchaos.load.idp.client import Idp, Step, challenge_of
from idchaos.load.idp.provider import Asked
from idchaos.load.idp.tokens import b64
from idchaos.targets.capabilities import PROBE_HEADER
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic

Method = Literal["client_secret_basic", "client_secret_post", "client_secret_jwt"]
"""OpenID Connect Core section 9."""
METHODS: Final[tuple[Method, ...]] = ("client_secret_basic", "client_secret_post", "client_secret_jwt")
_NOBODYS = "idchaos-nobodys-token"
_VERIFIER = "idchaos-secret-is-shown-to-the-par-endpoint-"


class Door(NamedTuple):
    """An endpoint that asks a client who it is, and how it may answer."""

    endpoint: str
    method: Method


def doors(idp: Idp, *endpoints: str) -> tuple[Door, ...]:
    """Those that the IdP offers."""
    offered = [each for each in endpoints if idp.has(each)]
    return tuple(Door(each, method) for each in offered for method in METHODS if method in idp.methods(each))


def knock(idp: Idp, client: Client, door: Door) -> Step:
    """Ask for what changes nothing, or for a token: accepted where the client's secret is taken for a good one.

    A revocation of a token that is nobody's is answered like any other (RFC 7009 section 2.2), and so is its
    introspection (RFC 7662 section 2.2).
    """
    shown, headers = _shown(idp, client, door.method)
    if door.endpoint == "introspect":  # gateways ask there too
        headers = {**PROBE_HEADER, **headers}
    answer = idp.ask(Asked(door.endpoint, form=(*_asked(client, door.endpoint), *shown), headers=headers))
    return Step(door.endpoint, answer, *at_refusal(answer))


def _asked(client: Client, endpoint: str) -> tuple[tuple[str, str], ...]:
    if endpoint == "token":
        return (("grant_type", "client_credentials"), ("scope", client.scope))
    if endpoint != "par":
        return (("token", _NOBODYS),)
    return (
        ("response_type", "code"),
        ("redirect_uri", client.redirect_uri or ""),
        ("scope", client.scope),
        ("code_challenge", challenge_of(_VERIFIER)),
        ("code_challenge_method", "S256"),
    )


def _shown(idp: Idp, client: Client, method: Method) -> tuple[tuple[tuple[str, str], ...], Mapping[str, str]]:
    """What is added to the form, and the headers."""
    secret = client.client_secret or ""
    if method == "client_secret_basic":
        return (), basic(client)
    if method == "client_secret_post":
        return (("client_id", client.client_id), ("client_secret", secret)), {}
    return tuple(assertion_form(client, mac(client, idp.issuer, secret, time.time())).items()), {}


def mac(client: Client, issuer: str, secret: str, now: float) -> str:
    """An assertion under HS256, keyed by ``secret`` (OpenID Connect Core section 9)."""
    parts = ({"alg": "HS256", "typ": "JWT"}, assertion_claims(client, issuer, now))
    signed = ".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{signed}.{b64(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"
