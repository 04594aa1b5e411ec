"""Logouts of which a client is told: what it may believe, and when nothing that came is a flaw."""

import json
from itertools import count, cycle
from types import SimpleNamespace

import gevent
import pytest
from gevent import socket

from idchaos.load.canaries.kinds import logout_untold
from idchaos.load.canaries.kinds.logout_untold import LogoutUntold, flaw_of
from idchaos.load.canaries.nobody import Nobody
from idchaos.load.canaries.receiver import Receiver
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Registered, Step
from idchaos.load.idp.tokens import b64
from idchaos.targets.endpoints import Client

from .conftest import WEB

ISSUER, LOGIN = "https://idp.example", {"sub": "alice", "sid": "s1"}
EVENTS = {"http://schemas.openid.net/event/backchannel-logout": {}}
CLAIMS = {"iss": ISSUER, "aud": "web", "iat": 1, "jti": "j", "sub": "alice", "sid": "s1", "events": EVENTS}
KEYS = [Nobody().jwk("ES256") | {"kid": "k"}]


@pytest.fixture(autouse=True)
def signed(monkeypatch):
    """Whoever names the key has signed by it."""
    monkeypatch.setattr(logout_untold, "is_signed_by_one_of", lambda token, keys: token.endswith(".good"))


def token(signature="good", **claims):
    said = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return ".".join([*(b64(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": "k"}, said)), signature])


@pytest.mark.parametrize(
    ("made", "flaw"),
    [
        (token(), ""),
        (token(aud=["web", "spa"]), ""),
        (token(sid=None), ""),
        (token(sub=None), ""),
        (token(sub=None, sid=None), "sub"),
        (token(sub="bob"), "sub"),
        (token(sid="s2"), "sid"),
        (token(iss="https://other.example"), "iss"),
        (token(aud="spa"), "aud"),
        (token(aud=None), "aud"),
        (token(iat="now"), "iat"),
        (token(jti=None), "jti"),
        (token(events=None), "events"),
        (token(events={"other": {}}), "events"),
        (token(nonce="n"), "nonce"),
        (token("bad"), "key_not_published"),
        ("opaque", "no_jwt"),
        ("", "no_jwt"),
    ],
)
def test_what_a_careful_client_would_not_believe(made, flaw):
    assert flaw_of(made, KEYS, issuer=ISSUER, client_id="web", login=LOGIN) == flaw


def test_a_login_that_names_no_session_is_one_that_any_session_may_be_of():
    assert flaw_of(token(), KEYS, issuer=ISSUER, client_id="web", login={"sub": "alice"}) == ""


class Bench:
    """Time goes on by a second whenever it is asked for."""

    def __init__(self, receiver):
        self.receiver, self._now = receiver, count()

    @property
    def now(self):
        return float(next(self._now))

    def observe(self, step):
        return step.decision == "accept"


class Party:
    """``notices``: what comes after each logout; ``None``: nothing."""

    def __init__(self, *notices, signed_in=False, registers=True, stopping=False, keys=(KEYS, KEYS)):
        self.notices, self.known, self.registers, self.keys = list(notices), signed_in, registers, cycle(keys)
        self.idp, self.confidential, self.issuer = self, WEB, ISSUER
        self.told, self.bench = {}, Bench(self)
        self.scene = SimpleNamespace(rest=lambda s: not stopping, stopping=stopping, upkeep=lambda step: None)
        self.scene.shared = lambda name, make: self.turns
        self.turns, self.logins = cycle((True, False)), []
        self.gone = 0

    def url(self, name):
        self.name, self.told[name] = name, []
        return f"http://127.0.0.1:1/{name}"

    def register(self, redirect_uris, further):
        step = Step("register", Response(201), "accept", "")
        made = Registered(Client(client_id="web", client_secret="s"), "http://127.0.0.1/register/web", "t")
        return step, made if self.registers else None

    def unregister(self, made):
        self.gone += 1
        return Step("unregister", Response(204), "accept", "")

    def login(self, client):
        self.logins.append(client)
        return SimpleNamespace(client=client, id_token=token(), cookies={})

    def follows(self, held, client):
        return self.login(client)

    def cookies_of(self, held):
        return {}

    def jwks(self):
        return next(self.keys)

    def ask(self, asked):
        notice = self.notices.pop(0)
        self.told[self.name] += [] if notice is None else [notice]
        return Response(200)

    def signed_in(self, held):
        return self.known


(ASK,) = LogoutUntold.asks


@pytest.mark.parametrize(
    ("party", "decided"),
    [
        (Party(token()), ("deny", "told")),
        (Party(token(nonce="n")), ("accept", "nonce")),
        (Party(token("bad")), ("accept", "key_not_published")),
        (Party(token("bad"), keys=(KEYS, None)), ("undecided", "no_keys")),
        (Party(token("bad"), keys=(None, KEYS)), ("undecided", "no_keys")),
        (Party(token("bad"), keys=([], [])), ("undecided", "no_keys")),
        (Party(token(), keys=(None, KEYS)), ("deny", "told")),
        (Party(None, None), ("accept", "untold")),
        (Party(None, token()), ("deny", "told")),  # one may be lost
        (Party(None, stopping=True), None),
        (Party(None, signed_in=True), None),
        (Party(None, signed_in=None), None),
        (Party(registers=False), None),
    ],
    ids=["told", "not to be believed", "unpublished", "no keys afterwards", "none before", "an empty key set",
         "keys afterwards", "untold twice", "told the second time", "load over", "still signed in",
         "the IdP is away", "it registers nobody for that"],
)  # fmt: skip
def test_two_logouts_in_a_row_must_go_untold(party, decided):
    step = ASK.send(party)
    assert (step and (step.decision, step.code)) == decided


def test_each_of_two_clients_must_be_told_whichever_came_first():
    party = Party(None, None, token())
    ASK.send(party)
    joined = [client == WEB for client in party.logins]
    party.logins.clear()
    ASK.send(party)
    assert joined == [True, False, True, False], "both attempts of a turn alike"
    assert [client == WEB for client in party.logins] == [False, True]


def test_who_registered_takes_their_leave():
    party = Party(None, None)
    ASK.send(party)
    assert party.gone == 2


def test_the_receiver_keeps_what_it_is_told_by_name():
    receiver = Receiver()
    host, port = "127.0.0.1", int(receiver.url("a").split(":")[2].partition("/")[0])

    def post(name, body):
        with socket.create_connection((host, port), timeout=5) as sock:
            sock.sendall(f"POST /{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            return sock.recv(64)

    with gevent.Timeout(5):
        answers = [post("a", "logout_token=x.y.z"), post("b", "other=1"), post("c", "")]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    assert receiver.told == {"a": ["x.y.z"], "b": [""], "c": [""]}
