"""``idchaos init target`` writes down what it was told and what it saw, and the file is one that can be used."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from idchaos.commands.cli import main
from idchaos.targets.standin.certificates import certificates
from idchaos.targets.systems.file import read
from idchaos.targets.systems.target import SystemTarget

CLIENT, SECRET = "batch", "s3cret"


class Idp(BaseHTTPRequestHandler):
    """Behind an authority of its own; gives tokens to one client."""

    def do_GET(self) -> None:
        url = f"https://127.0.0.1:{self.server.server_address[1]}"
        self._answer(200, {"issuer": url, "jwks_uri": f"{url}/keys", "token_endpoint": f"{url}/token"})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = base64.b64decode(self.headers["Authorization"].partition(" ")[2]).decode() == f"{CLIENT}:{SECRET}"
        claims = {"aud": "orders", "iat": 100, "exp": 160, "scope": " ".join([*form.get("scope", []), "granted"])}
        parts = ({"alg": "RS256"}, claims, {})
        token = ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts)
        self._answer(200 if known else 401, {"access_token": token})

    def _answer(self, status: int, document: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    made = certificates(tmp_path / "tls", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    server = HTTPServer(("127.0.0.1", 0), Idp)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def init(issuer: str, *more: str) -> int:
    words = ["--issuer", issuer, "--client", CLIENT, "--url", "http://127.0.0.1:9001", *more]
    with pytest.raises(SystemExit) as ended:
        main(["init", "target", "shop.toml", *words])
    return int(ended.value.code or 0)


def test_an_authority_a_scope_and_a_secret_in_a_file_are_used_and_written_down(issuer: str, tmp_path: Path) -> None:
    (tmp_path / "batch.secret").write_text(SECRET)
    assert init(issuer, "--ca", "tls/ca.pem", "--secret-file", "batch.secret", "--scope", "orders:read") == 0
    (client,) = read(Path("shop.toml")).client
    assert client.secret is not None
    assert (client.secret.file, client.scope) == ("batch.secret", "orders:read")
    endpoints = SystemTarget(Path("shop.toml"), "run").endpoints
    assert endpoints.ca_file == str(tmp_path / "tls" / "ca.pem")
    assert endpoints.clients[0].client_secret == SECRET
    assert read(Path("shop.toml")).settings == {"access_ttl_s": 60}


def test_what_is_not_said_is_seen_in_a_token(issuer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SECRET", SECRET)
    assert init(issuer, "--ca", "tls/ca.pem", "--secret-env", "BATCH_SECRET") == 0
    (client,) = read(Path("shop.toml")).client
    assert client.secret is not None
    assert (client.secret.env, client.scope) == ("BATCH_SECRET", "granted")


def test_a_client_that_users_log_in_at_is_written_down(issuer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SECRET", SECRET)
    words = ["--login", "web", "--redirect-uri", "https://shop.example/cb", "--user", "alice", "--password-env", "PW"]
    assert init(issuer, "--ca", "tls/ca.pem", "--secret-env", "BATCH_SECRET", *words) == 0
    found = read(Path("shop.toml"))
    _, web = found.client
    assert (web.id, web.redirect_uri, web.secret) == ("web", "https://shop.example/cb", None)
    assert (web.scope, web.refreshes) == ("openid granted", False)  # its metadata offer no refresh tokens
    assert [(each.name, each.password.env) for each in found.user] == [("alice", "PW")]


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--secret-env", "A", "--secret-file", "tls/ca.pem"], 64, "--secret-env or --secret-file, not both"),
        (["--secret-env", "A", "--login", "web", "--user", "alice"], 64, "needs --redirect-uri, --password-env"),
        (["--secret-env", "A", "--ca", "none.pem"], 64, "none.pem"),
        (["--secret-env", "A"], 70, "its certificate is not trusted: name what signed it in system.ca"),
    ],
)
def test_what_can_not_be_is_told(
    issuer: str, more: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(issuer, *more) == code
    assert said in capsys.readouterr().err
    assert not Path("shop.toml").exists()
