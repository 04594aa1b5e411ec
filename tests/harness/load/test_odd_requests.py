"""Where it is asked: other methods, two headers, other places. And how their refusal is read."""

from urllib.parse import urlsplit

import pytest

from idchaos.dialects import GENERIC
from idchaos.experiment import CanaryPlan
from idchaos.load.canaries.kinds.foreign_page import ForeignPage, origins
from idchaos.load.canaries.kinds.good_elsewhere import GoodElsewhere, elsewhere
from idchaos.load.canaries.kinds.markup_repeated import LINKS, MARKUP, MarkupRepeated
from idchaos.load.canaries.kinds.named_url import NamedUrl
from idchaos.load.canaries.kinds.odd_header import HEADED, OddHeader
from idchaos.load.canaries.kinds.odd_request import ODD, OddRequest
from idchaos.load.canaries.kinds.other_method import METHODS, OtherMethod
from idchaos.load.canaries.kinds.other_place import placed
from idchaos.load.canaries.kinds.own_page import PAGES, OwnPage
from idchaos.load.canaries.kinds.second_header import SecondHeader
from idchaos.load.canaries.stock import Shelf, spelled
from idchaos.load.canaries.upkeep import Canaries
from idchaos.load.decide import at_foreign_page, at_handshake, at_odd_request, at_page, at_service
from idchaos.load.engine.response import Response
from idchaos.load.idp.tokens import peek


@pytest.fixture
def bench(scene):
    bench = Canaries(scene, CanaryPlan(kinds=("tampered",), clock_margin_s=6.0), 1.0).bench
    assert bench.renew()
    return bench


@pytest.mark.parametrize(
    ("status", "headers", "decision"),
    [
        (401, {}, "deny"),
        (400, {}, "deny"),
        (404, {}, "deny"),
        (405, {}, "deny"),
        (413, {}, "deny"),
        (421, {}, "deny"),
        (501, {}, "deny"),
        (200, {}, "accept"),
        (204, {}, "accept"),
        (500, {}, "undecided"),
        (503, {"Idchaos-Reason": "introspection_unavailable"}, "undecided"),
        (0, {}, "undecided"),
    ],
)
def test_what_is_no_request_of_this_api_may_be_refused_as_such(status, headers, decision):
    assert at_odd_request(Response(status=status, headers=headers))[0] == decision


@pytest.mark.parametrize(
    ("told", "body", "decision"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, b"<p>no: /orders/<img src=idchaos>", "accept"),
        ({"Content-Type": "text/html"}, b"<p>no: /orders/&lt;img src=idchaos&gt;", "deny"),
        ({"Content-Type": "application/json"}, b'{"path": "/orders/<img src=idchaos>"}', "deny"),
        ({}, b"no: /orders/<img src=idchaos>", "accept"),
        ({"X-Content-Type-Options": "nosniff"}, b"no: /orders/<img src=idchaos>", "deny"),
    ],
)
def test_markup_counts_where_a_browser_reads_it_as_such(told, body, decision):
    answer = Response(status=401, headers=told, body=body)
    assert at_page(answer, markup=MARKUP.encode())[0] == decision
    assert at_page(Response(error="read_timeout"), markup=b"") == ("undecided", "read_timeout")


def test_links_with_markup_are_followed_at_the_api_and_elsewhere(bench):
    shelf = Shelf(len(LINKS), "always")
    MarkupRepeated().gain(bench, shelf)
    made = [shelf.take(bench.now) for _ in LINKS]
    assert {call.about.way: (call.suffix, call.path) for call in made} == LINKS


def test_each_method_is_asked_without_a_token_and_with_a_bad_one(bench):
    shelf = Shelf(20, "always")
    OtherMethod().gain(bench, shelf)
    made = [shelf.take(bench.now) for _ in range(len(METHODS) * 2)]
    assert {(call.method, b"Bearer" in call.lines) for call in made} == {
        (method, with_token) for method in METHODS for with_token in (False, True)
    }


