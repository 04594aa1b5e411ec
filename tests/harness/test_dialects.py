"""What gateways say, and what it means: handwritten answers."""

from dataclasses import dataclass, field

import pytest
from pydantic import ValidationError

from idchaos.dialects import ENVOY, GENERIC, STAND_IN, Dialect, Rule, dialect_named
from idchaos.errors import UsageError
from idchaos.reasons import REFUSALS, UNDECIDED_REASONS, Reason


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    error: str = ""

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


PROXY = Dialect(
    name="proxy",
    rules=(
        Rule(reason=Reason.LOGIN_REQUIRED, redirects_to=r"^https://sso\.example/login\?"),
        Rule(reason=Reason.TOKEN_EXPIRED, status=(401,), header="X-Why", says="^expired$"),
        Rule(reason=Reason.LOGIN_REQUIRED, status=(200,), says="<form[^>]+id=.login"),
        Rule(reason=Reason.JWKS_UNAVAILABLE, status=(401, 500), says="no keys"),
    ),
)


@pytest.mark.parametrize(
    ("dialect", "reply", "meant"),
    [
        (GENERIC, Reply(204), ("accept", "")),
        (GENERIC, Reply(401), ("deny", "http_401")),
        (GENERIC, Reply(403), ("deny", "http_403")),
        (GENERIC, Reply(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}), ("deny", "invalid_token")),
        (GENERIC, Reply(503), ("undecided", "http_503")),
        (GENERIC, Reply(302, headers={"Location": "/login"}), ("undecided", "http_302")),
        (GENERIC, Reply(0, error="connect_refused"), ("undecided", "connect_refused")),
        # Another gateway's header is no word of this one.
        (GENERIC, Reply(401, headers={"Idchaos-Reason": "jwks_unavailable"}), ("deny", "http_401")),
        (STAND_IN, Reply(401, headers={"Idchaos-Reason": "token_expired"}), ("deny", "token_expired")),
        (STAND_IN, Reply(401, headers={"Idchaos-Reason": "jwks_unavailable"}), ("undecided", "jwks_unavailable")),
        (STAND_IN, Reply(500, headers={"Idchaos-Reason": "token_expired"}), ("undecided", "token_expired")),
        (STAND_IN, Reply(401, headers={"Idchaos-Reason": "<script>"}), ("deny", "http_401")),
        # Envoy refuses with 401 when it has no keys: an outage all the same.
        (ENVOY, Reply(401, b"Jwks remote fetch is failed"), ("undecided", "jwks_unavailable")),
        (ENVOY, Reply(401, b"Jwt is expired"), ("deny", "token_expired")),
        (ENVOY, Reply(403, b"Audiences in Jwt are not allowed"), ("deny", "audience_mismatch")),
        (ENVOY, Reply(504, b"upstream request timeout"), ("undecided", "upstream_timeout")),
        (ENVOY, Reply(401, b"something new"), ("deny", "http_401")),
        (PROXY, Reply(302, headers={"Location": "https://sso.example/login?next=/"}), ("deny", "login_required")),
        (PROXY, Reply(302, headers={"Location": "https://elsewhere.example/"}), ("undecided", "http_302")),
        (PROXY, Reply(401, headers={"X-Why": "expired"}), ("deny", "token_expired")),
        (PROXY, Reply(500, b"no keys"), ("undecided", "jwks_unavailable")),
        # A page to log in by lets nobody in, though its status says so; data that speaks of keys does.
        (PROXY, Reply(200, b"<form action=/ id='login'>"), ("deny", "login_required")),
        (PROXY, Reply(200, b"no keys"), ("accept", "")),
    ],
)
def test_an_answer_means_what_the_dialect_says(dialect: Dialect, reply: Reply, meant: tuple[str, str]) -> None:
    assert dialect.read(reply) == meant


def test_a_rule_whose_pattern_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"'\(' is no regular expression"):
        Rule(reason=Reason.TOKEN_EXPIRED, says="(")


def test_an_unknown_dialect_is_met_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="'kong' is unknown; there are generic, stand-in, envoy"):
        dialect_named("kong")


def test_every_reason_is_a_refusal_or_an_outage() -> None:
    assert set(Reason) == REFUSALS | UNDECIDED_REASONS
    assert not REFUSALS & UNDECIDED_REASONS
