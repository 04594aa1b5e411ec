"""Parallel replays: one thing of its own each, used by several at the same moment."""

import gevent
import pytest

from idchaos.load.engine.job import Roles
from idchaos.load.flows.parallel import ParallelReplay, kinds_of
from idchaos.planning.arrivals import Arrival
from idchaos.record.samples import COLUMNS, read_stream
from idchaos.targets.endpoints import Client

SIGNER = Client(client_id="signer", private_jwk={"kty": "EC"}, grants=("client_credentials",))


@pytest.fixture
def replay(world, scene):
    clients = (*scene.endpoints.clients, SIGNER)
    scene.endpoints = scene.endpoints.model_copy(update={"clients": clients})
    world.assertion = lambda client: f"assertion of {client.client_id}"
    world.client_credentials = lambda client, made="": (world._step("token"), {})
    replays = ParallelReplay(at_once=3).sender(scene)

    def run(kind):
        gevent.spawn(
            replays.send, Arrival(0.0, 0, 0, 0, 0, kinds_of(scene.roles).index(kind)), scene.clock.now()
        ).join()
        scene.recorder.write(scene.recorder.take())
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(scene.recorder._path)]
        return [(row["session"], row["way"], row["expected"], row["decision"]) for row in rows]

    return run


@pytest.mark.parametrize("kind", ["code", "refresh"])
def test_of_three_who_use_the_same_one_is_served(replay, kind):
    rows = replay(kind)
    assert [(session, way) for session, way, _, _ in rows] == [("parallel-1", kind)] * 3
    assert {expected for _, _, expected, _ in rows} == {"either"}
    assert [decision for *_, decision in rows] == ["accept", "deny", "deny"]


def test_an_idp_that_does_not_look_serves_them_all(replay):
    assert [decision for *_, decision in replay("assertion")] == ["accept"] * 3


@pytest.mark.parametrize("kind", ["code", "refresh"])
def test_where_nothing_could_be_had_that_is_what_the_sample_says(world, replay, kind):
    world.away = True
    assert replay(kind) == [("parallel-1", kind, "either", "undecided")]


@pytest.mark.parametrize(
    ("grants", "more", "kinds", "left_out"),
    [
        (("authorization_code", "refresh_token"), (SIGNER,), ("code", "refresh", "assertion"), 0),
        (("authorization_code", "refresh_token"), (), ("code", "refresh"), 1),
        (("authorization_code",), (), ("code",), 2),
    ],
)
def test_what_a_target_has_not_is_left_out_and_told(grants, more, kinds, left_out):
    roles = Roles.of((Client(client_id="web", grants=grants), *more))
    assert kinds_of(roles) == kinds
    assert len(ParallelReplay().leaves_out(roles)) == left_out
