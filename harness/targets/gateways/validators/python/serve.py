"""A resource server in front of its services: a library says whether a token is good, and the request is passed on.

It stands where an application's own code would. What the library calls a bad token is a 401, what it calls an outage a
503; whatever else it raises is a 500, as in any web framework. The body says what was raised, in the library's words.
Nothing but the standard library. The first argument is a file with the settings.
"""

from __future__ import annotations

import http.client
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SETTINGS: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
TUNED: dict[str, float] | None = SETTINGS["tuned"]
"""What is set in the library; ``None``: nothing, so that its own defaults hold."""
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length", "date", "server"}
PATIENCE_S = 10.0
Errors = tuple[type[BaseException], ...]


def fetched(uri: str, timeout_s: float) -> Any:
    """A JSON document; of a key set where a library leaves that to who uses it."""
    with urllib.request.urlopen(uri, timeout=timeout_s) as answer:  # noqa: S310 - it is configured
        return json.load(answer)


def serve(verify: Callable[[str, str], object], refused: Errors, undecided: Errors = ()) -> None:
    """Listen until the process is ended. ``verify`` is given a token and the audience that it must be for; ``refused``
    and ``undecided`` are what it raises of a token that is bad, and where it could not find out.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.handle_any
            raise AttributeError(name)

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "Transfer-Encoding" in self.headers:
                self.close_connection = True
                return self.answer(411, "a body needs a Content-Length")
            url = urllib.parse.urlsplit(self.path)
            service = SETTINGS["services"].get(url.path.strip("/").partition("/")[0])
            # RFC 6750 section 2.1: in one header, under one scheme.
            given = self.headers.get_all("Authorization") or []
            scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                return self.answer(401, "no bearer token", 'Bearer realm="api"')
            if service is None:
                return self.answer(404, "no such API")
            if self.is_good(token, service["audience"]):
                self.pass_on(service["address"], url._replace(scheme="", netloc="").geturl(), body)
            return None

        def is_good(self, token: str, audience: str) -> bool:
            try:
                verify(token, audience)
            except undecided as error:
                self.answer(503, said(error))
            except refused as error:
                self.answer(401, said(error), 'Bearer error="invalid_token"')
            except Exception as error:  # what nobody foresaw
                self.answer(500, said(error))
            else:
                return True
            return False

        def pass_on(self, address: str, path: str, body: bytes) -> None:
            headers = {name: text for name, text in self.headers.items() if name.lower() not in HOP_BY_HOP}
            upstream = http.client.HTTPConnection(address, timeout=PATIENCE_S)
            try:
                upstream.request(self.command, path, body or None, headers)
                answer = upstream.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                return self.answer(504 if isinstance(error, TimeoutError) else 502, said(error))
            finally:
                upstream.close()
            self.send_response(answer.status)
            for name, text in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, text)
            return self.finish_with(content)

        def answer(self, status: int, text: str, challenge: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.finish_with(f"{text}\n".encode(errors="replace"))

        def finish_with(self, content: bytes) -> None:
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Requests are not logged: their headers hold tokens."""

    host, _, port = SETTINGS["listen"].rpartition(":")
    ThreadingHTTPServer.daemon_threads, ThreadingHTTPServer.request_queue_size = True, 512
    ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


def said(error: BaseException) -> str:
    """What was raised, in one line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")
