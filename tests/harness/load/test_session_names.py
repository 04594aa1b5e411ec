"""A browser that has logged out and in again has another session, and that has another name (``sid``)."""

import json
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.logout import SessionAfterLogout
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.journey import Cookies
from idchaos.load.idp.tokens import b64

from .conftest import WEB

(ASK,) = (ask for ask in SessionAfterLogout.asks if ask.way == "sid")
DONE = Response(200, body=b"<p>Signed out.</p>")
AWAY = Response(503)


def id_token(**claims):
    return ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "none"}, claims, {}))


def party(first, later, *, logged_out=DONE):
    """Who logs in at first has the ID token ``first``, and after the logout the token answer ``later``."""

    def redeem(client, code, verifier):
        return Step("token", Response(200), "accept" if later is not None else "undecided", ""), later or {}

    idp = SimpleNamespace(
        ask=lambda asked: logged_out,
        url_of=lambda endpoint: "http://127.0.0.1/end",
        code=lambda client, user, observe, cookies: Code("c", "u", "v"),
        redeem=redeem,
    )
    endpoints = SimpleNamespace(idp_url="http://127.0.0.1", allow_hosts=())
    bench = SimpleNamespace(
        scene=SimpleNamespace(idp=idp, endpoints=endpoints), observe=lambda step: step.decision == "accept"
    )
    held = SimpleNamespace(client=WEB, id_token=first, cookies=Cookies())
    return SimpleNamespace(login=lambda: held, user="alice", idp=idp, bench=bench)


@pytest.mark.parametrize(
    ("later", "decision"),
    [
        ({"id_token": id_token(sid="a")}, "accept"),
        ({"id_token": id_token(sid="b")}, "deny"),
        ({"id_token": id_token()}, "undecided"),
        (None, "undecided"),
    ],
)
def test_it_counts_when_the_name_is_that_of_the_session_that_ended(later, decision):
    assert ASK.send(party(id_token(sid="a"), later)).decision == decision


def test_without_a_name_or_a_logout_there_is_nothing_to_compare():
    later = {"id_token": id_token(sid="a")}
    assert ASK.send(party(id_token(), later)) is None
    assert ASK.send(party(id_token(sid="a"), later, logged_out=AWAY)) is None
