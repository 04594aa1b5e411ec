"""Where it is asked: other methods, two headers, other places. And how their refusal is read."""

import pytest

from idchaos.experiment import CanaryPlan
from idchaos.load.canaries.kinds.other_method import METHODS, OtherMethod
from idchaos.load.canaries.kinds.other_place import placed
from idchaos.load.canaries.kinds.second_header import SecondHeader
from idchaos.load.canaries.stock import Shelf
from idchaos.load.canaries.upkeep import Canaries
from idchaos.load.decide import at_odd_request
from idchaos.load.engine.response import Response


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
        "lower_case": ("", b"Authorization: bearer t\r\n"),
    }
