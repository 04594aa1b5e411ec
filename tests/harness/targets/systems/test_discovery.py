"""What an IdP says of itself is checked before it is believed, and leads to nobody who was not allowed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idchaos.errors import TargetError
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.systems.checks import life
from idchaos.targets.systems.discovery import metadata_of

ISSUER = "http://127.0.0.1:8080"
URL = ISSUER + "/.well-known/openid-configuration"
SAID: dict[str, Any] = {
    "issuer": ISSUER,
    "jwks_uri": ISSUER + "/keys",
    "token_endpoint": ISSUER + "/token",
    "grant_types_supported": ["client_credentials"],
}
ENDPOINTS = Endpoints(issuer=ISSUER, idp_url=ISSUER, gateways=(), routes=(), clients=(), users=())


def test_its_endpoints_are_known_by_their_paths() -> None:
    found = metadata_of(URL, 200, json.dumps(SAID).encode(), ENDPOINTS)
    assert (found.paths, found.jwks.path) == ({"/keys": "jwks", "/token": "token"}, "/keys")
    assert found.grants == ("client_credentials",)


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (302, SAID, "redirects (302), which is not followed"),
        (200, {**SAID, "issuer": "https://other.example"}, "names itself 'https://other.example'; idp.issuer is"),
        (200, {**SAID, "jwks_uri": "https://other.example/keys"}, "its jwks endpoint: other.example"),
        (200, {"issuer": ISSUER}, "jwks_uri is missing"),
        (404, SAID, "no metadata (status 404)"),
        (200, ["no", "object"], "no metadata"),
    ],
)
def test_what_is_not_right_is_told_in_one_line(status: int, said: Any, told: str) -> None:
    with pytest.raises(TargetError) as found:
        metadata_of(URL, status, json.dumps(said).encode(), ENDPOINTS)
    assert told in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(("expected_s", "ok"), [(300, True), (310, True), (20, False)])
def test_a_token_must_live_as_long_as_the_file_says(expected_s: float, ok: bool) -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjEwMCwiZXhwIjo0MDB9.c2ln"  # iat 100, exp 400
    assert life(token, expected_s).ok is ok
