"""Whose turn it is among canaries, where each goes, and whose token it looks like."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from idchaos.experiment import CanaryPlan
from idchaos.graph import Route
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.mints import ControlApi, TokenSpec
from idchaos.load.canaries.rota import Rota
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.engine.recorder import About
from idchaos.targets.endpoints import User

ROUTES = tuple(
    Route(path=f"/{name}", service=name, audience=name, scope=name, posts=True) for name in ("orders", "accounts")
)
BAD = Call(about=About(), lines=b"")


@pytest.fixture
def endpoints(scene):
    return scene.endpoints.model_copy(update={"routes": ROUTES})


def test_two_attempts_meet_both_replicas_both_methods_and_both_routes(endpoints):
    rota = Rota(endpoints, 2)
    first, second = rota.place("tampered", BAD), rota.place("tampered", BAD)
    assert all(one != other for one, other in zip(first[:3], second[:3], strict=True))


@pytest.mark.parametrize("before", range(6))
def test_so_they_do_however_many_other_ways_came_before(endpoints, before):
    rota = Rota(endpoints, 2)
    odd = [Call(about=About(way=f"way-{number}"), lines=b"", method="PROPFIND") for number in range(before + 1)]
    for each in odd[:-1]:
        rota.place("odd_request", each)
    first, second = rota.place("odd_request", odd[-1]), rota.place("odd_request", odd[-1])
    assert (first.replica, first.route) == (1 - second.replica, 1 - second.route)


@pytest.mark.parametrize("services_decide", [False, True])
def test_who_decides_takes_strict_turns(endpoints, services_decide):
    rota = Rota(endpoints.model_copy(update={"services_decide": services_decide}), 2)
    places = [rota.place("expired", BAD) for _ in range(12)]
    deciders = [place.route if services_decide else place.replica for place in places]
    assert deciders == [0, 1] * 6


@pytest.mark.parametrize("around", [(), ("tampered",)])
def test_soon_it_has_been_everywhere(endpoints, around):
    rota = Rota(endpoints, 2, around)
    met = Counter(rota.place("tampered", BAD) for _ in range(16))
    assert len(met) == (16 if around else 8)


def test_through_gateways_replicas_take_turns_also_where_every_second_one_goes_around_them(endpoints):
    rota = Rota(endpoints, 2, ("tampered",))
    places = [rota.place("tampered", BAD) for _ in range(12)]
    assert [place.replica for place in places if not place.around] == [0, 1] * 3


def test_makes_begin_at_different_places(endpoints):
    rota = Rota(endpoints, 2)
    assert len({rota.place("odd_request", replace(BAD, about=About(way=str(way)))) for way in range(4)}) == 4


def test_a_token_is_not_sent_where_it_is_good_nor_an_odd_request_by_another_method(endpoints):
    rota = Rota(endpoints, 2)
    at_home = replace(BAD, good_for="orders")
    assert {rota.place("wrong_audience", at_home).route for _ in range(8)} == {1}
    alike = replace(BAD, resembles="orders")
    assert {rota.place("wrong_audience", alike).route for _ in range(8)} == {0}
    odd = replace(BAD, suffix="/2/3")
    assert {rota.place("odd_request", odd).method for _ in range(8)} == {"GET"}


def test_where_nobody_posts_bad_ones_are_not_posted_either(scene):
    rota = Rota(scene.endpoints, 2)
    assert {rota.place("tampered", BAD).method for _ in range(8)} == {"GET"}


def test_what_is_ripe_for_a_short_time_catches_up_with_the_rest_of_its_kind(endpoints):
    """Tokens of a key that is withdrawn late have their turns, however many of the others there are."""
    rota, shelf, none = Rota(endpoints, 2), Shelf(20), Shelf(20)
    for kid in ("old", "new") * 8:
        shelf.put(replace(BAD, lot=kid, bad_from=0.0 if kid == "old" else 10.0))
    early = [rota.take("retired_key", (none, shelf), 5.0) for _ in range(4)]
    late = [rota.take("retired_key", (none, shelf), 15.0) for _ in range(6)]
    assert [call.lot for call in early] == ["old"] * 4
    assert [call.lot for call in late] == ["new"] * 4 + ["old", "new"]
    assert rota.take("retired_key", (none,), 15.0) is None


def test_the_last_of_its_lot_stays(endpoints):
    shelf = Shelf(20)
    shelf.put(replace(BAD, lot="old"))
    shelf.put(replace(BAD, lot="new"))
    assert [shelf.take(1.0, "new").lot for _ in range(3)] == ["new"] * 3


def bench_at(scene, world, **plan):
    scene.endpoints = scene.endpoints.model_copy(
        update={"users": (User(username="alice", password="p"), User(username="bob", password="p"))}
    )
    planned = CanaryPlan(kinds=("tampered",), clock_margin_s=6.0, **plan)
    return Bench(scene, planned, scene.roles, 2, ControlApi(world.control(), "secret"))


def test_tokens_made_to_order_look_like_each_client_s_and_user_s_in_turn(scene, world):
    bench = bench_at(scene, world)
    made = [bench.in_turn("expired", TokenSpec({"exp": 1})) for _ in range(4)]
    whose = [(spec.client_id, spec.claims.get("sub")) for spec in made]
    assert whose == [("", None), ("web", "bob"), ("", None), ("web", "alice")]
    assert bench.in_turn("early", TokenSpec()).client_id == "web", "another make begins with another client"
    assert bench.in_turn("early", TokenSpec({"sub": "x"})).claims.get("sub") == "x"


def test_whoever_is_shown_has_almost_the_name_of_a_user(scene, world):
    bench = bench_at(scene, world)
    long = "alice" + "x" * 250, "bob" + "x" * 252
    assert [bench.namesake() for _ in range(6)] == ["alice.", long[1], "ALICE", "bob.", long[0], "BOB"]
    scene.endpoints = scene.endpoints.model_copy(update={"users": ()})
    assert bench.namesake().startswith("canary-")
    assert len(bench.namesake()) == 255
    assert bench.namesake().startswith("CANARY-")


def test_forgeries_are_made_from_each_client_s_token(scene, world):
    bench = bench_at(scene, world)
    assert bench.renew()
    good, (other,) = bench.good, bench.others
    assert other.token != good.token
    made = {(number % 2, bench.to_forge(number, 2).token) for number in range(4)}
    assert made == {(way, each.token) for way in (0, 1) for each in (good, other)}


def test_where_tokens_look_all_like_one_they_are_taken_as_they_come(scene):
    bench = Bench(scene, CanaryPlan(kinds=("tampered",), clock_margin_s=6.0), scene.roles, 2)
    assert bench.in_turn("expired", TokenSpec({"exp": 1})) == TokenSpec({"exp": 1})
    assert bench.renew()
    assert bench.others == ()
