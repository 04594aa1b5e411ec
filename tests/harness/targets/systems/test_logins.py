"""What a doctor says of logins: who can't log in and at which step, and what refreshes give."""

from __future__ import annotations

import pytest

from idchaos.errors import LoadError
from idchaos.targets.endpoints import Client, Endpoints, User
from idchaos.targets.gateways.checks import Finding
from idchaos.targets.systems.logins import OF_ROTATION, Tokens, logins

WEB = Client(client_id="web", grants=("authorization_code", "refresh_token"), redirect_uri="http://127.0.0.1/cb")
APP = Client(client_id="app", grants=("authorization_code",), redirect_uri="http://127.0.0.1/cb")
BATCH = Client(client_id="batch", client_secret="s", grants=("client_credentials",))
USERS = (User(username="alice", password="right"), User(username="bob", password="wrong"))


class Browser:
    """Of an IdP that knows one password, and gives these refresh tokens one after the other."""

    def __init__(self, *refresh: str) -> None:
        self.refresh_tokens = list(refresh)

    def log_in(self, client: Client, user: User) -> Tokens:
        if user.password != "right":
            raise LoadError("login: login_refused")
        return Tokens(access=f"a token of {user.username}", refresh=self.refresh_tokens.pop(0))

    def refresh(self, client: Client, token: str) -> Tokens:
        if not self.refresh_tokens:
            raise LoadError("token: unauthorized_client")
        return Tokens(access="another", refresh=self.refresh_tokens.pop(0))

    def close(self) -> None:
        """Nothing is open."""


def tried(*refresh: str, unpromised: tuple[str, ...] = (), doubles: int = 0) -> tuple[list[Finding], dict[str, str]]:
    url = "http://127.0.0.1:1"
    endpoints = Endpoints(
        issuer=url, idp_url=url, gateways=(), routes=(), clients=(BATCH, WEB, APP), users=USERS, doubles=doubles
    )
    tokens: dict[str, str] = {}
    checks = logins(endpoints, lambda: Browser(*refresh), dict.fromkeys(unpromised, "it keeps them"), tokens)
    assert len(checks) == 3  # each user at the first client, and one at the other
    return [finding for check in checks.values() for finding in check()], tokens


def test_each_user_is_tried_once_and_each_client() -> None:
    found, tokens = tried("first", "second")
    assert [(each.ok, each.what) for each in found] == [
        (True, "client web: alice logs in"),
        (True, "client web: refreshes, and its refresh tokens are good once"),
        (False, "client web: bob can't log in: login: login_refused"),
        (True, "client app: alice logs in"),
    ]
    assert tokens == {"alice at web": "a token of alice", "alice at app": "a token of alice"}


@pytest.mark.parametrize(
    ("refresh", "unpromised", "ok", "said"),
    [
        (("",), (), False, "a login gives no refresh token"),
        (("first",), (), False, "a refresh fails: token: unauthorized_client"),
        (("first", "first"), (), False, "keeps its refresh token"),
        (("first", ""), (), False, "keeps its refresh token"),
        (("first", "first"), OF_ROTATION, True, "keeps its refresh token"),
    ],
)
def test_what_refreshes_give_is_told(
    refresh: tuple[str, ...], unpromised: tuple[str, ...], ok: bool, said: str
) -> None:
    found = next(each for each in tried(*refresh, unpromised=unpromised)[0] if "refresh" in each.what)
    assert (found.ok, said in found.what) == (ok, True)


def test_where_each_login_is_another_ones_the_last_one_must_be_there() -> None:
    assert tried("first", "second", doubles=120)[0][0].what == "client web: alice-119 logs in"
