"""What answers give away or mix up without being asked for it."""

from __future__ import annotations

import json
import secrets
from types import SimpleNamespace
from typing import Any, cast

import pytest

from idchaos.load.engine.response import Response
from idchaos.load.idp.tokens import b64
from idchaos.load.idp.unasked import LEAST_BITS, Clocks, Rule, Unasked, bits_of

NOW = 1_000.0


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Response:
    return cast(
        Response,
        SimpleNamespace(
            header=lambda name: headers.get(name.replace("-", "_"), ""), body=body, status=status, sent=NOW
        ),
    )


def jwt(subject: str) -> str:
    return ".".join((b64(b"{}"), b64(json.dumps({"sub": subject}).encode()), "c2ln"))


LIVING = ".".join((b64(b"{}"), b64(b'{"exp": 1000}'), "c2ln"))


def tokens(subject: str, access: str | None = None) -> dict[str, Any]:
    return {"id_token": jwt(subject), "access_token": jwt(subject if access is None else access)}


@pytest.mark.parametrize(
    ("header", "broken"),
    [("no-store", 0), ("private, No-Store", 0), ("public, max-age=60", 1), ("no-cache", 1), ("", 1)],
)
def test_an_answer_with_tokens_says_that_nobody_may_store_it(header: str, broken: int) -> None:
    seen = Unasked()
    seen.token_answer(answer(Cache_Control=header))
    assert (seen.looked[Rule.NOT_STORED], seen.broken[Rule.NOT_STORED]) == (1, broken)


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (b'{"detail": "the token has expired"}', 0),
        (b"look at the trace in the log, at line 12", 0),
        (b'Traceback (most recent call last):\n  File "/srv/a.py", line 8', 1),
        (b'{"trace": "Traceback (most recent call last):\\n  File \\"/srv/a.py\\", line 8"}', 1),
        (b"java.lang.IllegalStateException\n\tat com.example.Filter.doFilter(Filter.java:112)", 1),
        (b"goroutine 12 [running]:\nmain.main()", 1),
        (b"Error: no\n    at decide (/srv/gateway/index.js:10:5)", 1),
        (b"   at Api.Startup.Run() in C:\\src\\Startup.cs:line 7", 1),
    ],
)
def test_an_error_shows_no_stack_trace(body: bytes, broken: int) -> None:
    seen = Unasked()
    seen.failed(answer(body, status=500))
    assert (seen.looked[Rule.NO_TRACES], seen.broken[Rule.NO_TRACES]) == (1, broken)


@pytest.mark.parametrize(
    ("body", "tells", "looked", "broken"),
    [
        (b'{"code": "token_expired"}', True, 1, 0),
        (b'{"code": "token_expired"}{"service": "orders", "echo": "0123456789abcdef"}', True, 1, 1),
        (b'{"code": "token_expired"}', False, 0, 0),
    ],
)
def test_a_refusal_comes_without_a_services_answer(body: bytes, tells: bool, looked: int, broken: int) -> None:
    seen = Unasked()
    seen.refused(answer(body, status=401), tells=tells)
    assert (seen.looked[Rule.SERVES_NOTHING], seen.broken[Rule.SERVES_NOTHING]) == (looked, broken)


@pytest.mark.parametrize(
    ("status", "told", "looked", "broken"),
    [(401, "public, max-age=60", 1, 1), (503, "s-maxage=10", 1, 1), (403, "no-store", 1, 0), (404, "public", 0, 0)],
)
def test_no_cache_gives_a_refusal_to_all(status: int, told: str, looked: int, broken: int) -> None:
    seen = Unasked()
    seen.refused(answer(status=status, Cache_Control=told), tells=False)
    assert (seen.looked[Rule.NOT_SHARED], seen.broken[Rule.NOT_SHARED]) == (looked, broken)


@pytest.mark.parametrize(
    ("told", "lives", "broken"),
    [(20, 20, 0), (22, 20, 0), (15, 20, 0), (40, 20, 1), (None, 20, None), (20, None, None)],
)
def test_a_token_lives_for_as_long_as_its_answer_says(told: int | None, lives: int | None, broken: int | None) -> None:
    claims = {"iat": 1_000} | ({} if lives is None else {"exp": 1_000 + lives})
    token = ".".join((b64(b"{}"), b64(json.dumps(claims).encode()), "c2ln"))
    seen = Unasked()
    seen.token_answer(answer(json.dumps({"access_token": token, "expires_in": told}).encode()))
    assert seen.looked[Rule.LIVES_TOLD] == (0 if broken is None else 1)
    assert seen.broken[Rule.LIVES_TOLD] == (broken or 0)


@pytest.mark.parametrize(("behind_s", "broken"), [(0, 0), (10, 0), (13, 1), (-60, 0)])
def test_a_node_whose_clock_is_behind_gives_tokens_that_end_too_soon(behind_s: int, broken: int) -> None:
    begins = int(NOW) - behind_s
    token = ".".join((b64(b"{}"), b64(json.dumps({"iat": begins, "exp": begins + 30}).encode()), "c2ln"))
    seen = Unasked(clocks=Clocks(offset=0.0, margin_s=10.0))
    seen.token_answer(answer(json.dumps({"access_token": token, "expires_in": 30}).encode()))
    assert (seen.looked[Rule.LIVES_TOLD], seen.broken[Rule.LIVES_TOLD]) == (1, broken)


