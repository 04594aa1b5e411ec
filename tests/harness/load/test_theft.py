"""A thief uses what was stolen, stays in where there is a refresh token, and never betrays themselves."""

import gevent
import pytest

from idchaos.load.engine.response import Response
from idchaos.load.flows.theft import Theft
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.sessions import _expected
from idchaos.planning.arrivals import Arrival
from idchaos.record.samples import COLUMNS, read_stream


@pytest.fixture
def thief(world, scene):
    """Uses one kind of loot now; the samples so far as (flow's endpoint, session, decision)."""
    thief = Theft().sender(scene)

    def use(loot):
        arrival = Arrival(0.0, 0, 0, 0, 0, thief.loot.index(loot))
        gevent.spawn(thief.send, arrival, scene.clock.now()).join()
        scene.recorder.write(scene.recorder.take())
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(scene.recorder._path)]
        assert {row["expected"] for row in rows} <= {"either"}
        return [(row["endpoint"], row["way"], row["decision"]) for row in rows]

    return use


def test_an_access_token_is_stolen_once_and_never_refreshed(world, thief):
    thief("access")
    world.now += 500
    assert thief("access") == [("/orders", "access", "accept")] * 2
    assert world.refreshed == []


def test_a_session_is_refreshed_when_half_of_its_token_s_life_is_over(world, thief):
    thief("session")
    world.now += 100  # of 300
    assert [endpoint for endpoint, _, _ in thief("session")] == ["/orders", "/orders"]
    world.now += 60
    assert [endpoint for endpoint, _, _ in thief("session")][2:] == ["token", "/orders"]
    world.now += 160
    thief("session")
    assert world.refreshed == ["r1", "r2"]  # each token once: nothing that a detector of replays would see


def test_a_thief_who_was_shut_out_does_not_knock_again(world, thief):
    thief("session")
    world.family_revoked = True
    world.now += 200
    thief("session")
    world.now += 50
    assert [decision for endpoint, _, decision in thief("session") if endpoint == "token"] == ["deny"]


def test_cookies_log_the_thief_in_again_until_they_do_no_more(world, thief):
    codes, redeemed = [Code("c1", "http://127.0.0.1/cb", "v")], {"access_token": "b", "expires_in": 300}
    refused = Step("authorize", Response(302), "deny", "login_required")
    world.silent_code = lambda client, cookies: (world._step("authorize"), codes.pop()) if codes else (refused, None)
    world.redeem = lambda client, code, verifier: (world._step("token"), redeemed)
    thief("browser")
    for _ in range(3):
        world.now += 200
        seen = thief("browser")
    assert [(endpoint, decision) for endpoint, _, decision in seen] == [
        ("/orders", "accept"),
        ("token", "accept"), ("/orders", "accept"),
        ("authorize", "deny"), ("/orders", "accept"),
        ("/orders", "accept"),
    ]  # fmt: skip
    assert world.refreshed == []


def test_where_nothing_could_be_stolen_nothing_is_said(world, thief):
    world.away = True
    assert thief("session") == []


@pytest.mark.parametrize(
    ("age", "limit", "expected"),
    [
        (1e9, None, "accept"),
        (8.4, 10, "accept"),
        (8.6, 10, "either"),
        (9.6, 10, "either"),
        (10.4, 10, "either"),
        (10.6, 10, "deny"),
    ],
)
def test_a_refresh_beyond_the_age_of_sessions_must_be_refused(age, limit, expected):
    assert _expected(age, limit) == expected
