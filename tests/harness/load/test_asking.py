"""Requests that an IdP must refuse: which is sent next, what a refusal looks like, and what decides nothing."""

import json
import math
from collections import Counter
from types import SimpleNamespace

import pytest

from idchaos.experiment import CanaryPlan, Stream
from idchaos.load.canaries.asking import MOST_A_TURN, Ask, AskedKind, per_turn, unless
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.catalogue import kinds
from idchaos.load.canaries.given import another_scope
from idchaos.load.canaries.kinds.logout import ATTACKER, LogoutUnasked, at_logout
from idchaos.load.decide import at_refusal
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step
from idchaos.record.samples import COLUMNS, read_stream
from idchaos.targets.endpoints import Client

ASKED = [kind for kind in kinds().values() if isinstance(kind, AskedKind)]


@pytest.mark.parametrize(
    ("status", "body", "challenge", "decided"),
    [
        (200, {"sub": "alice"}, "", ("accept", "")),
        (204, None, "", ("accept", "")),
        (400, {"error": "invalid_grant"}, "", ("deny", "invalid_grant")),
        (401, None, 'Bearer error="invalid_token"', ("deny", "invalid_token")),
        (401, None, "", ("deny", "http_401")),
        (405, None, "", ("deny", "http_405")),
        (400, {"error": "temporarily_unavailable"}, "", ("undecided", "temporarily_unavailable")),
        (302, None, "", ("undecided", "http_302")),
        (429, None, "", ("undecided", "http_429")),
        (503, None, "", ("undecided", "http_503")),
        (500, {"error": "invalid_grant"}, "", ("undecided", "invalid_grant")),
    ],
)
def test_what_a_refusal_looks_like(status, body, challenge, decided):
    answer = Response(status, headers={"WWW-Authenticate": challenge}, body=json.dumps(body).encode() if body else b"")
    assert at_refusal(answer) == decided


def test_no_answer_is_neither_a_refusal_nor_a_breach():
    assert at_refusal(Response(error="read_timeout")) == ("undecided", "read_timeout")


@pytest.mark.parametrize(
    ("answer", "decided"),
    [
        (Response(303, headers={"Location": f"{ATTACKER}?state=s"}), ("accept", "")),
        (Response(200, body=f'<meta http-equiv="refresh" content="0;url={ATTACKER}">'.encode()), ("accept", "")),
        (Response(200, body=b"You are signed out."), ("deny", "not_redirected")),
        (Response(302, headers={"Location": "http://127.0.0.1/signed-out"}), ("deny", "redirected_elsewhere")),
        (Response(400), ("deny", "http_400")),
        (Response(503), ("undecided", "http_503")),
    ],
)
def test_whether_a_logout_leads_to_the_attacker(answer, decided):
    assert at_logout(answer) == decided


@pytest.mark.parametrize(("harmless", "decision"), [(True, "deny"), (False, "accept"), (None, "undecided")])
def test_an_accepted_request_counts_by_its_effect(harmless, decision):
    step = Step("revoke", Response(200), "accept", "")
    assert unless(step, harmless, "had_no_effect").decision == decision


def test_a_refused_request_stays_one_whatever_else_is_known():
    step = Step("revoke", Response(400), "deny", "invalid_grant")
    assert unless(step, None, "had_no_effect") == step


@pytest.mark.parametrize("kind", ASKED, ids=lambda kind: kind.name)
def test_every_way_of_a_kind_is_told_apart(kind):
    assert kind.rare or not kind.costs_a_login
    assert kind.once
    assert kind.each_way
    assert max(Counter(kind.each_way).values()) == 1


def kind_of(*asks):
    class Few(AskedKind):
        name = "few"

    Few.asks = asks
    return Few()


@pytest.fixture
def desk_of(scene):
    def made(*asks):
        plan = CanaryPlan(kinds=("few",), clock_margin_s=10.0)
        canaries = Stream(flow="canary", rate=1.0)
        scene.plan = scene.plan.model_copy(update={"streams": (canaries,), "canaries": plan})
        return kind_of(*asks).desk(Bench(scene, plan, scene.roles, 2))

    return made


class Answers:
    """Answers by a list of decisions, one each time; ``None``: there was nothing to send."""

    def __init__(self, *decisions):
        self.left, self.asked = list(decisions), 0

    def __call__(self, _party):
        self.asked += 1
        decision = self.left.pop(0)
        return decision and Step("userinfo", Response(200 if decision != "undecided" else 503), decision, "")


def test_what_was_decided_least_often_comes_next(desk_of):
    first, second = Answers("undecided", "deny", "deny"), Answers("deny", "deny")
    desk = desk_of(Ask("first", first), Ask("second", second))
    for _ in range(3):
        assert desk.send(0.0)
    assert (first.asked, second.asked) == (2, 1)


