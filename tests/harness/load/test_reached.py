"""What a gateway refused is not served behind it."""

import json

import pytest

from idchaos.load.engine.reached import KEPT, Reached, served_lately


def test_what_no_service_names_went_no_further():
    reached = Reached()
    reached.refused("e1", "orders", "expired that gateway-1 had refused")
    reached.told("orders", ["e0"])
    assert reached.counts() == {"refused_requests_go_no_further": {"looked": 1, "broken": 0, "first": ""}}


def test_a_refused_request_that_was_served_is_a_breach():
    reached = Reached()
    reached.refused("e1", "orders", "expired that gateway-1 had refused")
    reached.told("orders", ["e0", "e1"])
    reached.told("orders", ["e1", "e2"])
    (found,) = reached.counts().values()
    assert found == {"looked": 1, "broken": 1, "first": "orders served expired that gateway-1 had refused"}


def test_it_may_be_served_before_its_refusal_is_heard_of():
    reached = Reached()
    reached.told("orders", ["e1"])
    reached.refused("e1", "orders", "expired")
    reached.told("orders", ["e1", "e2"])
    (found,) = reached.counts().values()
    assert (found["looked"], found["broken"]) == (1, 1)


def test_of_a_service_that_tells_nothing_nothing_is_known():
    reached = Reached()
    reached.refused("e1", "accounts", "expired")
    reached.told("orders", [])
    assert reached.counts() == {}


def test_only_so_many_are_kept():
    reached = Reached()
    for number in range(KEPT + 1):
        reached.refused(f"e{number}", "orders", "junk")
    reached.told("orders", ["e0", "e1"])
    assert reached.broken == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"served": ["e1", "e2"]}, ("e1", "e2")),
        ({"served": []}, ()),
        ({"served": ["e1", 2, None]}, ("e1",)),
        ({"served": 7}, None),
        ({"echo": "e1"}, None),
        (["served"], None),
    ],
)
def test_what_a_service_says_that_it_served(body, told):
    assert served_lately(json.dumps(body).encode()) == told


def test_what_can_not_be_read_tells_nothing():
    assert served_lately(b'{"served": [') is None
