"""A login at an IdP played by a list of answers: which forms are sent, and what is said of each."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Idp
from idchaos.load.idp.tokens import b64
from idchaos.targets.endpoints import Client, Endpoints, User

BASE = "http://127.0.0.1:1"
PAGE = b"<form action=login><input type=hidden name=request value=%s><input name=u><input type=password name=p></form>"
WEB = Client(client_id="web", client_secret="s", redirect_uri="http://127.0.0.1/cb", grants=("authorization_code",))
ALICE = User(username="alice", password="right")
PASSWORD = "correct-horse-battery"


class ScriptedSite:
    """Answers each path; remembers the passwords that were sent. The form of each page has a number of its own."""

    base = BASE

    def __init__(self, refuse=(), answer="code=c&state={state}", nonce=None):
        self.refuse, self.sent, self.state, self.nonce = list(refuse), [], "", ""
        self.answer, self.others_nonce = answer, nonce

    def head(self, method, target, headers):
        return target.encode()

    def send(self, head, body=b"", *, replayable=True):
        url, form = urlsplit(head.decode()), {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if url.path == "/authorize":
            self.state, self.nonce = (parse_qs(url.query)[name][0] for name in ("state", "nonce"))
            return Response(status=200, body=PAGE % b"1")
        if url.path == "/login":
            self.sent.append((form["request"], form["p"]))
            if self.refuse:
                return self.refuse.pop(0)
            return Response(
                status=302, headers={"Location": f"{WEB.redirect_uri}?{self.answer.format(state=self.state)}"}
            )
        claims = {"nonce": self.others_nonce or self.nonce}
        id_token = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "RS256"}, claims, "signature"))
        return Response(status=200, body=json.dumps({"access_token": "at", "id_token": id_token}).encode())


def logged_in(site, *, typo, flaws=None, names_issuer=False):
    idp = Idp(
        Endpoints(issuer=BASE, idp_url=BASE, gateways=(), routes=(), clients=(WEB,), users=(ALICE,)), lambda _: site
    )
    idp._names_issuer = names_issuer
    idp._urls = {name: f"{BASE}/{name}" for name in ("authorize", "token")}
    steps = []

    def observe(step):
        steps.append((step.endpoint, step.decision, step.expected))
        careful = step.with_care()
        if flaws is not None and careful is not step:
            flaws.append((careful.endpoint, careful.decision, careful.code))
        return step.decision == "accept" or step.expected == "deny"

    _, body = idp.login(WEB, ALICE, observe, typo=typo)
    return steps, body


def test_a_login_sends_the_form_once():
    site = ScriptedSite(refuse=())
    steps, body = logged_in(site, typo=False)
    assert site.sent == [("1", "right")]
    assert [endpoint for endpoint, _, _ in steps] == ["authorize", "login", "token"]
    assert body["access_token"] == "at"


def test_a_mistyped_password_is_to_be_refused_and_the_form_that_comes_back_is_sent_again():
    site = ScriptedSite(refuse=[Response(status=401, body=PAGE % b"2")])
    steps, body = logged_in(site, typo=True)
    assert [request for request, _ in site.sent] == ["1", "2"]
    assert site.sent[0][1] != "right"
    assert site.sent[1][1] == "right"
    assert steps[1:3] == [("login", "deny", "deny"), ("login", "accept", "accept")]
    assert body


@pytest.mark.parametrize(("status", "decision"), [(503, "undecided"), (0, "undecided")])
def test_when_no_form_comes_back_the_first_one_is_sent_again(status, decision):
    site = ScriptedSite(refuse=[Response(status=status)])
    steps, body = logged_in(site, typo=True)
    assert [request for request, _ in site.sent] == ["1", "1"]
    assert steps[1] == ("login", decision, "deny")
    assert body


def test_a_wrong_password_that_is_accepted_is_told():
    steps, _ = logged_in(ScriptedSite(refuse=()), typo=True)
    assert steps[1] == ("login", "accept", "deny")


@pytest.mark.parametrize(
    ("site", "names_issuer", "flaws"),
    [
        (ScriptedSite(), False, []),
        (ScriptedSite(answer="code=c&state=other"), False, [("login", "undecided", "state_mismatch")]),
        (ScriptedSite(answer="code=c"), False, [("login", "undecided", "state_mismatch")]),
        (ScriptedSite(answer="code=c&state={state}&iss=http://o"), False, [("login", "undecided", "iss_mismatch")]),
        (ScriptedSite(), True, [("login", "undecided", "iss_mismatch")]),
        (ScriptedSite(answer="code=c&state={state}&iss=" + BASE), True, []),
        (ScriptedSite(nonce="of-another"), False, [("token", "undecided", "nonce_mismatch")]),
    ],
)
def test_a_careful_client_takes_only_answers_to_its_own_request(site, names_issuer, flaws):
    """RFC 6749 section 10.12, RFC 9207 section 2.4, OpenID Connect Core section 3.1.3.7."""
    found = []
    logged_in(site, typo=False, flaws=found, names_issuer=names_issuer)
    assert found == flaws


@pytest.mark.parametrize(
    ("refused", "location", "quoted"),
    [
        ("", "code=c&state={state}", (0, 0)),
        (f"<p>{PASSWORD}~ is wrong</p>", "code=c&state={state}", (1, 0)),
        ("", f"code=c&state={{state}}&hint={PASSWORD}", (0, 1)),
    ],
)
def test_no_page_and_no_redirect_repeats_a_password(refused, location, quoted):
    """Whatever the field is called: it is known by what is in it."""
    user = User(username="alice", password=PASSWORD)
    page = Response(status=401, body=PAGE % b"2" + refused.encode())
    site = ScriptedSite(refuse=[page], answer=location)
    endpoints = Endpoints(issuer=BASE, idp_url=BASE, gateways=(), routes=(), clients=(WEB,), users=(user,))
    idp = Idp(endpoints, lambda _: site)
    idp._urls = {name: f"{BASE}/{name}" for name in ("authorize", "token")}
    idp.login(WEB, user, lambda step: True, typo=True)
    assert (idp.quotes.found["idp"], idp.answers.found["idp"]) == quoted
    assert idp.answers.searched["idp"] > 0


def test_where_users_have_doubles_each_login_is_another_one_s():
    site, names = ScriptedSite(), []
    send = site.send

    def watched(head, body=b"", **how):
        names.extend(parse_qs(body.decode()).get("u", []))
        return send(head, body, **how)

    site.send = watched
    idp = Idp(
        Endpoints(issuer=BASE, idp_url=BASE, gateways=(), routes=(), clients=(WEB,), users=(ALICE,), doubles=2),
        lambda _: site,
    )
    idp._urls = {name: f"{BASE}/{name}" for name in ("authorize", "token")}
    for _ in range(2):
        idp.login(WEB, ALICE, lambda step: True)
    idp.code(WEB, ALICE, lambda step: True)
    assert names == ["alice-1", "alice-0", "alice-1"]
