"""HTTP/1.1 over geventhttpclient, as lean as an open loop needs, with no hidden retries and no redirects.

geventhttpclient's own ``HTTPClient.request`` sends an idempotent request again, up to pool size + 1 times, whenever a
connection closes before an answer: a load generator that retries in secret reports outages as latency. Here, one retry
is made in one case only, and marked: nothing was received on a *reused* connection, which is what a server that closes
an idle connection looks like (RFC 9112 section 9.3.1).

Request heads are bytes that were put together beforehand; see :meth:`Site.head`.
"""

from __future__ import annotations

import contextlib
import errno
import select
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import gevent
from gevent import monkey
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPParseError, HTTPResponse

from idchaos.load.engine.response import Response

# The native poll: gevent's own switches greenlets, which a look at an idle socket must not do.
_poll: Callable[[], select.poll] = monkey.get_original("select", "poll")
_BLOCK = 16_384
_WITH_BODY = ("POST", "PUT", "PATCH")
_USER_AGENT = "idchaos"
CHUNKED = b"\r\nTransfer-Encoding: chunked\r\n"
"""Among the header lines of a request whose body comes in chunks, of one here (RFC 9112 section 7.1)."""
_now = time.monotonic


class Late(NamedTuple):
    """What of a request comes later: all after so many bytes, by so much."""

    after: int
    by_s: float


AT_ONCE = Late(0, 0.0)


class _Tracked(ConnectionPool):
    """A connection pool that knows which sockets are new, and resolves its host's name once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._new: set[int] = set()
        self._addresses: Any = None

    def _resolve(self) -> Any:
        # gevent resolves names in a thread pool: milliseconds for each new connection.
        if self._addresses is None:
            self._addresses = super()._resolve()
        return self._addresses

    def after_connect(self, sock: Any) -> None:
        self._new.add(sock.fileno())

    def is_reused(self, sock: Any) -> bool:
        """Whether a socket just taken from the pool has served a request before."""
        number = sock.fileno()
        if number in self._new:
            self._new.discard(number)
            return False
        return True

    def renew(self, sock: Any) -> Any:
        """A new connection in the place of ``sock``, which is closed."""
        sock.close()
        try:
            fresh = self._create_socket()
        except BaseException:
            self.release_socket(sock)
            raise
        self._new.discard(fresh.fileno())
        return fresh

    def _is_socket_alive(self, sock: Any) -> bool:
        if sock is None or sock.fileno() < 0:
            return False
        poll = _poll()
        poll.register(sock.fileno(), select.POLLIN)
        return not poll.poll(0)


class _TrackedTls(_Tracked, SSLConnectionPool):
    """The same over TLS."""


class WireClient(HTTPClient):
    """One host and port. ``exchange`` is what differs from geventhttpclient's client."""

    def __init__(
        self, host: str, port: int, *, tls: bool, concurrency: int, timeout_s: float, ca_file: str | None = None
    ) -> None:
        super().__init__(host, port, concurrency=1, ssl=tls)
        self.timeout_s = timeout_s
        pool = _TrackedTls if tls else _Tracked
        trusted = {"ssl_options": {"ca_certs": ca_file}} if tls and ca_file else {}
        self.connections: _Tracked = pool(
            self.host,
            self.port,
            self.host,
            self.port,
            size=concurrency,
            connection_timeout=timeout_s,
            network_timeout=timeout_s,
            **trusted,
        )
        self._connection_pool = self.connections

    def exchange(self, request: bytes, method: str, replayable: bool, late: Late = AT_ONCE) -> Response:
        """Send a request's bytes and wait for the whole response, ``timeout_s`` in all. Never raises for transport."""
        answer = Response(sent=_now())
        deadline = answer.sent + self.timeout_s
        pool = self.connections
        try:
            sock = pool.get_socket()
            reused = pool.is_reused(sock)
            if reused and not replayable:
                sock, reused = pool.renew(sock), False
        except OSError as error:
            return _failed(answer, _connect_error(error))
        parser = HTTPResponse(method)
        failure = _converse(sock, request, parser, deadline, late)
        if reused and not parser.message_begun and failure in ("connection_closed", "connection_reset"):
            answer.retry = 1
            try:
                sock = pool.renew(sock)
            except OSError as error:
                return _failed(answer, _connect_error(error))
            parser = HTTPResponse(method)
            failure = _converse(sock, request, parser, deadline, late)
        if failure or parser.should_close() or parser.get_code() == HTTPStatus.SWITCHING_PROTOCOLS:
            pool.release_socket(sock)
        else:
            pool.return_socket(sock)
        if failure:
            return _failed(answer, failure)
        answer.ended = _now()
        answer.status = parser.get_code()
        answer.headers = parser.info()
        answer.body = bytes(parser._body_buffer)
        return answer


