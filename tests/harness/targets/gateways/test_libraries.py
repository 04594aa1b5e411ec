"""Validator libraries: what their programs are told, how their words are understood, and what installs them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from idchaos.errors import UsageError
from idchaos.settings import GatewaySettings
from idchaos.targets.gateways import golang, java, libraries, node, python
from idchaos.targets.gateways.base import Address, Upstream, Wiring
from idchaos.targets.gateways.catalogue import adapter_named, adapters
from idchaos.targets.gateways.libraries import SETTINGS, Library, installed_in, sources

LIBRARIES = {name: each for name, each in adapters().items() if isinstance(each, Library)}
LONGEST_PROGRAM = 120
"""Lines: a program is read by whoever asks what was tried."""
SUFFIXES = {".py", ".cjs", ".go", ".java"}
LANGUAGES = (python, node, golang, java)


def wiring(folder: Path, knobs: GatewaySettings) -> Wiring:
    orders = Address(host="127.0.0.1", port=4_005)
    return Wiring(
        name="gateway-1",
        listen=Address(host="127.0.0.1", port=4_001),
        spare=Address(host="127.0.0.1", port=4_002),
        issuer="http://127.0.0.1:4003",
        idp=Address(host="127.0.0.1", port=4_004),
        jwks_path="/jwks",
        services=(Upstream(name="orders", prefix="/orders", address=orders, audience="orders", scope="orders:read"),),
        knobs=knobs,
        folder=folder,
    )


@dataclass
class Answer:
    """What a program said."""

    status: int
    text: str
    error: str = ""

    @property
    def body(self) -> bytes:
        return self.text.encode()

    def header(self, name: str) -> str:
        return ""


def test_there_are_eight_libraries_or_more_of_four_languages() -> None:
    languages = {language for each in LIBRARIES.values() for language in LANGUAGES if _of(each, language)}
    assert len({each.package for each in LIBRARIES.values()}) >= 8
    assert len(languages) == 4


def _of(library: Library, language: object) -> bool:
    return type(library).__module__ == getattr(language, "__name__", "")


def test_a_program_is_short_enough_to_be_read() -> None:
    programs = [file for file in sources("").rglob("*") if file.suffix in SUFFIXES]
    assert len(programs) >= len({each.package for each in LIBRARIES.values()})
    assert [file.name for file in programs if len(file.read_text().splitlines()) > LONGEST_PROGRAM] == []


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=str)
def test_one_as_it_is_is_told_none_of_our_settings(library: Library, tmp_path: Path) -> None:
    (program,) = library.programs(wiring(tmp_path, GatewaySettings(jwks_cache_s=7, leeway_s=11)))
    told = json.loads(program.files[SETTINGS])
    assert told["services"] == {"orders": {"address": "127.0.0.1:4005", "audience": "orders"}}
    assert told["jwks_uri"] == "http://127.0.0.1:4004/jwks"
    if library.tuned:
        assert set(told["tuned"]) == set(library.knobs)
        assert (told["tuned"]["jwks_cache_s"], told["tuned"]["leeway_s"]) == (7, 11)
    else:
        assert told["tuned"] is None
        assert library.fixed


@pytest.mark.parametrize(
    ("name", "status", "text", "said", "code"),
    [
        ("pyjwt", 401, "ExpiredSignatureError: Signature has expired", "deny", "token_expired"),
        ("pyjwt", 503, "PyJWKClientConnectionError: Fail to fetch", "undecided", "jwks_unavailable"),
        ("pyjwt", 401, "PyJWKClientError: The JWKS endpoint did not contain any", "undecided", "jwks_unavailable"),
        ("jose", 401, 'ERR_JWT_CLAIM_VALIDATION_FAILED: unexpected "aud" claim value', "deny", "audience_mismatch"),
        ("jose", 500, "TypeError: fetch failed", "undecided", "jwks_unavailable"),
        ("express-jwt", 401, "invalid_token: jwt expired", "deny", "token_expired"),
        ("go-oidc", 401, "failed to verify signature: fetching keys oidc: get", "undecided", "jwks_unavailable"),
        ("keyfunc", 401, "token has invalid claims: token is expired", "deny", "token_expired"),
        ("jwx", 502, "dial tcp: connection refused", "undecided", "upstream_unavailable"),
        ("nimbus", 503, "com.nimbusds.jose.jwk.source.RateLimitReachedException", "undecided", "jwks_unavailable"),
        ("nimbus", 401, "com.nimbusds.jwt.proc.ExpiredJWTException: Expired JWT", "deny", "token_expired"),
        (
            "spring-security",
            401,
            "BadJwtException: Signed JWT rejected: Invalid signature",
            "deny",
            "signature_invalid",
        ),
        (
            "spring-security",
            500,
            "org.springframework.security.oauth2.jwt.JwtException: An error",
            "undecided",
            "jwks_unavailable",
        ),
        ("authlib", 401, "InvalidTokenError: invalid_token", "deny", "http_401"),
    ],
)
def test_its_own_words_are_understood(name: str, status: int, text: str, said: str, code: str) -> None:
    assert LIBRARIES[name].dialect.read(Answer(status, text)) == (said, code)


def test_what_is_missing_is_installed_by_one_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for language in LANGUAGES:
        monkeypatch.setattr(language, "folder", lambda: tmp_path)
    monkeypatch.setattr(libraries, "which", lambda program: f"/usr/bin/{program}")
    with pytest.raises(UsageError, match=r"--gateway pyjwt: pyjwt \S+ is not installed here: \S+ -m pip install"):
        adapter_named("pyjwt")
    with pytest.raises(UsageError, match=r"jose \S+ is not installed here: npm install --prefix"):
        adapter_named("jose")
    with pytest.raises(UsageError, match=r"go-oidc/v3 \S+ is not installed here: go build -C"):
        adapter_named("go-oidc")
    with pytest.raises(UsageError, match=r"nimbus-jose-jwt \S+ is not installed here: mvn -q -B -f \S+pom.xml"):
        adapter_named("nimbus")
    commands = {each.install for each in LIBRARIES.values()}
    assert len(commands) == 4
    assert all(str(tmp_path) in command for command in commands)


def test_another_version_is_another_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one, other = installed_in("python", "pyjwt==2.15.1"), installed_in("python", "pyjwt==2.15.2")
    assert one != other
    assert one.parent == other.parent == tmp_path / "idchaos"


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=str)
def test_its_version_is_the_one_that_is_installed(library: Library) -> None:
    listed = {golang: sources("go") / "go.mod", java: sources("java") / "pom.xml"}
    pinned = next((file.read_text() for language, file in listed.items() if _of(library, language)), library.install)
    assert library.version()
    assert library.version() in pinned
