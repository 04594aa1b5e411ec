"""Revoked tokens as canaries: which are made, when they are surely bad, and for whom."""

from itertools import groupby
from types import SimpleNamespace

import pytest

from idchaos.experiment import RESTED, Canary
from idchaos.load.canaries.bench import PERIOD_S, Bench
from idchaos.load.canaries.kinds.revoked import LISTED, RESTED_AT_ONCE
from idchaos.load.canaries.stock import Item, Shelf
from idchaos.load.engine.recorder import NOTHING, About
from idchaos.load.idp.tokens import Token, peek
from tests.harness.load.conftest import arrival, samples, stock


def test_a_revoked_token_is_sent_only_when_no_cache_may_still_accept_it(world, scene):
    canaries = stock(scene, Canary.REVOKED, revoked_after_s=30.0)
    canaries.canary(arrival(), due=1_000.0)
    assert samples(scene) == []
    assert scene.recorder.skipped == {"revoked": 1}
    world.now += 31
    canaries.canary(arrival(), due=1_031.0)
    (row,) = samples(scene)
    assert row["canary"] == "revoked"
    world.now += 600  # it has expired: a refusal would say nothing about revocation
    canaries.canary(arrival(), due=1_631.0)
    assert len(samples(scene)) == 1


def test_one_of_each_round_rests_until_an_outage_that_began_meanwhile_would_be_no_excuse(world, scene):
    """What is asked of it then is asked for the first time: a gateway that was refused before remembers that."""
    canaries = stock(scene, Canary.REVOKED, revoked_after_s=3.0)
    canaries.bench.under_load = True
    for _ in range(6):
        canaries.fill()
    rested = [call for call in canaries.stock[Canary.REVOKED] if call.lot == RESTED]
    assert len(rested) == RESTED_AT_ONCE
    assert {call.bad_from for call in rested} == {world.now + 3.0 + scene.plan.timeout_s + PERIOD_S}

    def ways() -> set[str]:
        for _ in range(20):
            canaries.canary(arrival(), world.now)
        return {row["way"] for row in samples(scene)}

    world.now += 4
    assert RESTED not in ways()
    world.now += scene.plan.timeout_s + PERIOD_S
    assert RESTED in ways()


def test_what_ends_before_it_has_rested_does_not_rest(world, scene):
    canaries = stock(scene, Canary.REVOKED, revoked_after_s=1_000_000.0)
    assert {call.lot for call in canaries.stock[Canary.REVOKED]} == {""}


def test_of_a_lot_the_last_that_turn_bad_are_kept():
    shelf = Shelf(10)
    for lot, bad_from in (("rested", 3.0), ("", 1.0), ("rested", 2.0), ("rested", 4.0)):
        shelf.put(Item(about=NOTHING, lot=lot, bad_from=bad_from), of_lot=2 if lot else 0)
    assert [(item.lot, item.bad_from) for item in shelf] == [("rested", 3.0), ("", 1.0), ("rested", 4.0)]


def test_a_token_revoked_under_load_must_be_refused_only_by_who_knew_of_it(world, scene):
    """A fault may keep the news of a revocation from a replica; to forget it again is a breach all the same."""
    canaries = stock(scene, Canary.REVOKED)
    canaries.stock[Canary.REVOKED] = Shelf(20, "always")
    canaries.bench.under_load = True
    canaries.fill()
    each = canaries.stock[Canary.REVOKED].lasting(world.now)
    for decided in ("accept", "deny", "accept"):
        world.unaware = {"gateway-1", "gateway-2"} if decided == "accept" else set()
        world.lag_polls = dict.fromkeys(("gateway-1", "gateway-2"), 0)
        for _ in range(2 * each):  # each of them at each replica
            canaries.canary(arrival(), world.now)
    outcomes = [row["outcome"] for row in samples(scene) if row["canary"]]
    assert [(outcome, len(list(rows)) >= 2 * each) for outcome, rows in groupby(outcomes)] == [
        ("ok", True), ("denied", True), ("wrongly_accepted", True),
    ]  # fmt: skip


def test_canaries_are_the_first_and_the_last_of_a_long_list_of_revocations(world, scene):
    """Who keeps only a part of it forgets one of them."""
    canaries = stock(scene, Canary.REVOKED)
    assert len(world.revoked) > LISTED
    made = {item.about.jti for item in canaries.stock[Canary.REVOKED]}
    first, *_, last = (peek(token)[1]["jti"] for token in world.revoked)
    assert {first, last} <= made
    canaries.bench.under_load = True
    before = len(world.revoked)
    canaries.fill()
    assert len(world.revoked) < before + LISTED


def test_what_ended_before_it_could_be_revoked_is_no_canary(world, scene, monkeypatch):
    def slowly(self, value, uses, turn, *, until):
        world.now += 10_000

    monkeypatch.setattr("idchaos.load.canaries.bench.Bench.heat", slowly)
    monkeypatch.setattr("idchaos.load.canaries.kinds.revoked.HOT_EVERY", 1)
    canaries = stock(scene, Canary.REVOKED)
    assert list(canaries.stock[Canary.REVOKED]) == []
    assert not world.revoked


def issued(at, iat, form="jwt"):
    return Token("t", b"", 20.0, at, About(format=form, iat=iat))


@pytest.mark.parametrize(
    ("token", "fresh", "error_s", "jumped"),
    [
        (issued(1000.0, 1000), issued(1005.0, 1035), 31.0, True),  # it was set while the token lived
        (issued(1000.0, 1030), issued(1005.0, 1035), 31.0, False),  # it was ahead already
        (issued(1000.6, 1000), issued(1005.0, 1006), 31.0, False),  # whole seconds
        (issued(1000.0, 1000), None, 31.0, True),
        (issued(1000.0, 1000, "opaque"), issued(1005.0, 1035), 31.0, False),  # it is gone, whatever ended it
        (issued(1000.0, 1000), issued(1005.0, 1035), 2.0, False),  # no clock is wrong by as much in this run
        (issued(1000.0, 1000), Token("t", b"", 20.0, 1005.0, NOTHING), 31.0, False),  # nobody tells
    ],
)
def test_what_has_ended_by_the_idps_clock_alone_is_no_canary(token, fresh, error_s, jumped):
    bench = SimpleNamespace(expired_after_s=error_s, machine_token=lambda: fresh)
    assert Bench.clock_jumped(bench, token) is jumped
