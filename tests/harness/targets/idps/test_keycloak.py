"""Keycloak's adapter against an admin API that is a table: what it is told, and each refusal in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from idchaos.errors import FaultError, TargetError
from idchaos.run.launch import make_target
from idchaos.settings import CommonSettings
from idchaos.targets.capabilities import RotatesKeys
from idchaos.targets.endpoints import Client, User
from idchaos.targets.gateways.base import Address
from idchaos.targets.idps.base import Site, at_another
from idchaos.targets.idps.keycloak import distribution
from idchaos.targets.idps.keycloak.adapter import DOUBLES, RunningKeycloak
from idchaos.targets.idps.keycloak.admin import Admin
from idchaos.targets.idps.keyring import Keyring

TOKEN = "/realms/master/protocol/openid-connect/token"
SETTINGS = CommonSettings(topology="edge")


class Told:
    """An admin API that keeps what it is given."""

    def __init__(self) -> None:
        self.realm: dict[str, Any] = {}
        self.made: dict[str, list[dict[str, Any]]] = {}
        self.components: dict[str, dict[str, Any]] = {}
        self.logins = 0
        self.answers: dict[str, list[httpx.Response | Exception]] = {}
        """By the end of a path, what is answered instead, once each."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        for end, waiting in self.answers.items():
            if path.endswith(end) and waiting:
                answer = waiting.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer
        if path == TOKEN:
            self.logins += 1
            return httpx.Response(200, json={"access_token": f"admin-{self.logins}"})
        if path == "/realms/master":
            return httpx.Response(200, json={})
        assert request.headers["Authorization"] == f"Bearer admin-{self.logins}"
        body = json.loads(request.content) if request.content else {}
        return self.admin(request.method, path.removeprefix("/admin/realms"), body)

    def admin(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        if path == "":
            self.realm = body
            for each in body["components"]["org.keycloak.keys.KeyProvider"]:
                self.components[each["name"]] = each | {"id": f"id-{each['name']}"}
            return httpx.Response(201)
        what, _, ident = path.removeprefix("/idchaos/").partition("/")
        if what == "components" and method == "GET":
            return httpx.Response(200, json=list(self.components.values()))
        if what == "clients-initial-access":
            return httpx.Response(200, json={"token": "come in"})
        if what == "components":
            self.components[body["name"]] = body | {"id": ident or f"id-{body['name']}"}
        self.made.setdefault(what, []).append(body)
        return httpx.Response(201, headers={"Location": f"http://x/{what}/new"})

    def config(self, kid: str) -> dict[str, str]:
        return {name: value for name, (value,) in self.components[kid]["config"].items()}


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
def running(told: Told, keyring: Keyring) -> RunningKeycloak:
    def connect(base: str, password: str) -> Admin:
        return Admin(base, password, httpx.MockTransport(told), monotonic=lambda: 0.0)

    found = RunningKeycloak(SETTINGS, connect, keyring)
    found.begin(site())
    return found


def site() -> Site:
    code = ("authorization_code", "refresh_token")
    return Site(
        listen=Address(host="127.0.0.1", port=4_001),
        spare=Address(host="127.0.0.1", port=4_002),
        url="http://127.0.0.1:4003",
        folder=Path("/nowhere/idp-home"),
        log=Path("/nowhere/idp.log"),
        run_id="of-no-run",
        clients=(
            Client(
                client_id="web", client_secret="s3", next_secret="s4", grants=code, scope="openid offline_access",
                redirect_uri="http://127.0.0.1/callback",
            ),
            Client(client_id="spa", grants=code, redirect_uri="http://127.0.0.1/callback", scope="openid"),
            Client(client_id="machine", client_secret="m", grants=("client_credentials",)),
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


def test_the_realm_has_the_run_s_lifetimes_rotates_refresh_tokens_and_holds_keys_of_the_harness(
    running: RunningKeycloak, told: Told
) -> None:
    running.provision()
    assert told.realm["accessTokenLifespan"] == SETTINGS.tokens.access_ttl_s
    assert told.realm["accessCodeLifespan"] == SETTINGS.tokens.code_ttl_s
    assert (told.realm["revokeRefreshToken"], told.realm["refreshTokenMaxReuse"]) == (True, 0)
    assert told.config("rs256-1") | {"privateKey": ""} == {
        "privateKey": "", "kid": "rs256-1", "algorithm": "RS256", "priority": "101", "enabled": "true",
        "active": "true",
    }  # fmt: skip
    assert (told.config("rs256-spare")["enabled"], told.config("rs256-spare")["active"]) == ("true", "false")


def test_clients_are_what_they_are_and_their_tokens_are_for_all_services(running: RunningKeycloak, told: Told) -> None:
    running.provision()
    clients = {each["clientId"]: each for each in told.made["clients"]}
    web, spa, machine, signer = (clients[name] for name in ("web", "spa", "machine", "signer"))
    assert (web["secret"], web["standardFlowEnabled"], web["publicClient"]) == ("s3", True, False)
    assert web["attributes"]["pkce.code.challenge.method"] == "S256"
    assert (spa["publicClient"], "secret" in spa) == (True, False)
    assert (machine["serviceAccountsEnabled"], machine["standardFlowEnabled"]) == (True, False)
    assert signer["clientAuthenticatorType"] == "client-jwt"
    assert "private" not in json.dumps(signer)
    audiences = [each["config"].get("included.custom.audience") for each in web["protocolMappers"]]
    assert audiences[:2] == ["orders", "accounts"]
    assert clients["gateway"]["protocolMappers"] == []


def test_each_user_has_doubles_and_nobody_is_asked_for_more_than_a_password(
    running: RunningKeycloak, told: Told
) -> None:
    running.provision()
    users = {each["username"]: each for each in told.realm["users"]}
    assert len(users) == 1 + DOUBLES
    assert users["alice-7"]["credentials"][0]["value"] == "pw"
    assert all(each["email"] and each["firstName"] and each["lastName"] for each in users.values())


def test_clients_are_told_of_the_token_to_register_with_once_there_is_one(running: RunningKeycloak) -> None:
    target, _ = make_target("local", SETTINGS, "of-no-run")
    before = running.endpoints(target.endpoints)
    assert before.initial_access_token, "that there will be one is known before"
    running.provision()
    after = running.endpoints(target.endpoints)
    assert (after.initial_access_token, after.idp_control_url) == ("come in", None)
    assert [each["kid"] for each in after.further_jwks] == ["rs256-spare", "rs256-2", "rs256-3"]
    assert all("offline_access" not in client.scope for client in after.clients)


def test_a_scope_that_means_something_else_there_is_not_asked_for() -> None:
    client = Client(client_id="web", scope="openid offline_access orders:read", next_secret="later")
    assert at_another(client) == Client(client_id="web", scope="openid orders:read")


# --- keys that come and go ---


def test_to_publish_to_sign_and_to_retire_are_acts_of_their_own(running: RunningKeycloak, told: Told) -> None:
    running.provision()
    keys = running.grants()[RotatesKeys]
    assert isinstance(keys, RotatesKeys)
    kid = keys.add_key("rs256-2", "RS256", publish=True, sign=False)
    assert (told.config(kid)["enabled"], told.config(kid)["active"]) == ("true", "false")
    keys.sign_with(kid)
    assert told.config(kid)["active"] == "true"
    assert int(told.config(kid)["priority"]) > int(told.config("rs256-1")["priority"])
    keys.retire_key("rs256-1")
    assert told.config("rs256-1")["enabled"] == "false"
    standing = keys.keys()
    assert {each.kid: (each.published, each.signing) for each in standing} == {
        "rs256-1": (False, False), "rs256-spare": (True, False), "rs256-2": (True, True),
    }  # fmt: skip
    keys.publish_key("rs256-1")
    assert told.config("rs256-1")["enabled"] == "true"


def test_a_key_that_somebody_else_has_disabled_is_told_as_what_it_is(running: RunningKeycloak, told: Told) -> None:
    running.provision()
    told.components["rs256-1"]["config"]["enabled"] = ["false"]
    keys = running.grants()[RotatesKeys]
    assert isinstance(keys, RotatesKeys)
    first, _ = keys.keys()
    assert (first.published, first.signing) == (False, False)


def test_what_keycloak_can_not_do_with_keys_is_said(running: RunningKeycloak) -> None:
    running.provision()
    keys = running.grants()[RotatesKeys]
    assert isinstance(keys, RotatesKeys)
    with pytest.raises(FaultError, match="can't sign before it is published: Keycloak publishes"):
        keys.add_key("rs256-2", "RS256", publish=False, sign=True)
    with pytest.raises(FaultError, match="can't be withdrawn while it signs"):
        keys.retire_key("rs256-1")
    with pytest.raises(FaultError, match="keys of ES256 can't be imported"):
        keys.add_key("es256-2", "ES256", publish=True, sign=False)
    for name in ("rs256-2", "rs256-3"):
        keys.add_key(name, "RS256", publish=True, sign=False)
    with pytest.raises(FaultError, match="all 4 keys of the run are in use"):
        keys.add_key("rs256-4", "RS256", publish=True, sign=False)


# --- an admin who is refused, or not heard ---


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        (TOKEN, httpx.Response(401, json={"error": "invalid_grant"}), "refused its admin idchaos: 401 invalid_grant"),
        (TOKEN, httpx.ConnectError("no"), r"admin can't log in: no answer \(ConnectError\)"),
        (TOKEN, httpx.Response(200, text="<html>"), "token did not answer with a JSON object"),
        ("/clients", httpx.Response(409, json={"errorMessage": "Client web already exists"}), "POST /idchaos/clients: "
         "409 Client web already exists"),
        ("/client-scopes", httpx.ReadTimeout("late"), r"POST /idchaos/client-scopes: no answer \(ReadTimeout\)"),
        ("/clients-initial-access", httpx.Response(403, text="no"), "POST /idchaos/clients-initial-access: 403$"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_without_what_was_sent(
    running: RunningKeycloak, told: Told, path: str, answer: Any, said: str
) -> None:
    told.answers[path] = [answer]
    with pytest.raises(TargetError, match=said) as refused:
        running.provision()
    assert "\n" not in str(refused.value)
    assert "s3" not in str(refused.value)


def test_an_admin_whose_token_ended_logs_in_again(running: RunningKeycloak, told: Told) -> None:
    told.answers["/clients"] = [httpx.Response(401)]
    running.provision()
    assert told.logins == 2
    assert len(told.made["clients"]) == 5


def test_a_silent_server_does_not_serve(running: RunningKeycloak, told: Told) -> None:
    assert running.serves()
    told.answers["/realms/master"] = [httpx.ConnectError("gone"), httpx.Response(503)]
    assert not running.serves()
    assert not running.serves()
    assert not RunningKeycloak(SETTINGS).serves(), "nor does one that was not started"


def test_its_command_holds_no_secret() -> None:
    words = distribution.command(Path("/home"), site())
    assert "--hostname=http://127.0.0.1:4003" in words
    assert not any(secret in word for word in words for secret in ("s3", "pw", "password"))
