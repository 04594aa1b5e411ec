"""Requests for what a user has not allowed: what the IdP must say, and when nothing can be said of it."""

import json
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.catalogue import unmakeable
from idchaos.load.canaries.kinds.consent_overstepped import ConsentOverstepped
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.handed_out import HandedOut
from idchaos.targets.endpoints import Client, Endpoints, User

ASKS = {ask.way: ask for ask in ConsentOverstepped.asks}
ASKING = tuple(
    Client(
        client_id=name, client_secret="s", redirect_uri="http://127.0.0.1/cb", scope="openid orders:read orders:write"
    )
    for name in ("asking", "asking-too")
)
CODE = Code("c", "http://127.0.0.1/cb", "v")


def step(endpoint, decision="accept", code=""):
    return Step(endpoint, Response(302), decision, code)


class Party:
    """``silent``: the answer to a silent request; ``given``: the scope of its tokens; ``login``: the end of a login."""

    def __init__(self, silent=None, given=None, login=None, *, known=True, clients=ASKING):
        self.silent, self.given, self.last, self.known = silent, given, login, known
        self.user, self.idp, self.handed_out = User(username="alice", password="p"), self, HandedOut()
        known_to_ask = SimpleNamespace(asking_clients=clients)
        self.scene = SimpleNamespace(endpoints=known_to_ask, stopping=False, upkeep=lambda step: None)
        self.bench = SimpleNamespace(observe=lambda step: step.decision == "accept")
        self.asked, self.refused_at = [], None

    def login(self, client, scope):
        return SimpleNamespace(client=client.model_copy(update={"scope": scope}), cookies={})

    def signed_in(self, held):
        return self.known

    def silent_code(self, client, cookies):
        self.asked.append((client.client_id, client.scope))
        return self.silent, CODE if self.silent.decision == "accept" else None

    def ask(self, asked):
        body = {"access_token": "opaque"} | ({} if self.given is None else {"scope": self.given})
        return Response(200, body=json.dumps(body).encode())

    def code(self, client, user, observe, *, refuses):
        self.refused_at = client.client_id if refuses else None
        went_on = [observe(step("authorize")), observe(self.last)]
        return CODE if all(went_on) else None


REFUSED = step("authorize", "deny", "consent_required")
CODE_GIVEN = step("authorize")


@pytest.mark.parametrize(
    ("way", "party", "decision"),
    [
        ("wider_scope", Party(REFUSED), "deny"),
        ("wider_scope", Party(CODE_GIVEN, "openid orders:read orders:write"), "accept"),
        ("wider_scope", Party(CODE_GIVEN, "openid orders:read"), "deny"),  # less than was asked for
        ("wider_scope", Party(CODE_GIVEN), "undecided"),
        ("wider_scope", Party(REFUSED, known=False), None),
        ("another_client", Party(REFUSED), "deny"),
        ("another_client", Party(CODE_GIVEN), "accept"),
        ("another_client", Party(REFUSED, known=None), None),
        ("refused", Party(login=step("login", "deny", "access_denied")), "deny"),
        ("refused", Party(login=step("login")), "accept"),
        ("refused", Party(login=step("login", "deny", "login_refused")), "undecided"),
        ("refused", Party(login=step("login", "undecided", "http_503")), "undecided"),
    ],
)
def test_what_nobody_has_allowed_is_not_given(way, party, decision):
    found = ASKS[way].send(party)
    assert (found and found.decision) == decision


def test_each_asks_for_what_was_not_allowed_there():
    wider, elsewhere, refusing = Party(REFUSED), Party(REFUSED), Party(login=step("login", "deny", "access_denied"))
    for way, party in (("wider_scope", wider), ("another_client", elsewhere), ("refused", refusing)):
        ASKS[way].send(party)
    assert wider.asked == [("asking", "openid orders:read orders:write")]
    assert elsewhere.asked == [("asking-too", "openid orders:read")]
    assert refusing.refused_at == "asking-too"


def test_a_client_without_two_scopes_of_its_own_says_nothing():
    clients = tuple(client.model_copy(update={"scope": "openid orders:read"}) for client in ASKING)
    assert [ask.send(Party(REFUSED, clients=clients)) for ask in ASKS.values()] == [None] * 3


def test_where_no_clients_are_known_to_ask_that_is_told_before_the_run():
    nobody = Endpoints(issuer="i", idp_url="u", gateways=(), routes=(), clients=(), users=())
    assert "ask their users" in unmakeable(["consent_overstepped"], nobody)["consent_overstepped"]
