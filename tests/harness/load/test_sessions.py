from dataclasses import replace
from types import SimpleNamespace

import gevent
import pytest

from idchaos.clock import Clock
from idchaos.experiment import LoadPlan, Stream
from idchaos.graph import Route
from idchaos.load.engine.job import Roles
from idchaos.load.engine.quotes import Quotes
from idchaos.load.engine.recorder import Recorder
from idchaos.load.engine.response import Response
from idchaos.load.engine.scene import Gate, Scene
from idchaos.load.idp.client import Step
from idchaos.load.idp.handed_out import HandedOut
from idchaos.load.idp.sessions import Sessions, _expected
from idchaos.load.idp.unasked import Unasked
from idchaos.planning.arrivals import Arrival
from idchaos.record.samples import COLUMNS, read_stream
from idchaos.targets.endpoints import Client, Endpoints, Gateway, User

LIFE_S = 100.0
WEB = Client(client_id="web", client_secret="s", grants=("authorization_code", "refresh_token"), scope="openid")


class FakeIdp:
    """Answers refreshes from a list of (decision, code, status), then always accepts; counts what it is asked."""

    def __init__(self, clock):
        self.clock, self.refreshes, self.tokens, self.asked = clock, [], 0, []
        self.quotes, self.answers, self.handed_out = Quotes(), Quotes(), HandedOut()
        self.unasked = Unasked()

    def _body(self):
        self.tokens += 1
        return {"access_token": f"at{self.tokens}", "refresh_token": f"rt{self.tokens}", "expires_in": LIFE_S}

    def _step(self, endpoint, decision="accept", code="", status=200):
        now = self.clock.monotonic()
        return Step(endpoint, Response(status=status, sent=now, ended=now), decision, code)

    def login(self, client, user, observe, *, typo=False):
        self.asked.append("login")
        if typo:
            mistyped = replace(self._step("login", "deny", "login_refused", 401), expected="deny")
            assert observe(mistyped)
        step = self._step("token")
        observe(step)
        return step, self._body()

    def refresh(self, client, refresh_token):
        self.asked.append(refresh_token)
        if self.refreshes:
            return self._step("token", *self.refreshes.pop(0)), {}
        return self._step("token"), self._body()

    def end_session(self, client, id_token):
        return self._step("end_session")

    def revoke(self, client, token, hint):
        self.asked.append(f"revoke {token}")
        return self._step("revoke")

    def has(self, endpoint):
        return True


class FakeGateway:
    """A site that answers every call with one status."""

    base = "http://127.0.0.1:2"

    def __init__(self, clock):
        self.clock, self.status = clock, 200

    def head(self, method, target, headers):
        return b""

    def send(self, head, body=b"", *, replayable=True):
        now = self.clock.monotonic()
        return Response(status=self.status, sent=now, ended=now)


@pytest.fixture
def pool(tmp_path):
    world = SimpleNamespace(now=1_000.0)
    clock = Clock(monotonic=lambda: world.now, offset=0.0)
    endpoints = Endpoints(
        issuer="http://127.0.0.1:1",
        idp_url="http://127.0.0.1:1",
        gateways=(Gateway(name="gateway-1", url="http://127.0.0.1:2"),),
        routes=(Route(path="/orders", service="orders", audience="orders", scope="read"),),
        clients=(WEB,),
        users=(User(username="alice", password="p"),),
    )
    plan = LoadPlan(streams=(Stream(flow="api", rate=1), Stream(flow="login", rate=1)), sessions=2)
    recorder = Recorder(tmp_path / "samples.jsonl", clock.now)
    gateway = FakeGateway(clock)
    gates = (Gate.of("gateway-1", gateway, endpoints.routes),)
    scene = Scene(plan, endpoints, 7, clock, recorder, FakeIdp(clock), gates)
    sessions = Sessions(scene, Roles.of(endpoints.clients))
    sessions.prepare()
    slot = sessions.everyday[0]

    def samples():
        recorder.write(recorder.take())
        return [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(tmp_path / "samples.jsonl")]

    def act():
        world.now = max(world.now, slot.due)
        sessions._act(slot)

    yield SimpleNamespace(
        world=world, sessions=sessions, slot=slot, idp=scene.idp, samples=samples, act=act, gateway=gateway
    )
    recorder.close()


def arrival(session=0):
    return Arrival(0.0, 0, session, 0, 0, 0)


