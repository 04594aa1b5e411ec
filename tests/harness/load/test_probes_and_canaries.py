"""Revocation probes and the stock of canaries, against an IdP and gateways that are plain objects."""

import itertools
import json
from collections import Counter
from types import SimpleNamespace

import gevent
import pytest

from harness.experiment import Canary, CanaryPlan, LoadPlan, RevocationPlan, Stream
from harness.load.arrivals import Arrival
from harness.load.canary_upkeep import Canaries
from harness.load.idp import Step
from harness.load.job import Roles, Withdrawn
from harness.load.recorder import Recorder
from harness.load.revocation import Probes, probe_formats
from harness.load.scene import Clock, Gate, Scene
from harness.load.tokens import b64
from harness.load.wire import Answer
from harness.samples import COLUMNS, read_stream
from harness.targets.endpoints import Client, Endpoints, Gateway, Route, User

WEB = Client(client_id="web", client_secret="s", grants=("authorization_code", "refresh_token"), scope="openid")
MACHINE = Client(client_id="machine", client_secret="s", grants=("client_credentials",), scope="read")
MARGIN_S = 6.0


class World:
    """An IdP that can be away, and gateways that lag by some polls; its clock only moves when told."""

    def __init__(self):
        self.now = 1_000.0
        self.away = False
        self.revoked = set()
        self.used_refresh_tokens = set()
        self.numbers = itertools.count(1)
        self.lag_polls = {}
        self.unaware = set()
        self.refusing = set()
        self.presented = Counter()

    def _step(self, endpoint, decision="accept", code=""):
        if self.away:
            return Step(endpoint, Answer(error="connect_refused", sent=self.now, ended=self.now), "undecided", "x")
        return Step(endpoint, Answer(status=200, sent=self.now, ended=self.now), decision, code)

    def client_credentials(self, client):
        claims = {"jti": f"j{next(self.numbers)}", "iat": int(self.now), "exp": int(self.now + 600)}
        parts = [b64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "k1"}, claims)]
        body = {"access_token": ".".join([*parts, b64(b"signature")]), "expires_in": 600}
        return self._step("token"), {} if self.away else body

    def login(self, client, user, observe):
        step = self._step("token")
        observe(step)
        return step, {} if self.away else {"access_token": "a", "refresh_token": f"r{next(self.numbers)}"}

    def refresh(self, client, refresh_token):
        if refresh_token in self.used_refresh_tokens:
            return self._step("token", "deny", "invalid_grant"), {}
        self.used_refresh_tokens.add(refresh_token)
        return self._step("token"), {} if self.away else {
            "access_token": "a",
            "refresh_token": f"r{next(self.numbers)}",
        }

    def revoke(self, client, token, hint):
        if not self.away:
            self.revoked.add(token)
        return self._step("revoke")

    def has(self, endpoint):
        return True

    def jwks(self):
        return None if self.away else []

    def control(self):
        """The control API, which mints what it is asked for."""

        def send(head, body=b"", *, replayable=True):
            made = []
            for order in json.loads(body)["tokens"]:
                parts = [{"alg": "RS256", "kid": order.get("kid", "k1")}, order.get("claims", {})]
                made.append({"token": ".".join(b64(json.dumps(part).encode()) for part in [*parts, "signature"])})
            return Answer(status=200, sent=self.now, ended=self.now, body=json.dumps({"tokens": made}).encode())

        return SimpleNamespace(base="", head=lambda *_: b"", send=send)

    def gateway(self, name):
        def send(head, body=b"", *, replayable=True):
            token = head.decode().partition("Bearer ")[2].strip()
            self.presented[name] += 1
            status = 401 if name in self.refusing else 200
            if token in self.revoked and name not in self.unaware:
                self.lag_polls[name] = self.lag_polls.get(name, 0) - 1
                status = 200 if self.lag_polls[name] >= 0 else 401
            return Answer(status=status, sent=self.now, ended=self.now)

        return SimpleNamespace(base="", head=lambda *_: b"", send=send)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def scene(world, tmp_path):
    endpoints = Endpoints(
        issuer="http://127.0.0.1:1",
        idp_url="http://127.0.0.1:1",
        gateways=(
            Gateway(name="gateway-1", url="http://127.0.0.1:2"),
            Gateway(name="gateway-2", url="http://127.0.0.1:3"),
        ),
        routes=(Route(path="/orders", service="orders", audience="orders", scope="read"),),
        clients=(WEB, MACHINE),
        users=(User(username="alice", password="p"),),
    )
    clock = Clock(monotonic=lambda: world.now, offset=0.0)
    recorder = Recorder(tmp_path / "samples.jsonl", clock.now)
    gates = tuple(Gate.of(g.name, world.gateway(g.name), endpoints.routes) for g in endpoints.gateways)
    plan = LoadPlan(streams=(Stream(flow="canary", rate=1),))
    yield Scene(plan, endpoints, 7, clock, recorder, world, gates)
    recorder.close()


