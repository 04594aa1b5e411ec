import hashlib
import json
import math

import pytest

from idchaos.load.idp.tokens import about, b64, peek, token_from

CLAIMS = {"iss": "https://idp", "iat": 1000, "exp": 1300, "jti": "j1"}


def a_jwt(claims: dict[str, object]) -> str:
    return f"{b64(json.dumps({'alg': 'RS256', 'kid': 'k1'}).encode())}.{b64(json.dumps(claims).encode())}.c2ln"


JWT = a_jwt(CLAIMS)


def test_a_jwt_tells_its_key_and_times():
    token = token_from({"access_token": JWT, "expires_in": 300}, session="s0.1", asked_at=2000.0)
    about = token.about
    assert (about.kid, about.jti, about.format, about.iat, about.exp) == ("k1", "j1", "jwt", 1000.0, 1300.0)
    assert token.bearer == b"Authorization: Bearer " + JWT.encode() + b"\r\n"
    assert JWT not in repr(token)


def test_an_opaque_token_is_known_by_its_hash_and_lives_for_as_long_as_the_answer_said():
    about = token_from({"access_token": "opaque", "expires_in": 300}, session="s", asked_at=1000.0).about
    assert (about.kid, about.format, about.iat, about.exp) == ("", "opaque", 1000.0, 1300.0)
    assert about.jti == "sha256-" + hashlib.sha256(b"opaque").hexdigest()[:16]


def test_a_jwt_without_a_name_is_known_by_its_hash():
    nameless = a_jwt({name: value for name, value in CLAIMS.items() if name != "jti"})
    about = token_from({"access_token": nameless, "expires_in": 300}, session="s", asked_at=1000.0).about
    assert about.jti == "sha256-" + hashlib.sha256(nameless.encode()).hexdigest()[:16]


def test_an_opaque_token_of_which_nobody_says_how_long_it_lives_tells_nothing():
    about = token_from({"access_token": "opaque"}, session="s", asked_at=0.0).about
    assert (about.jti, about.format) == ("", "opaque")
    assert math.isnan(about.exp)


def test_a_token_lives_by_the_clients_clock_whatever_the_idps_says():
    token = token_from({"access_token": JWT, "expires_in": 300}, session="s", asked_at=2000.0)
    assert token.usable(2298.9)
    assert not token.usable(2299.1)  # a token that ends on the way would be refused rightly


def test_without_expires_in_the_claims_say_how_long():
    assert token_from({"access_token": JWT}, session="s", asked_at=0.0).life_s == 300


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "e30.W10.x", "....", "é.é.é"])
def test_what_is_no_jwt_has_no_claims(text):
    assert peek(text) == ({}, {})


def test_a_time_that_no_float_can_hold_is_none():
    shown = about(a_jwt({"exp": 10**400, "iat": True}), session="s", obtained_at=0.0)
    assert (math.isnan(shown.exp), math.isnan(shown.iat)) == (True, True)
