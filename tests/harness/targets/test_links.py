"""Toxiproxy's client: neither the environment's HTTP proxy nor a server that hangs gets in its way."""

from __future__ import annotations

import pytest
import requests

from idchaos.errors import FaultError
from idchaos.undo.toxiproxy import API_TIMEOUT_S, Links


class Recorded(requests.adapters.BaseAdapter):
    """Answers nothing, and remembers how it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.timeout: object = None
        self.proxies: object = None

    def send(self, request: object, **options: object) -> requests.Response:  # type: ignore[override]
        self.timeout, self.proxies = options["timeout"], options["proxies"]
        raise requests.ConnectionError("nobody there")

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(name="wire")
def _wire(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    wire = Recorded()
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setattr("idchaos.undo.toxiproxy._http.adapters", {"http://": wire})
    return wire


def test_what_the_client_library_sends_goes_straight_to_the_server_and_not_for_ever(wire: Recorded) -> None:
    with pytest.raises(FaultError, match="could not disable proxy p: nobody there"):
        Links("127.0.0.1:1").disable("p")
    assert not wire.proxies
    assert wire.timeout == API_TIMEOUT_S


def test_what_is_read_directly_does_so_too(wire: Recorded) -> None:
    with pytest.raises(FaultError, match="could not read version"):
        Links("127.0.0.1:1").version()
    assert not wire.proxies
    assert wire.timeout == API_TIMEOUT_S


class Failing(requests.adapters.BaseAdapter):
    """Answers 500 to every change, as Toxiproxy does when a port is taken; there is one proxy, ``p``."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:  # type: ignore[override]
        response = requests.Response()
        reads = request.method == "GET"
        response.status_code, response.reason = (200, "OK") if reads else (500, "Internal Server Error")
        proxy = b'{"p": {"name": "p", "listen": "", "upstream": "", "enabled": false, "toxics": []}}'
        response._content = proxy if reads else self.body
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


TAKEN = b'{"error": "listen tcp 127.0.0.1:1: bind: address already in use", "status": 500}'


@pytest.mark.parametrize(
    ("body", "says"),
    [(TAKEN, "listen tcp 127.0.0.1:1: bind: address already in use"), (b"", "500 Internal Server Error")],
)
def test_a_server_that_fails_is_not_taken_for_one_that_obeys(
    body: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idchaos.undo.toxiproxy._http.adapters", {"http://": Failing(body)})
    links = Links("127.0.0.1:1")
    with pytest.raises(FaultError, match=f"could not enable proxy p: {says}"):
        links.enable("p")
    with pytest.raises(FaultError, match=f"could not create proxy q: {says}"):
        links.create("q", listen="127.0.0.1:1", upstream="127.0.0.1:2")
