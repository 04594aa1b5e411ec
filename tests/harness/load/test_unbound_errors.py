"""Errors that come back to a client are bound to its request, as codes are."""

from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.error_unbound import ErrorUnbound
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step

from .conftest import WEB

ASKS = {ask.way: ask for ask in ErrorUnbound.asks}


def party(step, code=None):
    asked = []

    def silent_code(client, cookies, further):
        asked.append(dict(further))
        return step, code

    return SimpleNamespace(confidential=WEB, idp=SimpleNamespace(silent_code=silent_code), asked=asked)


def error(flaw="", *, status=302, decision="deny"):
    return Step("authorize", Response(status), decision, "login_required", flaw=flaw)


@pytest.mark.parametrize(
    ("step", "decision"),
    [
        (error(), "deny"),
        (error("state_mismatch"), "accept"),
        (error("iss_mismatch"), "accept"),
        (error("iss_mismatch", status=200), "undecided"),  # a page of the IdP's own
        (error("state_mismatch", decision="undecided"), "undecided"),  # it is away
        (Step("authorize", Response(302), "accept", ""), "undecided"),
    ],
)
def test_an_error_that_lacks_what_binds_it_counts(step, decision):
    assert ASKS["silent"].send(party(step)).decision == decision


FORM = b"<form action='/login' method='post'><input name='user'><input type='password' name='pw'></form>"


@pytest.mark.parametrize(("body", "decision"), [(FORM, "accept"), (b"<p>Sorry</p>", "undecided")])
def test_a_page_that_asks_counts_where_it_was_forbidden_to_ask(body, decision):
    step = Step("authorize", Response(200, body=body), "deny", "login_page")
    assert ASKS["silent"].send(party(step)).decision == decision


def test_a_code_is_no_error():
    found = party(Step("authorize", Response(302), "accept", "", flaw="iss_mismatch"), Code("c", "u", "v"))
    assert ASKS["silent"].send(found).decision == "undecided"


def test_the_request_is_wrong_in_two_ways():
    asked = [found.asked for way in ("silent", "wrong_request") if (ASKS[way].send(found := party(error())))]
    assert asked == [[{"prompt": "none"}], [{"prompt": "none", "response_type": "attacker"}]]