def test_a_refresh_is_due_at_its_share_of_the_life_less_jitter(pool):
    for slot in pool.sessions.everyday:
        assert 0.7 * LIFE_S <= slot.due - 1_000 <= 0.8 * LIFE_S
    assert pool.sessions.everyday[0].due != pool.sessions.everyday[1].due


@pytest.mark.parametrize(("share", "outcomes"), [(0.0, ["ok"]), (1.0, ["denied", "ok"])])
def test_a_user_who_mistypes_the_password_is_rightly_refused_and_then_gets_in(pool, share, outcomes):
    pool.sessions._scene.plan = pool.sessions._scene.plan.model_copy(update={"typo_share": share})
    pool.sessions.login(arrival(), due=pool.world.now)
    login = [sample for sample in pool.samples() if sample["flow"] == "login"]
    assert [sample["outcome"] for sample in login] == outcomes
    assert len({sample["session"] for sample in login}) == 1


def test_a_refresh_keeps_the_rotated_token(pool):
    pool.act()
    pool.act()
    assert pool.idp.asked[-2:] == ["rt1", "rt3"]  # rt2 belongs to the other session
    assert [(s["flow"], s["outcome"]) for s in pool.samples()] == [("refresh", "ok"), ("refresh", "ok")]


def test_a_lost_refresh_leads_to_a_new_login(pool):
    """The token may have been rotated though the answer never came: it is not used again."""
    pool.idp.refreshes = [("undecided", "read_timeout", 0)]
    pool.act()
    assert pool.slot.session.token.usable(pool.world.now)  # the access token is still good
    pool.act()
    assert pool.idp.asked[-2:] == ["rt1", "login"]


@pytest.mark.parametrize("failure", [("undecided", "connect_refused", 0), ("undecided", "http_503", 503)])
def test_a_refresh_that_surely_did_not_happen_is_tried_again(pool, failure):
    pool.idp.refreshes = [failure]
    pool.act()
    assert 0 < pool.slot.due - pool.world.now <= 1.5
    pool.act()
    assert pool.idp.asked[-2:] == ["rt1", "rt1"]
    assert [s["retry"] for s in pool.samples()] == [0, 1]


def test_a_refused_refresh_ends_the_session(pool):
    pool.idp.refreshes = [("deny", "invalid_grant", 400)]
    pool.act()
    pool.sessions.api(arrival(), due=pool.world.now)
    pool.act()
    pool.sessions.api(arrival(), due=pool.world.now)
    assert [(s["flow"], s["outcome"], s["error_code"]) for s in pool.samples()] == [
        ("refresh", "wrongly_denied", "invalid_grant"),
        ("api", "unavailable", "no_session"),
        ("login", "ok", ""),
        ("api", "ok", ""),
    ]


def test_without_a_valid_token_an_arrival_is_unavailable_and_not_skipped(pool):
    pool.world.now += LIFE_S
    pool.sessions.api(arrival(), due=pool.world.now)
    (sample,) = pool.samples()
    assert (sample["outcome"], sample["error_code"], sample["session"]) == ("unavailable", "no_token", "s0.1")


def test_a_refusal_of_a_good_token_brings_the_refresh_forward_at_most_once_a_second(pool):
    pool.gateway.status = 401
    planned = pool.slot.due
    pool.sessions.api(arrival(), due=pool.world.now)
    assert pool.slot.due == pool.world.now < planned
    pool.act()
    pool.world.now += 0.5
    pool.sessions.api(arrival(), due=pool.world.now)
    assert pool.slot.due > pool.world.now
    pool.world.now += 0.6
    pool.sessions.api(arrival(), due=pool.world.now)
    assert pool.slot.due == pool.world.now


def test_a_login_replaces_the_oldest_session_and_logs_it_out(pool):
    pool.world.now += 1
    gevent.spawn(pool.sessions.login, arrival(), pool.world.now).join()
    assert pool.slot.session.name == "s0.2"
    assert pool.idp.asked[-2:] == ["login", "revoke rt1"]
    assert [(s["flow"], s["endpoint"]) for s in pool.samples()] == [("login", "token"), ("logout", "revoke")]


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [(8.4, "accept"), (8.6, "either"), (10.4, "either"), (10.6, "deny")],
)
def test_a_session_may_end_a_second_early_where_logins_are_dated_by_whole_seconds_and_never_late(age_s, expected):
    assert _expected(age_s, 10.0) == expected
    assert _expected(age_s, None) == "accept"
