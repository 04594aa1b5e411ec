"""What a client is registered as: what the IdP confirms is tried, and what it does not confirm is not."""

import json
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.registration_unkept import RegistrationUnkept
from idchaos.load.canaries.nobody import Nobody
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Registered, Step
from idchaos.targets.endpoints import Client

from .conftest import WEB

ASKS = {ask.way: ask for ask in RegistrationUnkept.asks}
MADE = Registered(Client(client_id="own", client_secret="s"), "http://127.0.0.1/register/own", "t")
GIVEN = Step("login", Response(302), "accept", "")
PAGE = Step("authorize", Response(400), "undecided", "http_400")
TOKEN = Response(200, body=json.dumps({"access_token": "a"}).encode())
REFUSED = Response(400, body=b'{"error": "invalid_dpop_proof"}')


class Party:
    """An IdP that confirms what a client registers if it ``confirms``, answers token requests from one list and logins
    from another; and what was asked of it.
    """

    def __init__(self, answers=(), logins=(), *, confirms=True):
        self.answers, self.logins, self.confirms = list(answers), list(logins), confirms
        self.asked, self.left = [], []
        self.confidential, self.user, self.idp = WEB, "alice", self
        self.handed_out = SimpleNamespace(add_response=lambda body: None)
        self.scene = SimpleNamespace(stopping=False, upkeep=lambda step: None)
        self.bench = SimpleNamespace(observe=lambda step: step.decision == "accept", nobody=Nobody(), now=1_000.0)

    def register(self, redirect_uris, further):
        self.asked.append((redirect_uris, dict(further)))
        return Step("register", Response(201), "accept", ""), MADE if self.confirms else None

    def reregister(self, made, metadata):
        self.asked.append(metadata["redirect_uris"])
        return Step("unregister", Response(200), "accept", ""), MADE if self.confirms else None

    def unregister(self, made):
        self.left.append(made)
        return Step("unregister", Response(204), "accept", "")

    def url_of(self, endpoint):
        return f"http://127.0.0.1/{endpoint}"

    def ask(self, asked):
        self.asked.append("DPoP" in asked.headers)
        return self.answers.pop(0)

    def code(self, client, user, observe):
        step = self.logins.pop(0)
        observe(step)
        self.asked.append(client.redirect_uri)
        return Code("c", client.redirect_uri, "v") if step.decision == "accept" else None


@pytest.mark.parametrize(("second", "decision"), [(TOKEN, "accept"), (REFUSED, "deny"), (Response(503), "undecided")])
def test_a_token_without_a_proof_counts_where_one_with_a_proof_was_given(second, decision):
    party = Party([TOKEN, second])
    assert ASKS["unbound"].send(party).decision == decision
    assert party.asked == [((), {"dpop_bound_access_tokens": True}), True, False]
    assert party.left == [MADE]


def test_who_gets_no_token_at_all_shows_nothing():
    party = Party([REFUSED])
    assert ASKS["unbound"].send(party) is None
    assert party.left == [MADE]


@pytest.mark.parametrize(
    ("login", "decision"),
    [(GIVEN, "accept"), (PAGE, "deny"), (Step("authorize", Response(503), "undecided", "http_503"), "undecided")],
)
def test_a_login_counts_that_was_not_pushed(login, decision):
    party = Party(logins=[login])
    assert ASKS["unpushed"].send(party).decision == decision
    assert party.asked == [((WEB.redirect_uri,), {"require_pushed_authorization_requests": True}), WEB.redirect_uri]


@pytest.mark.parametrize(
    ("before", "after", "decision"), [(GIVEN, GIVEN, "accept"), (GIVEN, PAGE, "deny"), (PAGE, GIVEN, None)]
)
def test_a_redirect_uri_that_was_replaced_counts_where_it_had_served(before, after, decision):
    party = Party(logins=[before, after])
    step = ASKS["redirect_replaced"].send(party)
    assert (step and step.decision) == decision
    if decision:
        uri = WEB.redirect_uri
        assert party.asked == [((uri,), {}), uri, [f"{uri}/moved"], uri]
    assert party.left == [MADE]


@pytest.mark.parametrize(("answer", "decision"), [(TOKEN, "accept"), (REFUSED, "deny")])
def test_a_client_of_users_gets_no_token_for_itself(answer, decision):
    assert ASKS["another_grant"].send(Party([answer])).decision == decision


@pytest.mark.parametrize("way", ASKS)
def test_what_the_idp_does_not_confirm_is_not_tried(way):
    party = Party(logins=[GIVEN], confirms=False)
    assert ASKS[way].send(party) is None
    assert len(party.asked) == 1
