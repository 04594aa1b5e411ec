"""A site on loopback that nobody may ask: it serves keys of nobody's, and tells who was led there."""

from __future__ import annotations

import json
from typing import Any

from gevent.server import StreamServer

from idchaos.load.canaries.nobody import Nobody

_LONGEST = 8192
_JSON, _PEM = b"application/json", b"application/x-pem-file"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"


class Listener:
    """``/NAME/ALG/jwks`` and ``/NAME/ALG/cert``, for any name and algorithm. It ends with its process."""

    def __init__(self, nobody: Nobody) -> None:
        self.asked: set[str] = set()
        """The names that were asked for."""
        self._nobody = nobody
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()

    def url(self, name: str, alg: str, what: str) -> str:
        """Where the key of that algorithm is under that name: in a key set (``jwks``), or a certificate (``cert``)."""
        return f"http://127.0.0.1:{self._server.server_port}/{name}/{alg}/{what}"

    def _serve(self, sock: Any, _: object) -> None:
        sock.settimeout(5.0)
        try:
            target = sock.recv(_LONGEST).partition(b" ")[2].partition(b" ")[0].decode("latin-1")
            name, alg, what = (*target.lstrip("/").split("/"), "", "")[:3]
            self.asked.add(name)
            kind, body = (_JSON, self._keys(name, alg)) if what == "jwks" else (_PEM, self._nobody.pem(alg))
            sock.sendall(_ANSWER % (kind, len(body), body))
        except (OSError, KeyError):
            pass  # whoever asked has gone, or asked for what is not there: that they asked is known
        finally:
            sock.close()

    def _keys(self, name: str, alg: str) -> bytes:
        return json.dumps({"keys": [self._nobody.jwk(alg) | {"kid": name, "use": "sig", "alg": alg}]}).encode()
