"""Races of refreshes, against an IdP with and without a grace."""

import gevent
import pytest

from idchaos.load.flows.races import LostAnswer, TwoTabs
from idchaos.planning.arrivals import Arrival
from idchaos.record.samples import COLUMNS, read_stream


@pytest.fixture
def race(scene):
    """Runs one race; the samples of the race itself, without its login."""
    flows = {"two_tabs": TwoTabs(), "lost_answer": LostAnswer(retry_after_s=0.0)}
    races = {name: flow.sender(scene) for name, flow in flows.items()}

    def run(flow):
        gevent.spawn(races[flow].send, Arrival(0.0, 0, 0, 0, 0, 0), scene.clock.now()).join()
        scene.recorder.write(scene.recorder.take())
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(scene.recorder._path)]
        return [(row["expected"], row["outcome"]) for row in rows if row["flow"] == flow]

    return run


FLOWS = ["two_tabs", "lost_answer"]


@pytest.mark.parametrize("flow", FLOWS)
def test_with_a_grace_both_uses_are_answered_and_the_session_goes_on(world, race, flow):
    world.grace = True
    assert race(flow) == [("either", "ok"), ("either", "ok"), ("accept", "ok")]


@pytest.mark.parametrize("flow", FLOWS)
def test_without_one_the_second_use_ends_the_session(race, flow):
    assert race(flow) == [("either", "ok"), ("either", "denied"), ("accept", "wrongly_denied")]


def test_the_last_tab_to_store_its_token_is_who_goes_on(world, race):
    world.grace = True
    race("two_tabs")
    assert world.refreshed[:2] == ["r1", "r1"]
    assert world.refreshed[2] == world.given[-2]  # the last one is what the check itself was given


def test_a_lost_answer_was_not_stored(world, race):
    world.grace = True
    race("lost_answer")
    assert world.refreshed[:2] == ["r1", "r1"]
    assert world.refreshed[2] == world.given[-2]


@pytest.mark.parametrize("flow", FLOWS)
def test_a_race_that_could_not_begin_says_nothing_about_races(world, race, flow):
    world.away = True
    assert race(flow) == []
