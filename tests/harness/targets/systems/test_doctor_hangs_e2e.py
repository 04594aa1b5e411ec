"""A doctor is done within 10 s, whatever hangs: each part is named that does, and all else is told as ever."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from idchaos.undo.ledger import STATE_VARIABLE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
MOST_S = float(os.environ.get("IDCHAOS_DOCTOR_WITHIN_S", "20"))
"""Of a busy machine; docs/figures.md has what was seen."""
FILE = """
[system]
name = "shop"
[idp]
issuer = "{idp}"
[[client]]
id = "batch"
secret = {{ env = "BATCH_SECRET" }}
[[client]]
id = "reporting"
secret = {{ env = "BATCH_SECRET" }}
[gateway]
url = ["{gateway}", "{replica}"]
[[route]]
path = "/orders/1"
audience = "orders"
[[route]]
path = "/accounts/1"
audience = "accounts"
[toxiproxy]
api = "{toxiproxy}"
gateway_to_idp = ["keys-1", "keys-2"]
[settings]
access_ttl_s = 300
[hooks.stop]
command = ["sleep", "3600"]
undo = {{ url = "{hung}/start" }}
"""


@pytest.fixture
def silent() -> Iterator[tuple[str, str]]:
    """Two that take connections and never say a word."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=64) as one,
        socket.create_server(("127.0.0.1", 0), backlog=64) as other,
    ):
        yield tuple(f"http://127.0.0.1:{each.getsockname()[1]}" for each in (one, other))  # type: ignore[misc]


@pytest.fixture
def deaf() -> Iterator[str]:
    """Takes no connection: its queue is full, so that whoever connects waits."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    address = listener.getsockname()
    callers = [socket.socket() for _ in range(4)]
    for caller in callers:
        caller.setblocking(False)
        caller.connect_ex(address)
    yield f"http://127.0.0.1:{address[1]}"
    for each in (*callers, listener):
        each.close()


class Idp(BaseHTTPRequestHandler):
    """Says what it is, and gives everybody the same token."""

    def do_GET(self) -> None:
        at = f"http://{self.headers['Host']}"
        metadata = {"issuer": at, "jwks_uri": f"{at}/jwks", "token_endpoint": f"{at}/token"}
        self._say(metadata if self.path.startswith("/.well-known") else {"keys": []})

    def do_POST(self) -> None:
        self._say({"access_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.c2ln", "token_type": "Bearer"})

    def _say(self, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def idp() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Idp)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("hangs", ["idp", "idp is deaf", "gateway", "toxiproxy", "everything"])
def test_it_is_done_in_time_and_names_what_hangs(
    hangs: str, silent: tuple[str, str], deaf: str, idp: str, tmp_path: Path
) -> None:
    hung, replica = silent
    where = {"idp": idp, "gateway": hung, "replica": replica, "toxiproxy": hung, "hung": hung}
    if hangs in ("idp", "everything"):
        where["idp"] = hung
    if hangs == "idp is deaf":
        where["idp"] = deaf
    file = tmp_path / "shop.toml"
    file.write_text(FILE.format(**where))
    environment = os.environ | {"BATCH_SECRET": "shibboleth", STATE_VARIABLE: str(tmp_path / "state")}
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "idchaos", "doctor", str(file)],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    took_s = time.monotonic() - began
    print(f"{hangs}: {took_s:.1f} s")
    told = ended.stdout
    assert ended.returncode == 1, told + ended.stderr
    assert ended.stderr == ""
    assert "✓ hooks.stop: is there, and its undo" in told
    assert "✕ toxiproxy: not done within" in told or f"✕ toxiproxy at {urlsplit(hung).netloc}" in told
    if where["idp"] == idp:
        assert f"✓ idp: names itself {idp}" in told
        assert "✓ client batch: gets tokens" in told
        assert "✕ gateway-2: not done within" in told
    else:
        assert "✕ idp: " in told
    assert "can run here: " in told
    assert took_s < MOST_S
    assert not list((tmp_path / "state").glob("*.ledger"))
