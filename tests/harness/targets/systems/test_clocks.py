"""Clocks that are off are told before a run, for a token that has expired by one of them may be good by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from idchaos.errors import TargetError
from idchaos.graph import Route
from idchaos.targets.endpoints import Endpoints, Gateway
from idchaos.targets.gateways.checks import insist_on
from idchaos.targets.systems.clocks import clock, clocks


@pytest.mark.parametrize(
    ("told", "ok", "said"),
    [
        ({"date": "Thu, 01 Jan 1970 00:16:40 GMT"}, True, "its clock is right"),
        ({"date": "Thu, 01 Jan 1970 00:17:40 GMT"}, False, "its clock is 60 s ahead of this machine's"),
        ({"date": "Thu, 01 Jan 1970 00:16:10 GMT"}, False, "its clock is 30 s behind this machine's"),
        ({"date": "Thu, 01 Jan 1970 00:16:10 GMT", "age": "30"}, True, "its clock is right"),
        ({"date": "Thu, 01 Jan 1970 00:16:10 GMT", "age": "old"}, False, "its clock is 30 s behind"),
        ({}, True, "tells no time"),
        ({"date": "yesterday"}, True, "tells no time"),
    ],
)
def test_clocks_are_compared_by_what_answers_say(told: dict[str, str], ok: bool, said: str) -> None:
    found = clock("idp", told, now=1000.0)
    assert (found.ok, said in found.what) == (ok, True)


@pytest.mark.parametrize(("known_s", "ok"), [(0, False), (27, False), (28, True), (60, True)])
def test_what_is_known_keeps_nobody_from_a_run(known_s: float, ok: bool) -> None:
    assert clock("idp", {"date": "Thu, 01 Jan 1970 00:16:10 GMT"}, now=1000.0, known_s=known_s).ok is ok


class Elsewhere(BaseHTTPRequestHandler):
    """A part of a system whose clock is off at its first answers."""

    off_s, for_answers = 0.0, 0
    answers = 0

    def do_GET(self) -> None:
        Elsewhere.answers += 1
        self.send_response_only(401)
        self.send_header("Date", formatdate(time.time() + (self.off_s if self.answers <= self.for_answers else 0)))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    Elsewhere.answers = 0
    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    gateways = (Gateway(name="gateway-1", url=url), Gateway(name="gateway-2", url="http://127.0.0.1:1"))
    routes = (Route(path="/", service="api", audience="api", scope=""),)
    yield Endpoints(issuer=url, idp_url=url, gateways=gateways, routes=routes, clients=(), users=())
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_run_is_refused_in_a_line_that_says_how_much_and_what_would_be_right(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "off_s", -90.0)
    monkeypatch.setattr(Elsewhere, "for_answers", 1000)
    with pytest.raises(TargetError, match=r"^idp: its clock is 9[01] s behind this machine's: set both right, .*"):
        insist_on(clocks(endpoints, 0))
    insist_on(clocks(endpoints, 90))


def test_a_machine_that_stood_still_while_it_looked_looks_again(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "off_s", -90.0)
    monkeypatch.setattr(Elsewhere, "for_answers", 2)
    found = list(clocks(endpoints, 0))
    assert [each.what for each in found] == [
        f"{name}: its clock is right, within 2 s" for name in ("idp", "gateway-1")
    ]  # who does not answer is told elsewhere