def test_of_two_headers_one_is_good_and_the_bad_one_is_first_and_last(bench):
    shelf = Shelf(20, "always")
    SecondHeader().gain(bench, shelf)
    good_first, bad_first = shelf.take(bench.now), shelf.take(bench.now)
    good = bench.round_token.bearer
    assert good_first.lines.startswith(good)
    assert bad_first.lines.endswith(good)
    assert good_first.lines.count(b"Authorization: ") == bad_first.lines.count(b"Authorization: ") == 2


def test_a_bad_token_stands_elsewhere():
    assert placed("t") == {
        "query": ("?access_token=t", b""),
        "cookie": ("", b"Cookie: access_token=t\r\n"),
        "basic": ("", b"Authorization: Basic t\r\n"),
        "dpop": ("", b"Authorization: DPoP t\r\n"),
        "other_headers": ("", b"X-Access-Token: t\r\nX-Forwarded-Access-Token: t\r\n"),
        "lower_case": ("", b"Authorization: bearer t\r\n"),
    }


def test_a_good_token_stands_where_none_belongs():
    found = elsewhere("t")
    assert found["query"].suffix == "?access_token=t"
    assert (found["post_form"].method, found["post_form"].body) == ("POST", b"access_token=t")
    assert {call.lines for call in found.values()} >= {
        b"Cookie: access_token=t\r\n", b"Authorization: Basic t\r\n", b"Authorization: Token t\r\n",
        b"Authorization: JWT t\r\n", b"Authorization: DPoP t\r\n",
    }  # fmt: skip
    assert not any(b"\nAuthorization: Bearer" in b"\n" + call.lines for call in found.values())


def test_good_tokens_elsewhere_are_no_canaries_once_they_may_have_expired(bench):
    shelf = Shelf(20, "always")
    GoodElsewhere().gain(bench, shelf)
    assert {call.about.way for call in shelf} == set(elsewhere("t"))
    assert {call.bad_until for call in shelf} == {bench.until(bench.round_token)}


@pytest.mark.parametrize(
    ("form", "host", "agent"),
    [
        ("kubernetes", b"127.0.0.1:8", b"kube-probe/1.31"),
        ("google", b"127.0.0.1:8", b"GoogleHC/1.0"),
        ("amazon", b"127.0.0.1:8", b"ELB-HealthChecker/2.0"),
        ("stranger_host", b"nobody.invalid", b"idchaos"),
    ],
)
def test_who_asks_and_whom_is_said_in_other_ways(form, host, agent):
    head = b"GET /orders/1 HTTP/1.1\r\nHost: 127.0.0.1:8\r\nUser-Agent: idchaos\r\nAccept: */*\r\n"
    lines = spelled(head, form, "http://127.0.0.1:8").split(b"\r\n")
    assert lines == [b"GET /orders/1 HTTP/1.1", b"Host: " + host, b"User-Agent: " + agent, b"Accept: */*", b""]


class Front:
    """A gateway that answers all paths by one status; ``dialect`` and all else as ever."""

    dialect = GENERIC

    def __init__(self, status):
        self.status, self.asked, self.site = status, [], self

    def head(self, method, path, headers):
        return f"{method} {path}".encode()

    def send(self, head):
        self.asked.append(head.decode())
        return Response(status=self.status)


def test_pages_of_a_gateway_s_own_are_asked_for_without_a_token(bench):
    front = Front(404)
    bench.scene.gates = [front]
    shelf = Shelf(50, "always")
    OwnPage().gain(bench, shelf)
    OwnPage().gain(bench, shelf)
    assert {call.path for call in shelf} == set(PAGES.values())
    assert {call.about.way for call in shelf} == set(OwnPage().each_way)
    assert not any(call.lines or call.is_everyday for call in shelf)
    assert len(front.asked) == 1


def test_where_every_path_is_answered_nobody_can_tell(bench):
    bench.scene.gates = [Front(404), Front(200)]
    shelf = Shelf(50, "always")
    OwnPage().gain(bench, shelf)
    assert not list(shelf)
    assert bench.scene.recorder.not_offered["own_page:state"] == "the gateway answers whatever path is asked"


