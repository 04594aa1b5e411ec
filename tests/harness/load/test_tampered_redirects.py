"""Logins that ask for the code at an address that is not the client's, and what is wrong or special besides."""

from collections import defaultdict
from itertools import combinations
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.redirect_tampered import RedirectTampered, _attempts
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step

from .conftest import WEB

BESIDES = ("wrong_request", "signed_in", "form_post")


def test_in_four_turns_each_manipulation_meets_any_two_things_besides():
    met = defaultdict(set)
    for found in _attempts((WEB,)):
        met[found.way].add(tuple(each in found.besides for each in BESIDES))
    for way, seen in met.items():
        for one, other in combinations(range(3), 2):
            assert {(each[one], each[other]) for each in seen} == {(a, b) for a in (0, 1) for b in (0, 1)}, way


@pytest.mark.parametrize("offered", [True, False])
def test_answers_are_posted_where_the_idp_offers_it(offered):
    sent, told = [], {}

    def tampered_login(client, user, uri, observe, *, further, cookies):
        sent.append(dict(further))
        return Step("authorize", Response(400), "deny", "http_400")

    idp = SimpleNamespace(lists=lambda *_: offered, tampered_login=tampered_login)
    endpoints = SimpleNamespace(users=("alice",))
    scene = SimpleNamespace(idp=idp, recorder=SimpleNamespace(not_offered=told), endpoints=endpoints)
    roles = SimpleNamespace(of_users=(WEB,), sessions=(WEB,))
    desk = RedirectTampered().desk(SimpleNamespace(scene=scene, roles=roles, observe=None))
    ways = []
    desk.record = lambda step, token, due: ways.append(token.way)
    assert all(desk.send(0.0) for _ in range(60))
    posted = [each for each in sent if "response_mode" in each]
    assert bool(posted) is offered
    assert sum("form_post" in way for way in ways) == len(posted)
    assert bool(told) is not offered
