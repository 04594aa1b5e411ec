"""Clients that take the place of others: by a name in the form, by another key, and by tokens bound to a key."""

import json
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.base import Moment
from idchaos.load.canaries.kinds.bound import Bound
from idchaos.load.canaries.kinds.possession_unproved import PossessionUnproved
from idchaos.load.canaries.kinds.unauthenticated import Unauthenticated
from idchaos.load.canaries.nobody import Nobody
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.tokens import b64, peek
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic

from .conftest import WEB

(NAMED,) = (ask for ask in Unauthenticated.asks if ask.way == "named_in_form")
(RESPELLED,) = (ask for ask in Unauthenticated.asks if ask.way == "respelled")
(REDEEMED,) = (ask for ask in PossessionUnproved.asks if ask.way == "code_by_other_key")
OTHER = Client(client_id="other", client_secret="o", redirect_uri="http://127.0.0.1/other")
SPA = Client(client_id="spa", redirect_uri="http://127.0.0.1/spa")


def idp(answer, asked):
    return SimpleNamespace(
        ask=lambda each: asked.append(each) or answer,
        url_of=lambda endpoint: f"http://127.0.0.1/{endpoint}",
        handed_out=SimpleNamespace(add_response=lambda body: None),
        code=lambda client, user, observe, further: asked.append(further) or Code("c", client.redirect_uri, "v"),
    )


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (Response(200, body=b"{}"), "accept"),
        (Response(400, body=b'{"error": "invalid_request"}'), "deny"),
        (Response(401, body=b'{"error": "invalid_client"}'), "deny"),
        (Response(503), "undecided"),
    ],
)
def test_one_client_s_refresh_token_is_of_no_use_to_another_that_names_it(answer, decision):
    asked = []
    held = SimpleNamespace(client=WEB, refresh_token="r")
    assert NAMED.send(SimpleNamespace(login=lambda: held, other=OTHER, idp=idp(answer, asked))).decision == decision
    (request,) = asked
    assert (request.headers, dict(request.form)["client_id"]) == (basic(OTHER), WEB.client_id)


@pytest.mark.parametrize(
    ("named", "decision"),
    [
        ("OTHER", ("accept", "")),
        ("other", ("deny", "named_as_registered")),
        (None, ("undecided", "named_as_registered")),
    ],
    ids=["as it was sent", "as it is registered", "it can't be read"],
)
def test_a_client_has_one_name(named, decision):
    claims = b64(json.dumps({"sub": named}).encode())
    body = {"access_token": f"{b64(b'{}')}.{claims}.s" if named else "opaque"}
    asked = []
    granted = SimpleNamespace(
        client_credentials=lambda client: asked.append(client) or (Step("token", Response(200), "accept", ""), body)
    )
    step = RESPELLED.send(SimpleNamespace(machine=OTHER, idp=granted))
    assert (step.decision, step.code) == decision
    assert [(client.client_id, client.client_secret) for client in asked] == [("OTHER", "o")]


def given(kind):
    return Response(200, body=json.dumps({"access_token": "a", "token_type": kind}).encode())


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (given("DPoP"), "accept"),
        (given("Bearer"), "undecided"),  # it binds nothing, and owes the proof nothing
        (Response(400, body=b'{"error": "invalid_grant"}'), "deny"),
    ],
)
def test_a_code_is_for_the_key_that_it_was_asked_for_with(answer, decision):
    mine, others, asked = Nobody(), Nobody(), []
    bench = SimpleNamespace(nobody=mine, now=1_000.0, observe=lambda step: True)
    party = SimpleNamespace(bench=bench, stranger_keys=others, public=SPA, user="alice", idp=idp(answer, asked))
    assert REDEEMED.send(party).decision == decision
    further, request = asked
    assert further == {"dpop_jkt": mine.thumbprint("ES256")}
    assert peek(request.headers["DPoP"])[0]["jwk"] == others.jwk("ES256")


@pytest.mark.parametrize(("shows", "opaque"), [(("jwt",), [False]), (("jwt", "opaque"), [False, True])])
def test_opaque_tokens_are_bound_as_well_where_there_are_any(shows, opaque):
    orders = list(Bound().orders(Moment(now=10_000.0, margin_s=6.0, number=0, shows=shows)))
    assert [order.opaque for order in orders] == opaque
    assert all("jkt" in order.claims["cnf"] for order in orders)
