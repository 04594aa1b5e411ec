"""Where clients on loopback are told of logouts (OpenID Connect Back-Channel Logout 1.0 section 2.5)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from urllib.parse import parse_qs

from gevent.server import StreamServer

_LONGEST = 64 * 1024
_DONE = b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Receiver:
    """``/NAME`` for any name, which tells who was meant. It ends with its process."""

    def __init__(self) -> None:
        self.told: dict[str, list[str]] = defaultdict(list)
        """Logout tokens by name, in the order in which they came; empty where the form had none."""
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()

    def url(self, name: str) -> str:
        """Where the client of that name is told."""
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def _serve(self, sock: Any, _: object) -> None:
        sock.settimeout(5.0)
        try:
            with sock.makefile("rb") as lines:
                name = lines.readline(_LONGEST).partition(b" ")[2].partition(b" ")[0].decode("latin-1").lstrip("/")
                length = 0
                while line := lines.readline(_LONGEST).strip():
                    field, _, value = line.partition(b":")
                    length = int(value) if field.lower() == b"content-length" else length
                form = parse_qs(lines.read(min(length, _LONGEST)).decode("latin-1"))
            self.told[name].append(form.get("logout_token", [""])[0])
            sock.sendall(_DONE)
        except (OSError, ValueError):
            pass  # whoever told has gone, or has said nothing that can be read
        finally:
            sock.close()
