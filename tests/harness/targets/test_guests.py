"""Clients and users of one's own: what files may say, what is refused, and what the IdP is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idchaos.errors import UsageError
from idchaos.fixtures.idp.settings import IdpSettings
from idchaos.graph import Graph
from idchaos.run.standing import bring_up, guests_of
from idchaos.settings import CommonSettings
from idchaos.targets.standin.local import local_layout
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.topology import graph_of, idp_settings, settings_documents

GRAPH: Graph = graph_of(CommonSettings())
SHOP = {"client_id": "shop", "redirect_uris": ["http://localhost:3000/cb"]}


def test_guests_are_registered_beside_the_stand_ins_own(tmp_path: Path) -> None:
    clients, users = tmp_path / "clients.json", tmp_path / "users.toml"
    clients.write_text(json.dumps([SHOP]))
    users.write_text('[[users]]\nusername = "erin"\npassword = "p"\n')
    guests = guests_of(clients, users, ["http://localhost:3000/cb"], ["http://localhost:3000/"])
    document = idp_settings(local_layout(GRAPH), CommonSettings(), Credentials.generate(guests))
    told = IdpSettings.model_validate(document)
    by_name = {client.client_id: client for client in told.clients}
    assert by_name["shop"].redirect_uris == ("http://localhost:3000/cb",)
    assert by_name["shop"].scope == by_name["web"].scope
    assert by_name["shop"].audience == ("orders", "accounts")
    assert by_name["spa"].redirect_uris == ("http://127.0.0.1/callback", "http://localhost:3000/cb")
    assert by_name["web"].post_logout_redirect_uris == ("http://localhost:3000/",)
    assert by_name["machine"].redirect_uris == ()
    assert [user.username for user in told.users][-1] == "erin"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "neither JSON nor"),
        ("[", "neither JSON nor"),
        ("[]", "a list of clients is expected"),
        ("{}", "with the member 'clients'"),
        ("[7]", "clients 1"),
        ('[{"client_id": ""}]', "clients 1: client_id"),
        ('[{"client_id": "a", "colour": "red"}]', "clients 1: colour: Extra inputs"),
        ('[{"client_id": "a", "redirect_uris": ["/cb"]}]', "a redirect URI is absolute"),
        ('[{"client_id": "a", "redirect_uris": ["http://[/"]}]', "a redirect URI is absolute"),
        ('[{"client_id": "a", "grants": ["password"]}]', "clients 1: grants"),
        ('[{"client_id": "a"}]', "clients 1: authorization_code needs redirect_uris"),
        ('[{"client_id": "a", "grants": ["client_credentials"]}]', "clients 1: client credentials, token exchange and"),
        ('[{"client_id": "a", "client_secret": "s", "public_jwk": {}}]', "a secret or a key, not both"),
        ('[{"client_id": "a", "public_jwk": {"kty": "EC", "d": "x"}}]', "public_jwk is not a public key"),
        ('[{"client_id": "web", "grants": []}]', "'web' is one of the stand-in's own"),
        ('[{"client_id": "a", "grants": []}, {"client_id": "a", "grants": []}]', "'a' is there twice"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "clients.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=says) as refused:
        guests_of(path, None, [], [])
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value).strip()


def test_secrets_are_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "clients.json"
    path.write_text('[{"client_id": "a", "client_secret": ["hush"]}]')
    with pytest.raises(UsageError) as refused:
        guests_of(path, None, [], [])
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_there_and_a_uri_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        guests_of(None, tmp_path / "users.toml", [], [])
    with pytest.raises(UsageError, match="--redirect-uri: '/cb'"):
        guests_of(None, None, ["/cb"], [])


def test_an_issuer_may_have_a_path_and_be_asked_by_tls_while_the_parts_ask_each_other_without() -> None:
    guests = guests_of(None, None, [], [], tls=True, issuer_path="/realms/demo/")
    layout = local_layout(GRAPH, tls=True)
    documents = settings_documents(layout, CommonSettings(), Credentials.generate(guests), {})
    secure = f"https://{layout.secure['client-to-idp']}/realms/demo/"
    assert (documents["idp"]["issuer"], documents["gateway-1"]["issuer"]) == (secure, secure)
    assert documents["gateway-1"]["idp_url"] == f"http://{layout.through['gateway-1-to-idp']}/realms/demo"
    assert set(layout.secure) == {link.name for link in GRAPH.links if GRAPH.clients[0] in link.consumers}
    assert len({*layout.secure.values(), *layout.through.values()}) == len(layout.secure) + len(layout.through)
    assert local_layout(GRAPH).secure == {}


@pytest.mark.parametrize("path", ["realms", "/", "/a//b", "/a?b", "/../a b", "//"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="--issuer-path"):
        guests_of(None, None, [], [], issuer_path=path)


def test_what_only_the_local_stand_ins_can_do_is_not_asked_of_others() -> None:
    with pytest.raises(UsageError, match="--tls and --issuer-path need --target local"):
        bring_up({}, target="docker", guests=guests_of(None, None, [], [], tls=True))


def test_a_username_that_can_be_no_sub_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text('[{"username": "żółć", "password": "p"}]')
    with pytest.raises(UsageError, match="users 1: username: it is the user's sub as well, and that is ASCII"):
        guests_of(None, path, [], [])


def test_the_key_of_the_client_that_signs_says_all_that_libraries_ask_of_one() -> None:
    key = Credentials.generate().assertion_key
    assert (key["alg"], key["use"]) == ("ES256", "sig")
    assert key["kid"]
