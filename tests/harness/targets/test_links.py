"""Toxiproxy's client: neither the environment's HTTP proxy nor a server that hangs gets in its way."""

from __future__ import annotations

from collections.abc import Callable

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


class Other(requests.adapters.BaseAdapter):
    """Another server where Toxiproxy should be, which answers everything with the same; remembers who was asked."""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        super().__init__()
        self.status, self.body, self.headers = status, body, headers
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:  # type: ignore[override]
        self.asked.append(str(request.url))
        response = requests.Response()
        response.status_code, response._content = self.status, self.body
        response.headers.update(self.headers)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


ACTS: dict[str, Callable[[Links], object]] = {
    "read": lambda links: links.state(),
    "ask for the version": lambda links: links.version(),
    "switch off": lambda links: links.disable("p"),
    "lead elsewhere": lambda links: links.lead_to("p", "127.0.0.1:1"),
    "remove": lambda links: links.remove_toxic("p", "t"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_nothing_is_sent_where_a_redirect_leads(
    act: Callable[[Links], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Other(302, b"", Location="http://elsewhere.example/proxies")
    monkeypatch.setattr("idchaos.undo.toxiproxy._http.adapters", {"http://": other})
    with pytest.raises(FaultError, match=r"could not .*: redirects \(302\), which is not followed$"):
        act(Links("127.0.0.1:1"))
    assert len(other.asked) == 1
    assert "elsewhere" not in other.asked[0]


@pytest.mark.parametrize("body", [b"[]", b'{"p": 1}', b'{"p": {"enabled": true}}', b"1", b"null", b"<html>"])
@pytest.mark.parametrize("act", [ACTS["read"], ACTS["ask for the version"], ACTS["switch off"]])
def test_what_is_not_toxiproxy_is_told_in_a_line(
    act: Callable[[Links], object], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idchaos.undo.toxiproxy._http.adapters", {"http://": Other(200, body)})
    with pytest.raises(FaultError, match=r"^toxiproxy at .*: could not .*: what answers there is not its API$"):
        act(Links("127.0.0.1:1"))