@pytest.mark.parametrize(
    ("status", "told", "looked", "broken"),
    [
        (503, "1", 1, 0),
        (503, "86400", 1, 1),
        (429, "301", 1, 1),
        (503, "Sat, 28 Nov 2026 12:05:00 GMT", 1, 0),
        (503, "Sat, 28 Nov 2026 12:05:01 GMT", 1, 1),
        (503, "soon", 1, 0),
        (503, "", 0, 0),
        (401, "86400", 0, 0),
    ],
)
def test_a_failure_sends_nobody_away_for_long(status: int, told: str, looked: int, broken: int) -> None:
    seen = Unasked()
    seen.put_off(answer(status=status, Retry_After=told, Date="Sat, 28 Nov 2026 12:00:00 GMT"))
    assert (seen.looked[Rule.PUT_OFF], seen.broken[Rule.PUT_OFF]) == (looked, broken)


@pytest.mark.parametrize(
    ("status", "where", "looked", "broken"),
    [
        (302, "https://app.example/cb?code=c", 1, 0),
        (303, "https://app.example/cb?code=c", 1, 0),
        (307, "https://app.example/cb?code=c", 1, 1),
        (308, "https://app.example/cb?code=c", 1, 1),
        (307, "/consent", 1, 0),  # to itself
        (307, "https://[", 1, 1),
        (200, "", 0, 0),
        (503, "https://app.example/cb", 0, 0),
    ],
)
def test_a_login_form_is_not_sent_on_to_a_client(status: int, where: str, looked: int, broken: int) -> None:
    seen = Unasked()
    seen.posted("https://idp.example/login", answer(status=status, Location=where))
    assert (seen.looked[Rule.NOT_SENT_ON], seen.broken[Rule.NOT_SENT_ON]) == (looked, broken)


@pytest.mark.parametrize(
    ("key", "broken"),
    [
        ({"kid": "a", "kty": "RSA", "n": "x", "e": "AQAB"}, 0),
        ({"kid": "a", "kty": "RSA", "n": "x", "e": "AQAB", "d": "hidden"}, 1),
        ({"kid": "a", "kty": "oct", "k": "hidden"}, 1),
        ({"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": "x", "d": "hidden"}, 1),
    ],
)
def test_private_members_of_keys_are_seen_and_never_repeated(key: dict[str, str], broken: int) -> None:
    seen = Unasked()
    seen.key_set([key])
    assert seen.broken[Rule.KEYS_ARE_PUBLIC] == broken
    assert "hidden" not in seen.first.get(Rule.KEYS_ARE_PUBLIC, "")


def test_whoever_logs_in_gets_tokens_of_their_own() -> None:
    seen = Unasked()
    for user, subject in (("alice", "1"), ("bob", "2"), ("alice", "1"), ("bob", "2")):
        seen.login("web", user, tokens(subject))
    seen.login("other", "alice", tokens("pairwise"))
    assert (seen.looked[Rule.OWN_TOKENS], seen.broken[Rule.OWN_TOKENS]) == (5, 0)


@pytest.mark.parametrize(
    "mixed",
    [tokens("1", access="2"), tokens("2"), tokens("3", access="1")],
    ids=["the access token is another's", "all are another's", "the ID token is nobody's"],
)
def test_a_login_with_tokens_of_somebody_else_is_seen(mixed: dict[str, Any]) -> None:
    seen = Unasked()
    seen.login("web", "alice", tokens("1"))
    seen.login("web", "bob", tokens("2"))
    seen.login("web", "alice", mixed)
    assert seen.broken[Rule.OWN_TOKENS] == 1


def test_opaque_tokens_tell_no_subject() -> None:
    seen = Unasked()
    seen.login("web", "alice", {"access_token": "opaque"})
    assert seen.told() == {}


@pytest.mark.parametrize(
    ("make", "guessable"),
    [
        (lambda _: secrets.token_urlsafe(32), False),
        (lambda _: secrets.token_hex(16), False),
        (lambda _: f"prefix_{secrets.token_urlsafe(16)}", False),
        (lambda number: f"{number:043d}", True),
        (lambda number: f"code-{1_700_000_000 + number}", True),
        (lambda _: "x" * 40 + secrets.token_hex(4), True),
    ],
)
def test_values_of_which_the_next_can_be_guessed(make: Any, guessable: bool) -> None:
    values = [make(number) for number in range(40)]
    assert (bits_of(values) < LEAST_BITS) is guessable
    seen = Unasked()
    seen.values([("code", value) for value in values])
    assert (seen.looked[Rule.UNGUESSABLE], seen.broken[Rule.UNGUESSABLE]) == (1, guessable)


def test_a_few_values_and_jwts_say_nothing_of_that() -> None:
    seen = Unasked()
    seen.values([("code", f"{number}") for number in range(5)])
    seen.values([("access_token", jwt("1")) for _ in range(40)])
    assert seen.told() == {}