class _Closed(Exception):
    """The connection ended before the response did."""


def _converse(sock: Any, request: bytes, parser: Any, deadline: float, late: Late) -> str:
    """Send a request and read one response into ``parser``; what failed, empty if nothing did."""
    failure = ""
    try:
        sock.settimeout(max(deadline - _now(), 0.001))
        # An answer may have been sent before the connection was closed.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if late.by_s:
                sock.sendall(request[: late.after])
                gevent.sleep(late.by_s)
            sock.sendall(request[late.after :] if late.by_s else request)
        _receive(sock, parser, deadline)
    except TimeoutError:
        failure = "read_timeout"
    except ConnectionError:
        failure = "connection_reset"
    except _Closed:
        failure = "connection_closed"
    except HTTPParseError:
        failure = "connection_closed" if parser.headers_complete else "transport_error"
    except OSError:
        failure = "transport_error"
    return failure


def _receive(sock: Any, parser: Any, deadline: float) -> None:
    while not _is_final(parser):
        left = deadline - _now()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        data = sock.recv(_BLOCK)
        if data:
            parser.feed(data)
            continue
        if parser.headers_complete and not parser.message_complete:
            parser.feed(data)  # the end of the connection may be the end of the body
        if not _is_final(parser):
            raise _Closed


def _is_final(parser: Any) -> bool:
    """Interim responses (1xx) are followed by the final one, but for that which ends HTTP (RFC 9110 section 15.2.2)."""
    if parser.headers_complete and parser.get_code() == HTTPStatus.SWITCHING_PROTOCOLS:
        return True
    return bool(parser.message_complete) and parser.get_code() >= HTTPStatus.OK


def _connect_error(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connect_refused"
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return "connect_timeout"
    return "connection_reset" if isinstance(error, ConnectionResetError) else "transport_error"


def _failed(answer: Response, error: str) -> Response:
    answer.error = error
    answer.ended = _now()
    return answer


class WirePool(HTTPClientPool):
    """Locust's ``client_pool``: one :class:`WireClient` for each host and port."""

    def __init__(self, *, concurrency: int, timeout_s: float, ca_file: str | None = None) -> None:
        """``ca_file``: certificates (PEM) that are trusted instead of the usual ones."""
        super().__init__()
        self._concurrency, self._timeout_s, self._ca_file = concurrency, timeout_s, ca_file

    def client(self, scheme: str, host: str, port: int) -> WireClient:
        """The client of an origin."""
        found = self.clients.get((host, port))
        if not isinstance(found, WireClient):
            found = WireClient(
                host,
                port,
                tls=scheme == "https",
                concurrency=self._concurrency,
                timeout_s=self._timeout_s,
                ca_file=self._ca_file,
            )
            self.clients[host, port] = found
        return found


class Site:
    """A base URL and the connections to it."""

    def __init__(self, pool: WirePool, url: str) -> None:
        parts = urlsplit(url)
        self.base = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._host = parts.netloc.rpartition("@")[2]
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._client = pool.client(parts.scheme, parts.hostname or "", port)

    def head(self, method: str, target: str, headers: Mapping[str, str]) -> bytes:
        """A request's first lines, open for more header lines: without the empty line that ends them.

        ``target`` is a path below the base URL, with its query.
        """
        lines = [
            f"{method} {self._prefix}{target} HTTP/1.1",
            f"Host: {self._host}",
            f"User-Agent: {_USER_AGENT}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n").encode("latin-1")

    def send(self, head: bytes, body: bytes = b"", *, replayable: bool = True, late_s: float = 0.0) -> Response:
        """Send ``head`` (from :meth:`head`) and ``body``, the latter so much later: as over a slow connection.

        ``replayable``: sending it twice does no harm. What is not (a code, a refresh token) always gets a new
        connection, so that an idle one that was closed can never be mistaken for an outage.
        """
        method = head.partition(b" ")[0].decode("latin-1")
        if CHUNKED in head:
            request = b"%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (head, len(body), body)
        elif body or method in _WITH_BODY:
            request = b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)
        else:
            request = head + b"\r\n"
        return self._client.exchange(request, method, replayable, Late(len(request) - len(body), late_s))
