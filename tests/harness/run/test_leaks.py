"""A secret is found wherever it stands in a log, whole or in a long part; what only looks like one is not."""

from __future__ import annotations

import base64
import json
import random
import secrets
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idchaos.reasons import FORGED_LINE
from idchaos.run.leaks import LONG, Searcher, Secret, credentials
from idchaos.run.log_search import search_logs
from idchaos.targets.endpoints import Client, Endpoints, User

TOKENLIKE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def jwt(number: int = 0) -> str:
    """Tokens of one issuer begin alike."""
    rng = random.Random(number)
    claims = {"iss": "https://idp.example.test", "aud": ["orders", "accounts"], "jti": rng.randbytes(16).hex()}
    parts = (json.dumps({"alg": "RS256", "kid": "rs256-1", "typ": "at+jwt"}), json.dumps(claims))
    signature = base64.urlsafe_b64encode(rng.randbytes(256)).decode().rstrip("=")
    return ".".join([*(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts), signature])


def kinds(value: str, *lines: str, kind: str = "access_token") -> list[str]:
    searcher = Searcher([Secret(kind, value)])
    return [hit.kind for line in lines for hit in searcher.find(line)]


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "GET /orders/1 with {}",
        '{{"access_token": "{}", "expires_in": 20}}',
        "Authorization: Bearer {}\r\n",
        "a={}&b",
    ],
)
def test_a_whole_token_is_found_in_any_setting(line: str) -> None:
    assert kinds(jwt(), line.format(jwt())) == ["access_token"]


@pytest.mark.parametrize("before", ["", "Bearer ", "x", "Authorization: Bearer "])
def test_base64_and_hexadecimal_hide_nothing(before: str) -> None:
    told = f"{before}{jwt()}".encode()
    for spelled in (base64.b64encode(told), base64.urlsafe_b64encode(told), told.hex().encode()):
        assert kinds(jwt(), f"headers: {spelled.decode()}") == ["access_token"]


def test_what_is_encoded_and_no_secret_is_none() -> None:
    other = base64.b64encode(f"Bearer {secrets.token_urlsafe(200)}".encode()).decode()
    assert kinds(jwt(), other, secrets.token_hex(200)) == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    value=st.text(TOKENLIKE, min_size=LONG, max_size=200),
    data=st.data(),
    around=st.tuples(st.text(max_size=20), st.text(max_size=20)),
)
def test_any_part_of_32_characters_is_found(value: str, data: st.DataObject, around: tuple[str, str]) -> None:
    start = data.draw(st.integers(0, len(value) - LONG))
    line = f"{around[0]}{value[start : start + LONG]}{around[1]}"
    assert kinds(value, line) == ["access_token"]


@settings(max_examples=100, deadline=None)
@given(line=st.text(max_size=300))
def test_any_line_can_be_searched(line: str) -> None:
    assert kinds(jwt(), line) == []


def test_the_header_of_a_jwt_is_no_secret() -> None:
    header, payload, signature = jwt().split(".")
    assert kinds(jwt(), header, f"{header}.") == []
    assert kinds(jwt(), payload, signature) == ["access_token", "access_token"]


def test_the_end_of_one_token_is_named_as_that_token_although_all_begin_alike() -> None:
    tokens = [Secret("access_token", jwt(number)) for number in range(200)]
    searcher = Searcher(tokens)
    (hit,) = searcher.find(f"token {jwt(123)}")
    (other,) = Searcher(tokens[123:124]).find(jwt(123))
    assert hit.hash == other.hash
    assert hit.length > 300


def test_short_parts_and_short_secrets_are_left_to_chance() -> None:
    value = secrets.token_urlsafe(48)
    assert kinds(value, value[: LONG - 1]) == []
    searcher = Searcher([Secret("password of bob", "hunter2"), Secret("password of eve", secrets.token_urlsafe(12))])
    assert (searcher.too_short, searcher.searched) == (1, {"password": 1})


def test_a_password_counts_only_whole_and_its_hash_is_not_given_away() -> None:
    password = secrets.token_urlsafe(18)
    searcher = Searcher([Secret("password of alice", password)])
    (hit,) = searcher.find(f"login alice {password} ok")
    assert (hit.kind, hit.length, hit.hash) == ("password of alice", len(password), "")
    assert list(searcher.find(password[:-1])) == []


def test_credentials_are_known_in_each_form_in_which_they_are_sent() -> None:
    client = Client(client_id="web", client_secret="s" * 32)
    endpoints = Endpoints(
        issuer="http://idp", idp_url="http://idp", gateways=(), routes=(), clients=(client,),
        users=(User(username="alice", password="p" * 16),), control_secret="c" * 32,
        inner_clients=(Client(client_id="orders", client_secret="o" * 32),), gateway_secret="g" * 32,
    )  # fmt: skip
    found = {secret.kind: secret.value for secret in credentials(endpoints)}
    assert set(found) == {
        "control_secret of the target", "client_secret of web", "basic_credentials of web", "password of alice",
        "client_secret of orders", "basic_credentials of orders", "gateway_secret of the target",
    }  # fmt: skip
    assert base64.b64decode(found["basic_credentials of web"] + "==").decode() == f"web:{'s' * 32}"


def test_a_signing_key_is_secret_once_it_is_made() -> None:
    endpoints = Endpoints(
        issuer="http://idp", idp_url="http://idp", gateways=(), routes=(), clients=(), users=(),
        signing_jwk={"kid": "one", "d": "k" * 40}, further_jwks=({"kid": "two"}, {"kid": "three", "d": "m" * 40}),
    )  # fmt: skip
    found = {secret.kind: secret.value for secret in credentials(endpoints)}
    assert found == {"signing key one of the target": "k" * 40, "signing key three of the target": "m" * 40}


def test_the_search_tells_where_and_never_what(tmp_path: Path) -> None:
    (tmp_path / "gateway-1.log").write_text(f"ready\nGET /orders with {jwt(1)}\nand again {jwt(1)}\n")
    (tmp_path / "idp.log").write_bytes(b"\xff\xfe broken bytes\n")
    told = search_logs(tmp_path, [Secret("access_token", jwt(number)) for number in range(3)])
    assert (told["secrets"], told["leaked"], told["hits"], told["unread"]) == ({"access_token": 3}, 1, 2, [])
    assert told["lines"] == {"gateway-1.log": 3, "idp.log": 1}
    assert told["bytes"] == {path.name: path.stat().st_size for path in tmp_path.glob("*.log")}
    (found,) = told["found"]
    assert (found["file"], found["line"], found["kind"]) == ("gateway-1.log", 2, "access_token")
    assert list(Searcher([Secret("access_token", jwt(1))]).find(json.dumps(told))) == []


def test_lines_that_a_client_wrote_are_counted_by_log(tmp_path: Path) -> None:
    (tmp_path / "gateway-1.log").write_text(f"no key for unknown-1\n{FORGED_LINE} 1\nready\n{FORGED_LINE} 2\n")
    (tmp_path / "idp.log").write_text(f"no key for 'unknown-1\\r\\n{FORGED_LINE} 1'\n")
    assert search_logs(tmp_path, [])["forged"] == {"gateway-1.log": 2}


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "idp.log").mkdir()
    assert search_logs(tmp_path, [])["unread"] == ["idp.log"]


def test_a_secret_has_no_readable_form() -> None:
    assert jwt() not in repr(Secret("access_token", jwt()))