@pytest.fixture
def time_passes(world, monkeypatch):
    """Sleeping moves the world's clock instead."""

    def sleep(seconds=0):
        world.now += seconds

    monkeypatch.setattr("harness.load.revocation.gevent.sleep", sleep)


def samples(scene):
    scene.recorder.write(scene.recorder.take())
    return [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(scene.recorder._path)]


def arrival(kind=0, replica=0):
    return Arrival(0.0, 0, 0, 0, replica, kind)


# --- revocation probes ---


def probe(scene, plan):
    roles = Roles.of(scene.endpoints.clients)
    probes = Probes(scene, plan, probe_formats(plan, roles))
    gevent.spawn(probes.probe, arrival(), scene.clock.now()).join()
    return samples(scene)


def test_only_formats_that_a_client_can_get_are_probed(scene):
    assert [f for f, _ in probe_formats(RevocationPlan(), Roles.of(scene.endpoints.clients))] == ["jwt"]


def test_a_probe_uses_revokes_and_polls_every_replica(world, scene, time_passes):
    world.lag_polls = {"gateway-1": 2, "gateway-2": 5}
    rows = probe(scene, RevocationPlan(poll_every_s=0.1))
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


def test_a_replica_that_never_refuses_is_given_up(world, scene, time_passes):
    world.unaware = {"gateway-1", "gateway-2"}
    polls = [
        row for row in probe(scene, RevocationPlan(poll_every_s=0.5, give_up_after_s=5)) if row["expected"] == "either"
    ]
    assert {row["decision"] for row in polls} == {"accept"}
    assert max(row["due_at"] for row in polls) - min(row["due_at"] for row in polls) <= 10.5


def test_a_probe_whose_token_cannot_be_had_ends(world, scene, time_passes):
    world.away = True
    rows = probe(scene, RevocationPlan())
    assert [(row["endpoint"], row["outcome"]) for row in rows] == [("token", "unavailable")]


# --- canaries ---


def stock(scene, *kinds, control=None, retired_kid=None, **plan):
    made = Canaries(
        scene,
        CanaryPlan(kinds=kinds, clock_margin_s=MARGIN_S, **plan),
        Roles.of(scene.endpoints.clients),
        control=control,
        retired_kid=retired_kid,
        rate=1.0,
    )
    made._fill()
    return made


def test_a_canary_is_a_request_that_expects_refusal(scene):
    stock(scene, Canary.TAMPERED).canary(arrival(replica=1), due=1_000.0)
    (row,) = samples(scene)
    assert (row["flow"], row["canary"], row["expected"], row["replica"]) == ("canary", "tampered", "deny", "gateway-2")
    assert row["outcome"] == "wrongly_accepted"  # these gateways look at nothing but revocations


def test_forged_tokens_have_names_of_their_own(scene):
    canaries = stock(scene, Canary.ALG_NONE, Canary.UNKNOWN_KID)
    for kind in (0, 1, 0, 1):
        canaries.canary(arrival(kind), due=1_000.0)
    rows = samples(scene)
    assert len({row["jti"] for row in rows}) == 4
    assert all(row["jti"].startswith("canary-") for row in rows)


def test_a_flood_names_another_unknown_key_each_time_and_goes_on_while_the_idp_is_away(world, scene):
    canaries = stock(scene, Canary.TAMPERED)
    world.away = True
    for _ in range(50):
        canaries.junk(arrival(), due=1_000.0)
    rows = samples(scene)
    assert len({row["kid"] for row in rows}) == 50
    assert {(row["flow"], row["canary"], row["expected"]) for row in rows} == {("junk", "unknown_kid", "deny")}


def test_a_made_up_opaque_token_is_a_canary(scene):
    canaries = stock(scene, Canary.UNKNOWN_OPAQUE)
    canaries.canary(arrival(), due=1_000.0)
    (row,) = samples(scene)
    assert (row["canary"], row["format"], row["kid"]) == ("unknown_opaque", "opaque", "")