@pytest.mark.parametrize("told", ["20", True, [20]])
def test_a_life_that_is_no_number_is_told_wrongly(told: object) -> None:
    seen = Unasked()
    seen.token_answer(answer(json.dumps({"access_token": jwt("alice"), "expires_in": told}).encode()))
    assert (seen.looked[Rule.LIVES_TOLD], seen.broken[Rule.LIVES_TOLD]) == (1, 1)


def granted(refresh: str, access: str = "alice", **claims: Any) -> dict[str, Any]:
    said = {"iss": "https://idp", "sub": "alice", "aud": "web", "auth_time": 1_000} | claims
    id_token = ".".join((b64(b"{}"), b64(json.dumps(said).encode()), "c2ln"))
    return {"refresh_token": refresh, "id_token": id_token, "access_token": jwt(access)}


@pytest.mark.parametrize(
    ("later", "broken"),
    [
        ({}, 0),
        ({"sub": "bob"}, 1),
        ({"auth_time": 1_010}, 1),
        ({"auth_time": None}, 0),
        ({"aud": "spa"}, 1),
        ({"aud": ["web"]}, 0),
        ({"aud": ["web", "spa"]}, 0),
        ({"aud": ["spa"]}, 1),
        ({"access": "bob"}, 1),
    ],
)
def test_a_refresh_speaks_of_the_login_that_it_came_from(later: dict[str, Any], broken: int) -> None:
    seen = Unasked()
    seen.granted(granted("r1"))
    seen.granted(granted("r2"), before="r1")
    seen.granted(granted("r3", **later), before="r2")
    assert (seen.looked[Rule.SAME_LOGIN], seen.broken[Rule.SAME_LOGIN]) == (2, broken)
    assert "another" in seen.first.get(Rule.SAME_LOGIN, "another")


def test_a_refresh_of_what_nobody_saw_begin_is_not_held_against_anything() -> None:
    seen = Unasked()
    seen.granted(granted("r9"), before="r8")
    assert seen.looked[Rule.SAME_LOGIN] == 0


@pytest.mark.parametrize(
    ("token", "told", "looked", "broken"),
    [(LIVING, 1_002, 1, 0), (LIVING, 1_003, 1, 1), (LIVING, 10, 1, 0), (LIVING, None, 0, 0), ("opaque", 9_999, 0, 0)],
    ids=["within whole seconds", "later than its own", "earlier", "not told", "nobody can look into it"],
)
def test_introspection_tells_no_later_end_than_a_token_has(
    token: str, told: int | None, looked: int, broken: int
) -> None:
    seen = Unasked()
    seen.introspected(token, {"active": True, "exp": told})
    assert (seen.looked[Rule.LIVES_TOLD], seen.broken[Rule.LIVES_TOLD]) == (looked, broken)


@pytest.mark.parametrize(("told", "broken"), [({"sub": "alice"}, 0), ({"sub": "bob"}, 1)])
def test_userinfo_is_about_whoever_the_id_token_names(told: dict[str, str], broken: int) -> None:
    seen = Unasked()
    seen.userinfo(tokens("alice"), answer(json.dumps(told).encode()))
    seen.userinfo(tokens("alice"), answer(b"{}"))
    assert (seen.looked[Rule.OWN_CLAIMS], seen.broken[Rule.OWN_CLAIMS]) == (1, broken)


@pytest.mark.parametrize(
    ("told", "broken"),
    [
        ("public, max-age=8640000", 0),
        ("public, max-age=8640001", 1),
        ("max-age=60, s-maxage=31536000", 1),
        ("no-store", 0),
        ("", 0),
    ],
)
def test_a_key_set_is_kept_for_a_quarter_of_a_year_at_most(told: str, broken: int) -> None:
    seen = Unasked()
    seen.kept(answer(Cache_Control=told))
    seen.kept(answer(Cache_Control="max-age=99999999"))  # a fault may have made that one
    assert (seen.looked[Rule.KEYS_KEPT], seen.broken[Rule.KEYS_KEPT]) == (1, broken)


def test_an_idp_that_refuses_what_it_has_just_issued() -> None:
    seen = Unasked()
    seen.ends("over")
    for token, known in (("one", True), ("two", False), ("over", False)):
        seen.fresh(token, known=known)
    assert (seen.looked[Rule.FRESH_KNOWN], seen.broken[Rule.FRESH_KNOWN]) == (2, 1)


@pytest.mark.parametrize(
    ("told", "broken"),
    [
        ("", 0),
        ("private, max-age=60", 0),
        ("no-store", 0),
        ("max-age=60", 0),
        ("s-maxage=0", 0),
        ("public, max-age=600", 1),
        ("Max-Age=0, S-MaxAge=60", 1),
    ],
)
def test_what_is_answered_to_a_token_is_nobody_elses(told: str, broken: int) -> None:
    seen = Unasked()
    seen.shared(answer(Cache_Control=told))
    assert (seen.looked[Rule.NOT_SHARED], seen.broken[Rule.NOT_SHARED]) == (1, broken)