def test_odd_requests_carry_no_token(bench):
    shelf = Shelf(50, "always")
    OddRequest().gain(bench, shelf)
    assert {call.about.way for call in shelf} == set(ODD)
    assert not [call.about.way for call in shelf if b"Authorization" in call.lines]


def test_headers_that_must_change_nothing_come_without_a_token_but_for_one(bench):
    shelf = Shelf(50, "always")
    OddHeader().gain(bench, shelf)
    assert {call.about.way for call in shelf} == {*HEADED, "websocket_tampered"}
    assert [call.about.way for call in shelf if b"Authorization" in call.lines] == ["websocket_tampered"]


@pytest.mark.parametrize(("status", "decision"), [(101, "accept"), (200, "accept"), (401, "deny"), (426, "undecided")])
def test_a_websocket_that_is_opened_is_accepted(status, decision):
    assert at_handshake(Response(status=status))[0] == decision


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("", b"GET /orders/1 HTTP/1.1"),
        ("http10", b"GET /orders/1 HTTP/1.0"),
        ("absolute", b"GET http://127.0.0.1:8/orders/1 HTTP/1.1"),
    ],
)
def test_a_first_line_is_spelled_in_other_ways(form, first):
    head = b"GET /orders/1 HTTP/1.1\r\nHost: 127.0.0.1:8\r\nAccept: */*\r\n"
    assert spelled(head, form, "http://127.0.0.1:8") == first + b"\r\nHost: 127.0.0.1:8\r\nAccept: */*\r\n"


@pytest.mark.parametrize(
    ("status", "body", "decision"),
    [(200, b'{"echo": "e"}', "accept"), (200, b'{"echo": null}', "deny"), (204, b"", "deny"), (401, b"", "deny")],
)
def test_what_may_be_answered_by_whoever_stands_before_the_service(status, body, decision):
    assert at_service(Response(status=status, body=body))[0] == decision


def test_who_asks_for_a_url_that_a_token_names_has_accepted_it_whatever_they_say(bench):
    shelf = Shelf(20, "last")
    NamedUrl().gain(bench, shelf)
    calls = list(shelf)
    assert [call.about.way for call in calls] == ["jku", "jku", "x5u", "x5u"]
    assert [peek(call.lines.decode().split()[-1])[0]["alg"] for call in calls] == ["RS256", "ES256"] * 2
    refused = Response(status=401)
    assert [call.decide(refused, GENERIC)[0] for call in calls] == ["deny"] * 4
    name, alg, what = urlsplit(peek(calls[0].lines.decode().split()[-1])[0]["jku"]).path.lstrip("/").split("/")
    assert (alg, what) == ("RS256", "jwks")
    bench.listener.asked.add(name)
    assert [call.decide(refused, GENERIC)[0] for call in calls] == ["accept", "deny", "deny", "deny"]


@pytest.mark.parametrize(
    ("status", "origin", "credentials", "decision"),
    [
        (200, "https://nobody.invalid", "true", "accept"),
        (200, "https://nobody.invalid", "", "deny"),
        (200, "*", "true", "deny"),
        (200, "https://own.example", "true", "deny"),
        (200, "", "", "deny"),
        (403, "https://nobody.invalid", "true", "deny"),
        (503, "https://nobody.invalid", "true", "undecided"),
    ],
)
def test_a_page_of_another_site_reads_what_browsers_let_it_read(status, origin, credentials, decision):
    told = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": credentials}
    answer = Response(status=status, headers={name: value for name, value in told.items() if value})
    assert at_foreign_page(answer, GENERIC, origin="https://nobody.invalid")[0] == decision


def test_pages_of_nobody_come_with_a_good_token(bench):
    shelf = Shelf(20, "always")
    ForeignPage().gain(bench, shelf)
    asked = {call.about.way: call.lines.decode() for call in shelf}
    assert set(asked) == set(ForeignPage.each_way)
    assert all("Authorization: Bearer " in lines for lines in asked.values())
    assert "Origin: null\r\n" in asked["null"]
    assert [way for way, origin in origins("http://api.example:8") if origin == "http://api.example:8.nobody.invalid"]
