from dataclasses import dataclass, field

import pytest

from harness.load.decide import at_gateway, at_idp, redirect_error, token_answer


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    error: str = ""

    def header(self, name):
        return self.headers.get(name, "")


def reason(code):
    return {"Idchaos-Reason": code}


@pytest.mark.parametrize(
    ("reply", "decision"),
    [
        (Reply(200), ("accept", "")),
        (Reply(204), ("accept", "")),
        (Reply(401, headers=reason("token_expired")), ("deny", "token_expired")),
        (Reply(403, headers=reason("scope_insufficient")), ("deny", "scope_insufficient")),
        (Reply(503, headers=reason("jwks_unavailable")), ("undecided", "jwks_unavailable")),
        (Reply(401, headers=reason("jwks_unavailable")), ("undecided", "jwks_unavailable")),
        (Reply(500, headers=reason("token_expired")), ("undecided", "token_expired")),
        (Reply(401), ("deny", "http_401")),
        (
            Reply(401, headers={"WWW-Authenticate": 'Bearer realm="x", error="invalid_token"'}),
            ("deny", "invalid_token"),
        ),
        (Reply(404, headers=reason("route_unknown")), ("undecided", "route_unknown")),
        (Reply(429), ("undecided", "http_429")),
        (Reply(302), ("undecided", "http_302")),
        (Reply(502), ("undecided", "http_502")),
        (Reply(0, error="read_timeout"), ("undecided", "read_timeout")),
        (Reply(401, headers=reason("<script>")), ("deny", "http_401")),
    ],
)
def test_at_the_gateway_denied_is_not_unavailable(reply, decision):
    assert at_gateway(reply) == decision


@pytest.mark.parametrize(
    ("reply", "decision"),
    [
        (Reply(200), ("accept", "")),
        (Reply(400, b'{"error":"invalid_grant"}'), ("deny", "invalid_grant")),
        (Reply(401, b'{"error":"invalid_client"}'), ("deny", "invalid_client")),
        (Reply(400, b'{"error":"temporarily_unavailable"}'), ("undecided", "temporarily_unavailable")),
        (Reply(400, b"<html>"), ("undecided", "http_400")),
        (Reply(503, b'{"error":"invalid_grant"}'), ("undecided", "invalid_grant")),
        (Reply(429), ("undecided", "http_429")),
        (Reply(0, error="connect_refused"), ("undecided", "connect_refused")),
    ],
)
def test_at_the_idp_an_oauth_error_denies_and_an_outage_does_not(reply, decision):
    assert at_idp(reply) == decision


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"access_token":7}', b'{"access_token":"a\\r\\nX: y"}'])
def test_a_token_response_without_a_token_decides_nothing(body):
    assert token_answer(Reply(200, body)) == ("undecided", "bad_body", {})


@pytest.mark.parametrize(
    ("query", "decision"),
    [
        ({"code": "c"}, ("accept", "")),
        ({"error": "access_denied"}, ("deny", "access_denied")),
        ({"error": "server_error"}, ("undecided", "server_error")),
        ({}, ("undecided", "bad_redirect")),
    ],
)
def test_an_authorization_response_is_told_by_its_query(query, decision):
    assert redirect_error(query) == decision
