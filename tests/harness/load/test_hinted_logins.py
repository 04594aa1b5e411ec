"""Logins that mean one user where another is signed in: what an answer without any question is worth."""

import json
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.hint_passed_over import HintPassedOver
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.tokens import b64

from .conftest import WEB

ASKS = {ask.way: ask for ask in HintPassedOver.asks}
ALICE, BOB = (SimpleNamespace(username=name) for name in ("alice", "bob"))
CODE = Code("c", "http://127.0.0.1/callback", "v")


def id_token(sub):
    return ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "none"}, {"sub": sub}, {}))


class Party:
    """Alice is signed in; the IdP answers a request that means Bob by ``step``, and with tokens of ``told``."""

    def __init__(self, step, code=None, told=None, *, known=True, hinted="bob"):
        self.step, self.code, self.told, self.known, self.hinted = step, code, told, known, hinted
        self.scene = SimpleNamespace(endpoints=SimpleNamespace(users=(ALICE, BOB)), upkeep=lambda step: None)
        self.user, self.idp, self.asked = ALICE, self, {}

    def login(self, user=None):
        return SimpleNamespace(client=WEB, cookies={}, id_token=id_token(self.hinted if user == BOB else "alice"))

    def signed_in(self, held):
        return self.known

    def silent_code(self, client, cookies, further):
        self.asked = further
        return self.step, self.code

    def redeem(self, client, code, verifier):
        return Step("token", Response(200), "accept", ""), {"id_token": id_token(self.told)} if self.told else {}


def refused(code):
    return Step("authorize", Response(302), "deny", code)


GIVEN = Step("authorize", Response(302), "accept", "")


@pytest.mark.parametrize(
    ("party", "decision"),
    [
        (Party(refused("login_required")), "deny"),
        (Party(refused("login_page")), "deny"),
        (Party(GIVEN, CODE, "alice"), "accept"),
        (Party(GIVEN, CODE, "bob"), "accept"),  # whom nobody has signed in here
        (Party(GIVEN, CODE), "undecided"),
        (Party(GIVEN, CODE, "alice", known=False), None),
        (Party(GIVEN, CODE, "alice", known=None), None),
        (Party(GIVEN, CODE, "alice", hinted="alice"), None),
    ],
)
def test_nobody_is_answered_for_but_whom_the_request_means(party, decision):
    step = ASKS["silent"].send(party)
    assert (step and step.decision) == decision


@pytest.mark.parametrize(("way", "prompt"), [("silent", "none"), ("unprompted", None)])
def test_the_hint_is_the_other_users_id_token(way, prompt):
    party = Party(refused("login_required"))
    ASKS[way].send(party)
    assert party.asked["id_token_hint"] == id_token("bob")
    assert party.asked.get("prompt") == prompt
