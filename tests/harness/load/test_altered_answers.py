"""Logins whose state or nonce is unusual: what came back decides, and who refuses the request has altered nothing."""

from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.answer_altered import LONG, LONGER, AnswerAltered, marked, random_of
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step

from .conftest import WEB

ASKS = {ask.way: ask for ask in AnswerAltered.asks}


class Idp:
    """Goes through a login: ``steps`` are told, then the code comes; ``flaw`` is that of the token answer."""

    def __init__(self, *steps, flaw="", id_token=True):
        self.steps, self.flaw, self.tokens = steps, flaw, {"id_token": "a.b.c"} if id_token else {}
        self.further = {}

    def code(self, client, user, observe, *, further):
        self.further = further
        for step in self.steps:
            if not observe(step):
                return None
        return Code("c", "http://127.0.0.1/callback", "v")

    def redeem(self, client, code, verifier):
        return Step("token", Response(200), "accept", "", flaw=self.flaw), self.tokens


def decided(way, idp):
    """What was decided, and which of the steps were counted beside the sample."""
    counted = []
    party = SimpleNamespace(
        idp=idp,
        confidential=WEB,
        user=SimpleNamespace(username="alice"),
        scene=SimpleNamespace(stopping=False, upkeep=counted.append),
    )
    step = ASKS[way].send(party)
    return step and step.decision, [each.endpoint for each in counted]


def step(endpoint="login", decision="accept", code="", flaw=""):
    return Step(endpoint, Response(302), decision, code, flaw=flaw)


PAGE = step("authorize")


@pytest.mark.parametrize(
    ("way", "idp", "decision", "counted"),
    [
        ("long_state", Idp(PAGE, step()), "deny", ["authorize"]),
        ("long_state", Idp(PAGE, step(flaw="state_mismatch")), "accept", ["authorize"]),
        ("long_state", Idp(PAGE, step(flaw="iss_mismatch")), "deny", ["authorize"]),
        ("long_state", Idp(step("authorize", "deny", "invalid_request")), "deny", []),
        ("long_state", Idp(step("authorize", "undecided", "http_414")), None, ["authorize"]),
        ("long_state", Idp(PAGE, step(decision="deny", code="login_refused")), None, ["authorize", "login"]),
        ("long_nonce", Idp(PAGE, step(flaw="state_mismatch")), "deny", ["authorize", "login"]),
        ("long_nonce", Idp(PAGE, step(), flaw="nonce_mismatch"), "accept", ["authorize", "login"]),
        ("long_nonce", Idp(PAGE, step(), id_token=False), "undecided", ["authorize", "login"]),
    ],
)
def test_what_came_back_decides_and_each_request_is_counted_once(way, idp, decision, counted):
    assert decided(way, idp) == (decision, counted)


def test_values_are_as_long_as_is_said_and_never_the_same():
    assert {len(random_of(length)) for length in (LONG, LONG)} == {LONG}
    assert random_of(LONGER) != random_of(LONGER)
    assert marked() != marked()


@pytest.mark.parametrize("way", [way for way in ASKS if way.endswith("state")])
def test_a_state_is_of_the_characters_that_one_may_have(way):
    idp = Idp(PAGE, step())
    decided(way, idp)
    assert set(idp.further) == {"state"}
    assert all(" " <= each <= "~" for each in idp.further["state"])  # VSCHAR (RFC 6749 appendix A.5)
