"""A client's secret is sent as RFC 6749 section 2.3.1 says, by whoever asks: what a doctor gets, the load gets too."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote_plus

import pytest

from idchaos.run.leaks import credentials
from idchaos.targets.endpoints import Client, Endpoints
from idchaos.targets.oidc import OidcClient, basic

SECRET = "q+Zt/8:% é=="
CLIENT = Client(client_id="batch:1", client_secret=SECRET, grants=("client_credentials",))


def told_by(header: str) -> tuple[str, str]:
    """ID and secret, as an IdP that goes by the standard reads them."""
    client_id, secret = base64.b64decode(header.removeprefix("Basic ")).decode().split(":")
    return unquote_plus(client_id), unquote_plus(secret)


class Idp(BaseHTTPRequestHandler):
    """Gives a token to whom it knows."""

    def do_GET(self) -> None:
        self._answer(200, {"token_endpoint": f"http://127.0.0.1:{self.server.server_address[1]}/token"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        known = told_by(self.headers["Authorization"]) == ("batch:1", SECRET)
        self._answer(200 if known else 401, {"access_token": "t"})

    def _answer(self, status: int, document: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def idp() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Idp)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_secret_may_have_any_characters(idp: str) -> None:
    endpoints = Endpoints(issuer=idp, idp_url=idp, gateways=(), routes=(), clients=(CLIENT,), users=())
    oidc = OidcClient(endpoints, Counter(), Counter())
    assert oidc.token(CLIENT) == "t"
    oidc.close()


def test_what_is_searched_for_in_logs_is_what_was_sent() -> None:
    endpoints = Endpoints(issuer="", idp_url="", gateways=(), routes=(), clients=(CLIENT,), users=())
    (known,) = (each.value for each in credentials(endpoints) if each.kind == "basic_credentials of batch:1")
    assert basic(CLIENT) == {"Authorization": f"Basic {known}" + "=" * (-len(known) % 4)}