def test_the_last_batch_is_used_while_the_idp_is_away(world, scene):
    canaries = stock(scene, Canary.TAMPERED)
    world.away = True
    for _ in range(20):
        canaries._fill()
        canaries.canary(arrival(), due=1_000.0)
    assert len(samples(scene)) == 20


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


def test_a_token_revoked_under_load_must_be_refused_only_by_who_knew_of_it(world, scene):
    """A fault may keep the news of a revocation from a replica; to forget it again is a breach all the same."""
    canaries = stock(scene, Canary.REVOKED)
    canaries._stock[Canary.REVOKED].clear()
    canaries._under_load = True
    canaries._fill()
    for decided in ("accept", "deny", "accept"):
        world.unaware = {"gateway-1"} if decided == "accept" else set()
        world.lag_polls = {"gateway-1": 0}
        for item in canaries._stock[Canary.REVOKED]:
            canaries._send(Canary.REVOKED, item, arrival(), world.now)
    outcomes = [row["outcome"] for row in samples(scene)]
    each = len(outcomes) // 3
    assert outcomes == ["ok"] * each + ["denied"] * each + ["wrongly_accepted"] * each


@pytest.fixture
def presenting(world, scene, time_passes):
    """A stock with a key that is to be retired; its tokens are presented to both gateways when it is made ready."""
    canaries = stock(scene, Canary.RETIRED_KEY, control=world.control(), retired_kid="old")
    canaries._keep = lambda: None
    canaries.start()
    return canaries


def rest(canaries):
    """Until what was started in the background is done."""
    gevent.joinall(canaries.keepers)


def test_a_key_is_accepted_everywhere_before_it_is_withdrawn_and_tried_again_afterwards(world, scene, presenting):
    assert world.presented == {"gateway-1": 1, "gateway-2": 1}
    presenting.canary(arrival(), due=world.now)
    assert samples(scene) == []  # it is still a good one
    presenting.withdrawn(Withdrawn(kid="old", forgotten_from=world.now + 5))
    rest(presenting)
    presenting.canary(arrival(), due=world.now)
    assert samples(scene) == []  # caches may still hold it
    world.now += 5
    presenting.canary(arrival(), due=world.now)
    (row,) = samples(scene)
    assert (row["canary"], row["kid"], row["expected"]) == ("retired_key", "old", "deny")


def test_a_key_withdrawn_under_load_is_tried_beside_the_first(world, scene, presenting):
    for kid in ("old", "older"):
        presenting.withdrawn(Withdrawn(kid=kid, forgotten_from=world.now))
    rest(presenting)
    for _ in range(4):
        presenting.canary(arrival(), due=world.now)
    assert {row["kid"] for row in samples(scene)} == {"old", "older"}


def test_a_replica_that_never_knew_the_key_need_not_forget_it(world, scene, time_passes, monkeypatch):
    monkeypatch.setattr("harness.load.canary_upkeep._PRESENT_AGAIN_S", 0.0)
    world.refusing = {"gateway-2"}
    canaries = stock(scene, Canary.RETIRED_KEY, control=world.control(), retired_kid="old")
    canaries._keep = lambda: None
    canaries.start()
    canaries.withdrawn(Withdrawn(kid="old", forgotten_from=world.now))
    rest(canaries)
    canaries.canary(arrival(), due=world.now)
    assert samples(scene) == []
    assert scene.recorder.skipped == {"retired_key": 1}


def test_a_replay_uses_a_refresh_token_that_was_used_before_once_for_each_family(scene):
    canaries = stock(scene, Canary.REPLAYED)
    ready = len(canaries._stock[Canary.REPLAYED])
    for _ in range(ready + 1):
        canaries.canary(arrival(), due=1_000.0)
    rows = samples(scene)
    assert [(row["endpoint"], row["outcome"]) for row in rows] == [("token", "denied")] * ready
    assert scene.recorder.skipped == {"replayed": 1}


def test_upkeep_is_counted_though_it_is_no_sample(world, scene):
    stock(scene, Canary.REVOKED)
    counted = dict(scene.recorder.unsampled)
    assert counted["token"] == counted["revoke"] + 1 > 1
    world.away = True
    stock(scene, Canary.REVOKED)
    assert scene.recorder.unsampled == counted  # a refused connection never reached the IdP
