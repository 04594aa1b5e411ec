"""A site on loopback that nobody may ask: it serves keys of nobody's, and tells who was led there."""

from __future__ import annotations

import json
from typing import Any

from gevent.server import StreamServer

_LONGEST = 8192
_JSON, _PEM = b"application/json", b"application/x-pem-file"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"


class Listener:
    """``/NAME/jwks`` and ``/NAME/cert``, for any name. It ends with its process."""

    def __init__(self, jwk: dict[str, Any], certificate: bytes) -> None:
        """``jwk``: a public key. ``certificate``: of the same, in PEM."""
        self.asked: set[str] = set()
        """The names that were asked for."""
        self._jwk, self._certificate = jwk, certificate
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()

    def url(self, name: str, what: str) -> str:
        """Where the keys (``jwks``) or the certificate (``cert``) of that name are."""
        return f"http://127.0.0.1:{self._server.server_port}/{name}/{what}"

    def _serve(self, sock: Any, _: object) -> None:
        sock.settimeout(5.0)
        try:
            target = sock.recv(_LONGEST).partition(b" ")[2].partition(b" ")[0].decode("latin-1")
            name, _, what = target.lstrip("/").partition("/")
            self.asked.add(name)
            keys = json.dumps({"keys": [self._jwk | {"kid": name, "use": "sig", "alg": "ES256"}]}).encode()
            kind, body = (_JSON, keys) if what == "jwks" else (_PEM, self._certificate)
            sock.sendall(_ANSWER % (kind, len(body), body))
        except OSError:
            pass  # whoever asked has gone: that they asked is known
        finally:
            sock.close()
