"""An IdP that is reached by https alone, and what ends TLS for it: of no use but to be looked at from outside."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from idchaos.targets.standin.certificates import Certificates

KEYS = {"keys": [{"kty": "RSA", "kid": "a", "alg": "RS256", "use": "sig", "n": "x" * 342, "e": "AQAB"}]}


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], made: Certificates, host: str = "127.0.0.1") -> Iterator[str]:
    """``host:port`` where it answers by TLS meanwhile."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def finish_request(self, request: ssl.SSLSocket, client_address: object) -> None:  # type: ignore[override]
            request.settimeout(30)
            request.do_handshake()  # in the connection's own thread: who does not speak holds nobody up
            super().finish_request(request, client_address)

        def handle_error(self, request: object, client_address: object) -> None:
            """What faults do to connections is no news."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    context.set_alpn_protocols(["http/1.1"])
    server = Server((host, 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Quiet(BaseHTTPRequestHandler):
    """Keeps connections, and logs nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def tell(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)


class Idp(Quiet):
    """Its metadata and its keys, below whatever host it is asked by."""

    def do_GET(self) -> None:
        base = f"https://{self.server.server_address[0]}:{self.server.server_port}"  # type: ignore[attr-defined]
        metadata = {"issuer": base, "jwks_uri": f"{base}/jwks", "token_endpoint": f"{base}/token"}
        self.tell(200, json.dumps(KEYS if self.path == "/jwks" else metadata).encode())


def before(upstream: str) -> type[BaseHTTPRequestHandler]:
    """What ends TLS before a server at ``host:port`` that thinks it is asked in clear, and names itself so."""

    class Front(Quiet):
        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            host = self.headers["Host"]
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)) or None
            headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
            request = urllib.request.Request(
                f"http://{upstream}{self.path}", body, {**headers, "Connection": "close"}, method=self.command
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    status, told = answer.status, answer.read()
            except urllib.error.HTTPError as refused:
                status, told = refused.code, refused.read()
            self.tell(status, told.replace(f"http://{host}".encode(), f"https://{host}".encode()))

    return Front
