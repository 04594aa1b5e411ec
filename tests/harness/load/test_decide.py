from dataclasses import dataclass, field

import pytest

from idchaos.load.decide import at_gateway, at_idp, at_redirect, identity_seen, redirect_error, token_answer


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


REGISTERED, TAMPERED = "https://app.example/cb", "https://app.example/cb/../attacker"


def posted_to(action):
    return Reply(
        200, f'<form method="post" action="{action}"><input type="hidden" name="code" value="c"></form>'.encode()
    )


def sent_to(location, status=302):
    return Reply(status, headers={"Location": location})


@pytest.mark.parametrize(
    ("reply", "decision"),
    [
        (sent_to(f"{TAMPERED}?code=c&state=s"), ("accept", "")),
        (sent_to(f"{TAMPERED}?error=login_required"), ("accept", "")),  # an open redirector
        (sent_to("https://app.example/attacker?code=c"), ("accept", "")),  # put straight by the IdP
        (sent_to(f"{REGISTERED}?error=invalid_request"), ("deny", "redirected_to_registered")),
        (sent_to(f"{REGISTERED}?code=c"), ("deny", "redirected_to_registered")),
        (sent_to("https://idp.example/error?error_code=7"), ("undecided", "bad_redirect")),
        (sent_to(f"{REGISTERED}#code=c"), ("deny", "redirected_to_registered")),
        (posted_to(TAMPERED), ("accept", "")),
        (posted_to(REGISTERED), ("deny", "posted_to_registered")),
        (posted_to("/consent"), ("undecided", "http_200")),
        (Reply(400, b"<html>"), ("deny", "http_400")),
        (Reply(400, b'{"error":"temporarily_unavailable"}'), ("undecided", "temporarily_unavailable")),
        (Reply(200, b"<html>"), ("undecided", "http_200")),
        (Reply(503), ("undecided", "http_503")),
        (Reply(0, error="read_timeout"), ("undecided", "read_timeout")),
    ],
)
def test_a_foreign_redirect_uri_is_accepted_by_whoever_sends_the_user_there(reply, decision):
    assert at_redirect(reply, TAMPERED, REGISTERED) == decision


@pytest.mark.parametrize(
    ("reply", "with_token", "without"),
    [
        (Reply(200, b'{"subject":"forged","client":""}'), ("accept", ""), ("accept", "")),
        (Reply(200, b'{"subject":"alice","client":"forged"}'), ("accept", ""), ("accept", "")),
        (Reply(200, b'{"subject":"alice"}'), ("deny", "identity_headers_ignored"), ("accept", "")),
        (Reply(200, b"<html>"), ("undecided", "bad_body"), ("accept", "")),
        (Reply(401, headers=reason("token_missing")), ("undecided", "token_missing"), ("deny", "token_missing")),
        (Reply(503, headers=reason("jwks_unavailable")), *[("undecided", "jwks_unavailable")] * 2),
    ],
)
def test_forged_headers_are_accepted_by_whoever_takes_the_forged_name_for_the_caller(reply, with_token, without):
    assert identity_seen(reply, forged="forged", with_token=True) == with_token
    assert identity_seen(reply, forged="forged", with_token=False) == without
