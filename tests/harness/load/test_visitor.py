"""A doctor's browser logs in as the load's does, and says at which step it could not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from idchaos.errors import LoadError
from idchaos.load.engine.response import Response
from idchaos.load.idp import visitor
from idchaos.load.idp.visitor import Visitor
from idchaos.targets.endpoints import Client, Endpoints, User

BASE = "http://127.0.0.1:1"
PAGE = b"<form action=/login><input name=u><input type=password name=p></form>"
WEB = Client(client_id="web", redirect_uri="http://127.0.0.1/cb", grants=("authorization_code", "refresh_token"))
METADATA = {"issuer": BASE, "jwks_uri": f"{BASE}/jwks"} | {
    f"{name}_endpoint": f"{BASE}/{name}" for name in ("authorization", "token")
}


class Site:
    """Of an IdP that knows one password, and no refresh token but its own."""

    base = BASE
    state = ""

    def __init__(self, *_: object) -> None:
        """Whatever pool it is given."""

    def head(self, method: str, target: str, headers: object) -> bytes:
        return target.encode()

    def send(self, head: bytes, body: bytes = b"", **_: object) -> Response:
        url, form = urlsplit(head.decode()), {name: values[0] for name, values in parse_qs(body.decode()).items()}
        match url.path:
            case "/authorization":
                Site.state = parse_qs(url.query)["state"][0]
                return Response(200, body=PAGE)
            case "/login" if form["p"] == "right":
                return Response(302, headers={"Location": f"{WEB.redirect_uri}?code=c&state={Site.state}"})
            case "/login":
                return Response(401, body=PAGE)
            case "/token" if form.get("refresh_token", "first") != "first":
                return _json(400, {"error": "invalid_grant"})
            case "/token":
                return _json(200, {"access_token": "at", "refresh_token": "first", "token_type": "Bearer"})
        return _json(200, METADATA)


def _json(status: int, document: dict[str, Any]) -> Response:
    return Response(status, headers={"Content-Type": "application/json"}, body=json.dumps(document).encode())


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    monkeypatch.setattr(visitor, "Site", Site)
    return Visitor(Endpoints(issuer=BASE, idp_url=BASE, gateways=(), routes=(), clients=(WEB,), users=()))


def test_a_login_gives_tokens_that_are_shown_nowhere(browser: Visitor) -> None:
    given = browser.log_in(WEB, User(username="alice", password="right"))
    assert (given.access, given.refresh) == ("at", "first")
    assert "first" not in repr(given)
    assert browser.refresh(WEB, given.refresh).access == "at"


def test_who_can_not_log_in_is_told_where_it_ended(browser: Visitor) -> None:
    with pytest.raises(LoadError, match=r"^login: login_(form|refused)$"):
        browser.log_in(WEB, User(username="alice", password="wrong"))
    with pytest.raises(LoadError, match=r"^token: invalid_grant$"):
        browser.refresh(WEB, "another")
