"""What the ledger promises by somebody else's means is carried out, checked, and told without secrets."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from idchaos.targets.standin.certificates import certificates
from idchaos.undo.ledger import Command, HttpCall, Ledger, read
from idchaos.undo.undo import carry_out, carry_out_all


def python(code: str, timeout_s: float = 30.0) -> Command:
    return Command(argv=(sys.executable, "-c", code), timeout_s=timeout_s)


def test_a_command_is_carried_out_by_whoever_reads_the_ledger(tmp_path: Path) -> None:
    healed = tmp_path / "healed"
    ledger = Ledger("run", tmp_path)
    ledger.write(python(f"open({str(healed)!r}, 'w')"))
    ledger.close(clean=False)
    (undone,) = carry_out_all(ledger.path)
    assert undone.left == ()
    assert healed.exists()
    assert not ledger.path.exists()


def test_a_command_that_fails_is_left_and_says_why(tmp_path: Path) -> None:
    ledger = Ledger("run", tmp_path)
    ledger.write(python("import sys; sys.exit('the flag is locked')"))
    ledger.close(clean=False)
    (undone,) = carry_out_all(ledger.path)
    assert undone.left == (f"{sys.executable}: exit code 1: the flag is locked",)
    assert len(read(ledger.path).pending) == 1


@pytest.mark.parametrize(
    ("undo", "left"),
    [
        (Command(argv=("/nowhere/heal",)), "/nowhere/heal: cannot be run: No such file or directory"),
        (python("import time; time.sleep(3600)", timeout_s=0.2), f"{sys.executable}: not done within 0.2 s"),
    ],
)
def test_a_command_that_cannot_be_run_or_does_not_end_is_left(undo: Command, left: str) -> None:
    assert carry_out(undo).left == (left,)


class Flags(BaseHTTPRequestHandler):
    """Somebody's API: takes orders of who knows its secret."""

    orders: list[tuple[str, str, bytes]]

    def do_PUT(self) -> None:
        self.orders.append((self.command, self.path, self.rfile.read(int(self.headers.get("Content-Length", 0)))))
        self.send_response(204 if self.headers["Authorization"] == "Bearer s3cret" else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def flags() -> Iterator[HTTPServer]:
    Flags.orders = []
    server = HTTPServer(("127.0.0.1", 0), Flags)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url_of(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/flags/chaos"


def test_a_call_takes_its_secret_from_a_file(flags: HTTPServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    call = HttpCall(method="PUT", url=url_of(flags), body='{"on": false}', secret_file=str(secret))
    assert carry_out(call).left == ()
    assert Flags.orders == [("PUT", "/flags/chaos", b'{"on": false}')]


def test_a_call_takes_its_secret_from_the_environment(flags: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    call = HttpCall(method="PUT", url=url_of(flags), secret_variable="FLAGS_TOKEN")
    assert carry_out(call).left == (f"PUT {url_of(flags)}: the environment has no FLAGS_TOKEN, which holds its secret",)
    monkeypatch.setenv("FLAGS_TOKEN", "s3cret")
    assert carry_out(call).left == ()


def test_a_call_that_is_refused_is_left_and_says_no_secret(flags: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAGS_TOKEN", "wrong")
    call = HttpCall(method="PUT", url=url_of(flags), secret_variable="FLAGS_TOKEN")
    assert carry_out(call).left == (f"PUT {url_of(flags)}: 401",)


def test_a_secret_in_two_places_or_in_the_url_is_refused() -> None:
    with pytest.raises(ValidationError, match="not in both"):
        HttpCall(method="PUT", url="http://127.0.0.1/", secret_file="a", secret_variable="B")
    with pytest.raises(ValidationError, match="url"):
        HttpCall(method="PUT", url="http://user:password@127.0.0.1/")


def test_a_request_trusts_the_certificates_that_it_names_and_no_others(flags: HTTPServer, tmp_path: Path) -> None:
    made, others = (certificates(tmp_path / name, "127.0.0.1") for name in ("theirs", "others"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    flags.socket = context.wrap_socket(flags.socket, server_side=True)
    url = url_of(flags).replace("http:", "https:")
    (tmp_path / "secret").write_text("s3cret")
    call = HttpCall(method="PUT", url=url, secret_file=str(tmp_path / "secret"), ca_file=str(made.authority))
    assert carry_out(call).left == ()
    for ca_file in (None, str(others.authority)):
        (left,) = carry_out(call.model_copy(update={"ca_file": ca_file})).left
        assert left == f"PUT {url}: its certificate is not trusted"
    (left,) = carry_out(call.model_copy(update={"ca_file": str(tmp_path / "secret")})).left
    assert "no certificates can be read" in left
    assert len(Flags.orders) == 1
