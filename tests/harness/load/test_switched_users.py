"""Whose session the cookies of a browser are: where another user logs in, and where they were altered."""

import json
from copy import deepcopy
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.user_switched import UserSwitched
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.journey import Cookies
from idchaos.load.idp.tokens import b64

from .conftest import WEB

ASKS = {ask.way: ask for ask in UserSwitched.asks}
ALICE, BOB = (SimpleNamespace(username=name) for name in ("alice", "bob"))
GIVEN = Step("authorize", Response(302), "accept", "")
REFUSED = Step("authorize", Response(302), "deny", "login_required")


def id_token(sub):
    return ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "none"}, {"sub": sub}, {}))


def cookies(value):
    held = Cookies()
    held.keep("http://127.0.0.1/", Response(302, headers={"Set-Cookie": [f"session={value}; HttpOnly"]}))
    return held


class Party:
    """Alice is signed in. Whoever logs in by her browser is ``switched`` in the tokens; her cookies are then of
    ``left``: ``None``: of nobody.
    """

    def __init__(self, switched="bob", left=None, step=None):
        self.switched, self.left, self.step = switched, left, step
        self.scene = SimpleNamespace(endpoints=SimpleNamespace(users=(ALICE, BOB)), stopping=False)
        self.upkept = []
        self.scene.upkeep = self.upkept.append
        self.bench = SimpleNamespace(observe=lambda step: step.decision == "accept")
        self.user, self.idp, self.shown = ALICE, self, []

    def login(self):
        return SimpleNamespace(client=WEB, cookies=cookies("s.0123456789abcdef"), id_token=id_token("alice"))

    def signed_in(self, held):
        return True

    def code(self, client, user, observe, cookies, further):
        assert (user, further) == (BOB, {"prompt": "login"})
        if self.step is not None:
            observe(self.step)
            return None
        cookies.keep("http://127.0.0.1/", Response(302, headers={"Set-Cookie": ["session=another"]}))
        return Code(self.switched, "http://127.0.0.1/cb", "v")

    def silent_code(self, client, cookies):
        self.shown.append(cookies.header("http://127.0.0.1/").get("Cookie"))
        return (GIVEN, Code(self.left, "http://127.0.0.1/cb", "v")) if self.left else (REFUSED, None)

    def redeem(self, client, code, verifier):
        return Step("token", Response(200), "accept", ""), {"id_token": id_token(code.value)}


@pytest.mark.parametrize(("switched", "decision"), [("bob", "deny"), ("alice", "accept")])
def test_tokens_are_of_whoever_has_just_logged_in(switched, decision):
    assert ASKS["prompt_login"].send(Party(switched)).decision == decision


@pytest.mark.parametrize(
    ("party", "decision"),
    [
        (Party(), "deny"),
        (Party(left="alice"), "deny"),  # the attacker's own session goes on
        (Party(left="bob"), "accept"),
        (Party(switched="alice", left="alice"), None),  # nobody was switched
    ],
)
def test_cookies_from_before_a_login_are_not_those_of_the_user_who_logged_in(party, decision):
    step = ASKS["planted_cookies"].send(party)
    assert (step and step.decision) == decision
    assert party.shown in ([], ["session=s.0123456789abcdef"])


def test_an_idp_that_lets_nobody_else_in_mixes_nobody_up():
    for way in ("prompt_login", "planted_cookies"):
        assert ASKS[way].send(Party(step=REFUSED)) is REFUSED
        assert ASKS[way].send(Party(step=Step("authorize", Response(503), "undecided", "http_503"))) is None


@pytest.mark.parametrize(("left", "decision"), [(None, "deny"), ("alice", "accept")])
def test_altered_cookies_log_nobody_in(left, decision):
    party = Party(left=left)
    assert ASKS["altered_cookies"].send(party).decision == decision
    (shown,) = party.shown
    assert shown == "session=s.01234567AAAAAAAA"


def test_what_is_altered_keeps_its_form():
    held = cookies("ab.AZ-9=")
    before = deepcopy(held)
    assert held.altered().header("http://127.0.0.1/") == {"Cookie": "session=AA.BA-A="}
    assert held == before


@pytest.mark.parametrize(("decision", "stopping"), [("undecided", False), ("deny", True)])
def test_a_step_that_is_no_sample_is_counted_all_the_same(decision, stopping):
    step = Step("authorize", Response(302), decision, "")
    party = Party(step=step)
    party.scene.stopping = stopping
    assert ASKS["prompt_login"].send(party) is None
    assert party.upkept == [step]
