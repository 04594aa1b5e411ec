"""Revocation probes, against an IdP and gateways that are plain objects."""

from itertools import pairwise

import gevent

from idchaos.load.engine.job import Roles
from idchaos.load.flows.revocation import Revocation, probe_formats
from tests.harness.load.conftest import arrival, samples


def probe(scene, plan):
    probes = plan.sender(scene)
    gevent.spawn(probes.send, arrival(), scene.clock.now()).join()
    scene.background.join()
    return samples(scene)


def test_only_formats_that_a_client_can_get_are_probed(scene):
    assert [f for f, _ in probe_formats(Revocation(), Roles.of(scene.endpoints.clients))] == ["jwt"]


def test_a_probe_uses_revokes_and_polls_every_replica(world, scene, time_passes):
    world.lag_polls = {"gateway-1": 2, "gateway-2": 5}
    rows = probe(scene, Revocation(poll_every_s=0.1))
    assert {row["session"] for row in rows} == {"probe-jwt-1"}
    assert {row["flow"] for row in rows} == {"revocation"}
    first = [(row["endpoint"], row["replica"], row["expected"]) for row in rows[:4]]
    assert first == [
        ("token", "", "accept"),
        ("/orders", "gateway-1", "accept"),
        ("/orders", "gateway-2", "accept"),
        ("revoke", "", "accept"),
    ]
    polls = [row for row in rows if row["expected"] == "either"]
    for replica, accepted in (("gateway-1", 2), ("gateway-2", 5)):
        decisions = [row["decision"] for row in polls if row["replica"] == replica]
        assert decisions == ["accept"] * accepted + ["deny"] * 3


def test_a_probe_holds_no_room_of_the_load_while_it_is_polled(world, scene):
    """Its arrival is over when the token is revoked; the replicas are asked from then on."""
    world.unaware = {"gateway-1", "gateway-2"}
    probes = Revocation().sender(scene)
    gevent.spawn(probes.send, arrival(), scene.clock.now()).join(timeout=1)
    assert len(scene.background) == 2
    assert [row["endpoint"] for row in samples(scene)[:4]] == ["token", "/orders", "/orders", "revoke"]
    scene.background.kill()


def test_a_replica_that_never_refuses_is_given_up(world, scene, time_passes):
    world.unaware = {"gateway-1", "gateway-2"}
    polls = [
        row for row in probe(scene, Revocation(poll_every_s=0.5, give_up_after_s=5)) if row["expected"] == "either"
    ]
    assert {row["decision"] for row in polls} == {"accept"}
    assert max(row["due_at"] for row in polls) - min(row["due_at"] for row in polls) <= 10.5


def test_a_replica_is_asked_steadily_to_the_end(world, scene, time_passes):
    """What each use renews, for a second or more, never ends."""
    world.unaware = {"gateway-1", "gateway-2"}
    plan = Revocation(poll_every_s=0.5, give_up_after_s=30)
    due = [row["due_at"] for row in probe(scene, plan) if row["expected"] == "either" and row["replica"] == "gateway-1"]
    assert max(later - earlier for earlier, later in pairwise(due)) < 1
    assert due[-1] - due[0] > 25


def test_some_probes_rest_until_every_replica_must_refuse(world, scene, time_passes):
    world.lag_polls = {"gateway-1": 1, "gateway-2": 0}
    rows = probe(scene, Revocation(rest_every=1, rest_s=20, give_up_after_s=22))
    assert {row["session"] for row in rows} == {"rested-jwt-1"}
    revoked_at = next(row["due_at"] for row in rows if row["endpoint"] == "revoke")
    polls = [row for row in rows if row["expected"] == "either"]
    assert min(row["due_at"] for row in polls) >= revoked_at + 20
    decisions = [row["decision"] for row in polls if row["replica"] == "gateway-1"]
    assert decisions == ["accept", "deny", "deny", "deny"]


def test_a_probe_whose_token_cannot_be_had_ends(world, scene, time_passes):
    world.away = True
    rows = probe(scene, Revocation())
    assert [(row["endpoint"], row["outcome"]) for row in rows] == [("token", "unavailable")]