def test_several_ways_share_a_turn_of_a_short_load(desk_of, scene):
    scene.lasting_s = 1.0
    first, second = Answers("deny"), Answers("deny")
    assert desk_of(Ask("first", first), Ask("second", second)).send(0.0)
    assert (first.asked, second.asked) == (1, 1)


def test_the_shorter_a_load_the_more_ways_share_a_turn():
    assert [per_turn(4, turns) for turns in (0.5, 2, 3, 4, math.inf)] == [4, 2, 2, 1, 1]
    assert per_turn(MOST_A_TURN + 1, 1) == MOST_A_TURN


def test_what_the_metadata_do_not_have_is_told_and_not_sent(desk_of, scene, world):
    world.tells = lambda member: member == "shown"
    hidden, other = Answers(), Answers("deny")
    desk = desk_of(Ask("hidden", hidden, told="hidden_supported"), Ask("other", other, told="shown"))
    assert desk.send(0.0)
    assert hidden.asked == 0
    assert scene.recorder.not_offered == {"few:hidden": "the IdP's metadata have no hidden_supported"}


def test_a_refusal_of_the_client_decides_nothing_of_what_it_asked_for(desk_of, scene):
    def of_the_client(_party):
        return Step("token", Response(401), "deny", "invalid_client")

    desk = desk_of(Ask("way", of_the_client))
    assert desk.send(0.0)
    scene.recorder.write(scene.recorder.take())
    (row,) = read_stream(scene.recorder._path)
    assert dict(zip(COLUMNS, row, strict=True))["decision"] == "undecided"


def test_what_could_not_be_made_gives_way_to_the_others(desk_of):
    never, other = Answers(None, None), Answers("deny", "deny")
    desk = desk_of(Ask("never", never), Ask("other", other))
    assert [desk.send(0.0) for _ in range(3)] == [False, True, False]


def test_what_the_metadata_do_not_name_is_told_and_not_sent(desk_of, scene, world):
    world.has = lambda endpoint: endpoint != "userinfo"
    hidden, other = Answers(), Answers("deny", "deny")
    desk = desk_of(Ask("hidden", hidden, ("userinfo",)), Ask("other", other, ("revoke",)))
    assert desk.send(0.0)
    assert desk.send(0.0)
    assert hidden.asked == 0
    assert scene.recorder.not_offered == {"few:hidden": "the IdP's metadata name no endpoint for userinfo"}


def test_rare_kinds_share_a_place_in_the_round():
    names = [f"k{n}" for n in range(7)]
    plan = CanaryPlan(kinds=("often", "dear", *names), seldom=("dear",), rare=tuple(names), clock_margin_s=1.0)
    assert plan.slots == (("often",), ("dear",), tuple(names[0::2]), tuple(names[1::2]))


class Browsers:
    """A party whose two sessions are signed in as told: before the attempt, then the first's and the second's after."""

    def __init__(self, *signed_in):
        self.left = list(signed_in)
        client = SimpleNamespace(client_id="web")
        self.idp = SimpleNamespace(ask=lambda asked: Response(200))
        self.login = lambda: SimpleNamespace(client=client)
        self.cookies_of = lambda held: {}

    def signed_in(self, held):
        return self.left.pop(0)


@pytest.mark.parametrize(
    ("signed_in", "decision"),
    [
        ((True, True), "deny"),
        ((True, False, True), "accept"),
        ((True, False, False), "undecided"),
        ((True, None, None), "undecided"),
    ],
    ids=["still signed in", "signed out", "all sessions are gone", "the IdP is away"],
)
def test_who_is_signed_out_with_all_others_was_not_signed_out_by_the_request(signed_in, decision):
    ask = next(ask for ask in LogoutUnasked.asks if ask.way == "get")
    assert ask.send(Browsers(*signed_in)).decision == decision


def test_without_a_session_that_lasts_nothing_is_sent():
    assert LogoutUnasked.asks[0].send(Browsers(False)) is None


@pytest.mark.parametrize(("known", "scope"), [(True, "orders:write"), (False, "idchaos:everything")])
def test_a_scope_of_somebody_elses_is_one_only_where_it_is_known_what_a_client_may_have(known, scope):
    clients = (Client(client_id="batch", scope="orders:read"), Client(client_id="web", scope="openid orders:write"))
    scene = SimpleNamespace(endpoints=SimpleNamespace(clients=clients, scopes_known=known))
    party = SimpleNamespace(scene=scene, bench=SimpleNamespace(scopes=("orders:read",)))
    assert another_scope(party, clients[0]) == scope
