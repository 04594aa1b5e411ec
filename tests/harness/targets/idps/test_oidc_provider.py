"""oidc-provider's adapter against a hosting program that is a table: what it is told, and each refusal in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from idchaos.errors import FaultError, TargetError
from idchaos.run.launch import make_target
from idchaos.settings import CommonSettings, TokenSettings
from idchaos.targets.capabilities import RotatesKeys
from idchaos.targets.endpoints import Client, User
from idchaos.targets.gateways.base import Address
from idchaos.targets.idps.base import Site
from idchaos.targets.idps.keyring import Keyring
from idchaos.targets.idps.oidc_provider import package
from idchaos.targets.idps.oidc_provider.adapter import RunningProvider
from idchaos.targets.idps.oidc_provider.control import Control
from idchaos.targets.idps.oidc_provider.document import registered

SETTINGS = CommonSettings(topology="edge", tokens=TokenSettings(access_ttl_s=20, code_ttl_s=12, session_max_s=600))
CODE = ("authorization_code", "refresh_token")
CALLBACK = "http://127.0.0.1/callback"


class Told:
    """A hosting program that keeps what it is told."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.secrets: list[str] = []
        self.answers: dict[str, httpx.Response | Exception] = {}
        """By method and path, what is answered instead."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.get(f"{request.method} {request.url.path}")
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        if request.url.path == "/jwks":
            assert not request.headers["Authorization"], "the secret of the run is nothing to who serves there"
            return httpx.Response(200, json={"keys": [{"kid": kid} for kid in self.kids]})
        self.secrets.append(request.headers["Authorization"])
        if request.method == "PUT":
            self.document = json.loads(request.content)
            return httpx.Response(204)
        return httpx.Response(200, json={"serves": True})

    @property
    def kids(self) -> list[str]:
        return [each["kid"] for each in self.document["jwks"]["keys"]]

    def client(self, name: str) -> dict[str, Any]:
        return next(each for each in self.document["clients"] if each["client_id"] == name)


class Small(Keyring):
    """Keys that are quickly made."""

    def __init__(self) -> None:
        super().__init__("RS256", 2)


@pytest.fixture(scope="session")
def made() -> Keyring:
    keyring = Small()
    keyring.make()
    return keyring


@pytest.fixture
def keyring(made: Keyring) -> Keyring:
    """The same keys, as they stand in the beginning."""
    fresh = Small()
    fresh._made = made._made
    fresh.take("rs256-1", publish=True, sign=True)
    fresh.take("rs256-spare", publish=True, sign=False)
    return fresh


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def running(told: Told, keyring: Keyring) -> RunningProvider:
    def connect(control: str, data: str, secret: str) -> Control:
        return Control(control, data, secret, httpx.MockTransport(told))

    found = RunningProvider(SETTINGS, connect, keyring)
    found.begin(site())
    return found


def site() -> Site:
    return Site(
        listen=Address(host="127.0.0.1", port=4_001),
        spare=Address(host="127.0.0.1", port=4_002),
        url="http://127.0.0.1:4003",
        folder=Path("/nowhere/idp-home"),
        log=Path("/nowhere/idp.log"),
        run_id="of-no-run",
        clients=(
            Client(
                client_id="web", client_secret="s3", next_secret="s4", grants=CODE, redirect_uri=CALLBACK,
                scope="openid offline_access orders:read",
            ),
            Client(client_id="spa", grants=CODE, redirect_uri=CALLBACK, scope="openid"),
            Client(client_id="machine", client_secret="m", grants=("client_credentials",), scope="orders:read"),
            Client(
                client_id="signer", grants=("client_credentials",),
                private_jwk={"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "private"},
            ),
        ),
        introspecting=Client(client_id="gateway", client_secret="g"),
        users=(User(username="alice", password="pw"),),
        audiences=("orders", "accounts"),
        scopes=("orders:read", "orders:write"),
    )  # fmt: skip


# --- what it is told ---


def test_it_is_told_of_the_run_s_issuer_lifetimes_users_and_keys_of_the_harness(
    running: RunningProvider, told: Told
) -> None:
    running.provision()
    assert told.document["issuer"] == "http://127.0.0.1:4003"
    assert told.document["tokens"] == {
        "access_ttl_s": 20, "refresh_ttl_s": 86_400, "session_max_s": 600, "code_ttl_s": 12,
    }  # fmt: skip
    assert told.document["users"] == [{"username": "alice", "password": "pw"}]
    assert told.kids == ["rs256-1", "rs256-spare"]
    assert all(len(each["d"]) > 300 for each in told.document["jwks"]["keys"])


def test_clients_are_what_they_are_and_may_ask_for_what_they_may(running: RunningProvider, told: Told) -> None:
    running.provision()
    web, spa, machine, signer, gateway = (told.client(name) for name in ("web", "spa", "machine", "signer", "gateway"))
    assert (web["client_secret"], web["redirect_uris"], web["response_types"]) == ("s3", [CALLBACK], ["code"])
    assert (spa["token_endpoint_auth_method"], spa["application_type"]) == ("none", "native")
    assert "client_secret" not in spa
    assert (machine["grant_types"], machine["response_types"]) == (["client_credentials"], [])
    assert signer["token_endpoint_auth_method"] == "private_key_jwt"
    assert "d" not in signer["jwks"]["keys"][0]
    assert gateway["grant_types"] == []
    assert told.document["api_scopes"] == {"web": "orders:read", "spa": "", "machine": "orders:read", "signer": ""}


def test_grants_and_scopes_that_mean_something_else_there_are_left_out(running: RunningProvider) -> None:
    target, _ = make_target("local", SETTINGS, "of-no-run")
    found = running.endpoints(target.endpoints)
    assert all("offline_access" not in client.scope for client in found.clients)
    assert {grant for client in found.clients for grant in client.grants} == {*CODE, "client_credentials"}
    assert found.initial_access_token
    assert (found.idp_control_url, found.follows_settings) == (None, True)
    assert [each["kid"] for each in found.further_jwks] == ["rs256-spare", "rs256-2", "rs256-3"]


def test_a_client_without_a_redirect_uri_has_none() -> None:
    assert registered(Client(client_id="machine", client_secret="m"))["redirect_uris"] == []


# --- keys that come and go ---


def test_to_publish_to_sign_and_to_retire_are_acts_of_their_own(running: RunningProvider, told: Told) -> None:
    running.provision()
    keys = running.grants()[RotatesKeys]
    assert isinstance(keys, RotatesKeys)
    kid = keys.add_key("rs256-2", "RS256", publish=True, sign=False)
    assert told.kids[0] == "rs256-1", "the first one signs"
    keys.sign_with(kid)
    assert told.kids[0] == "rs256-2"
    keys.retire_key("rs256-1")
    assert sorted(told.kids) == ["rs256-2", "rs256-spare"]
    standing = keys.keys()
    assert {each.kid: (each.published, each.signing) for each in standing} == {
        "rs256-1": (False, False), "rs256-spare": (True, False), "rs256-2": (True, True),
    }  # fmt: skip
    keys.publish_key("rs256-1")
    assert sorted(told.kids) == ["rs256-1", "rs256-2", "rs256-spare"]


def test_a_key_that_it_does_not_publish_is_told_as_what_it_is(running: RunningProvider, told: Told) -> None:
    running.provision()
    told.answers["GET /jwks"] = httpx.Response(200, json={"keys": [{"kid": "rs256-spare"}]})
    keys = running.grants()[RotatesKeys]
    assert isinstance(keys, RotatesKeys)
    first, _ = keys.keys()
    assert (first.published, first.signing) == (False, False)


def test_what_can_not_be_done_with_keys_is_said(running: RunningProvider) -> None:
    running.provision()
    keys = running.grants()[RotatesKeys]
    assert isinstance(keys, RotatesKeys)
    with pytest.raises(FaultError, match="can't sign before it is published: oidc-provider publishes"):
        keys.add_key("rs256-2", "RS256", publish=False, sign=True)
    hidden = keys.add_key("rs256-2", "RS256", publish=False, sign=False)
    with pytest.raises(FaultError, match="rs256-2 can't sign before it is published"):
        keys.sign_with(hidden)
    with pytest.raises(FaultError, match="rs256-1 can't be withdrawn while it signs"):
        keys.retire_key("rs256-1")
    with pytest.raises(FaultError, match="no keys of ES256 in this run"):
        keys.add_key("es256-2", "ES256", publish=True, sign=False)


# --- one that refuses, or is not heard ---


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(400, json={"error": "keystore must be\na set"}), "its configuration: 400 keystore must be$"),
        (httpx.Response(401, text="no"), "its configuration: 401 $"),
        (httpx.ReadTimeout("late"), r"was not told: no answer \(ReadTimeout\)$"),
    ],
)
def test_a_refusal_is_one_line_without_what_was_sent(
    running: RunningProvider, told: Told, answer: Any, said: str
) -> None:
    told.answers["PUT /"] = answer
    with pytest.raises(TargetError, match=said) as refused:
        running.provision()
    assert "\n" not in str(refused.value)
    assert "s3" not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(200, text="<html>"), "told no keys$"),
        (httpx.Response(503, json={"error": "not configured yet"}), "told no keys$"),
        (httpx.ConnectError("gone"), r"told no keys: no answer \(ConnectError\)$"),
    ],
)
def test_one_that_tells_no_keys_is_not_taken_at_its_word(
    running: RunningProvider, told: Told, answer: Any, said: str
) -> None:
    told.answers["GET /jwks"] = answer
    keys = running.grants()[RotatesKeys]
    assert isinstance(keys, RotatesKeys)
    with pytest.raises(TargetError, match=said):
        keys.keys()


def test_a_silent_one_does_not_serve(running: RunningProvider, told: Told) -> None:
    assert running.serves()
    told.answers["GET /"] = httpx.ConnectError("gone")
    assert not running.serves()
    fresh = RunningProvider(SETTINGS)
    assert not fresh.serves(), "nor does one that was not started"
    with pytest.raises(TargetError, match="oidc-provider is not started"):
        fresh.provision()


def test_its_command_holds_no_secret_and_its_environment_does_not_let_it_log_requests() -> None:
    words = package.command(site())
    assert words[-2:] == ("127.0.0.1:4001", "127.0.0.1:4002")
    assert Path(words[1]).is_file()
    assert not any(secret in word for word in words for secret in ("s3", "pw"))
    assert package.environment("of the run")["DEBUG"] == ""
