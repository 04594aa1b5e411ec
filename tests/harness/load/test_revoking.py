"""An access token is revoked at the IdP's endpoint, or as a target's file says."""

from __future__ import annotations

import base64
import json

import pytest

from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Idp
from idchaos.load.idp.revoking import can_revoke, revoke
from idchaos.targets.endpoints import Client, Endpoints, RevocationCall

CLIENT = Client(client_id="batch", client_secret="shibboleth", grants=("client_credentials",))


def token(**claims: object) -> str:
    parts = (json.dumps(each).encode() for each in ({"alg": "RS256"}, claims, {}))
    return ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts)


class Site:
    """Whoever is asked: keeps what it was sent."""

    base = "http://127.0.0.1:7000"

    def __init__(self, status: int) -> None:
        self.status, self.sent = status, list[tuple[bytes, bytes]]()

    def head(self, method: str, target: str, headers: dict[str, str]) -> bytes:
        return json.dumps([method, target, headers]).encode()

    def send(self, head: bytes, body: bytes = b"", *, replayable: bool = True, late_s: float = 0.0) -> Response:
        self.sent.append((head, body))
        return Response(self.status)


def idp(site: Site, revocation: RevocationCall | None) -> Idp:
    endpoints = Endpoints(
        issuer="http://127.0.0.1:8080", idp_url="http://127.0.0.1:8080", gateways=(), routes=(), clients=(CLIENT,),
        users=(), revocation=revocation,
    )  # fmt: skip
    return Idp(endpoints, lambda _: site)


@pytest.mark.parametrize(("status", "decision"), [(204, "accept"), (403, "undecided"), (503, "undecided")])
def test_by_the_request_of_the_file(status: int, decision: str) -> None:
    site = Site(status)
    call = RevocationCall(
        method="PUT", url="http://127.0.0.1:7000/revoked/{jti}", body='{"token": "{token}"}', secret="s3cret"
    )
    asked = idp(site, call)
    assert can_revoke(asked)
    stolen = token(jti="o/ne")
    assert revoke(asked, CLIENT, stolen).decision == decision
    ((head, body),) = site.sent
    method, target, headers = json.loads(head)
    assert (method, target, headers["Authorization"]) == ("PUT", "/revoked/o%2Fne", "Bearer s3cret")
    assert json.loads(body) == {"token": stolen}


def test_nobody_can_where_neither_the_idp_nor_the_file_has_a_way() -> None:
    assert not can_revoke(idp(Site(200), None))
