"""What an ID token says of a login by nothing but a cookie: when its user proved who they are, and how."""

import json
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.reauthentication import NotAskedAgain
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.tokens import b64

from .conftest import WEB

ASKS = {ask.way: ask for ask in NotAskedAgain.asks}
CODE = Code("c", "http://127.0.0.1/callback", "v")
GIVEN = Step("authorize", Response(302), "accept", "")


def id_token(claims):
    return ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "none"}, claims, {}))


class Party:
    """Somebody logged in at 1,000, and it is later now; the IdP answers by ``step``, and by what ``told`` makes of what
    it was asked.
    """

    def __init__(self, told=None, step=GIVEN, *, known=True):
        self.told, self.step, self.known, self.idp = told, step, known, self
        held = SimpleNamespace(client=WEB, cookies={}, id_token=id_token({"auth_time": 1000}))
        self.kept = self.login = lambda: held
        self.aged = [(5.0, held)]
        self.scene = SimpleNamespace(shared=lambda name, make: self.aged)
        self.bench = SimpleNamespace(now=9.0, expired_after_s=1.0, observe=lambda step: step.decision == "accept")

    def signed_in(self, held):
        return self.known

    def silent_code(self, client, cookies, further):
        self.asked = further
        return self.step, CODE if self.step is GIVEN else None

    def redeem(self, client, code, verifier):
        claims = self.told(self.asked) if self.told else None
        return Step("token", Response(200), "accept", ""), {} if claims is None else {"id_token": id_token(claims)}


def refused(code):
    return Step("authorize", Response(302), "deny", code)


@pytest.mark.parametrize(
    ("told", "decision"),
    [
        (lambda asked: {"auth_time": 1000}, "deny"),
        (lambda asked: {"auth_time": 1001}, "deny"),  # whole seconds
        (lambda asked: {"auth_time": 1060}, "accept"),
        (lambda asked: {"auth_time": "soon"}, "deny"),
        (lambda asked: {}, "deny"),
        (None, "undecided"),
    ],
)
def test_a_cookie_proves_nothing_anew(told, decision):
    step = ASKS["auth_time"].send(Party(told))
    assert step.decision == decision


@pytest.mark.parametrize(
    ("told", "decision"),
    [
        (lambda asked: {"acr": asked["acr_values"]}, "accept"),
        (lambda asked: {"acr": json.loads(asked["claims"])["id_token"]["acr"]["value"]}, "accept"),
        (lambda asked: {"acr": "1"}, "deny"),
        (lambda asked: {}, "deny"),
        (None, "undecided"),
    ],
)
def test_a_wish_is_no_proof(told, decision):
    assert ASKS["acr"].send(Party(told)).decision == decision


@pytest.mark.parametrize(
    ("code", "decision"),
    [("unmet_authentication_requirements", "deny"), ("invalid_request", "deny"), ("login_required", None)],
)
def test_who_refuses_the_wish_claims_nothing(code, decision):
    step = ASKS["acr"].send(Party(step=refused(code)))
    assert (step and step.decision) == decision


@pytest.mark.parametrize(("known", "left"), [(False, 0), (None, 1)])
def test_a_session_that_has_ended_is_begun_anew(known, left):
    party = Party(known=known)
    assert ASKS["auth_time"].send(party) is None
    assert len(party.aged) == left
