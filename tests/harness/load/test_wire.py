import contextlib

import gevent
import pytest
from gevent.server import StreamServer

from idchaos.load.engine.wire import Site, WirePool

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nIdchaos-Replica: gateway-1\r\n\r\nok"


@pytest.fixture
def serve():
    """A server whose connections are handled by a function of (socket, connection number)."""
    with contextlib.ExitStack() as stack:

        def start(handle, timeout_s=2.0):
            seen = []

            def connected(sock, _address):
                seen.append(sock)
                with contextlib.closing(sock), contextlib.suppress(OSError):
                    handle(sock, len(seen))

            server = StreamServer(("127.0.0.1", 0), connected)
            server.start()
            pool = WirePool(concurrency=10, timeout_s=timeout_s)
            stack.callback(server.stop)
            stack.callback(pool.close)
            site = Site(pool, f"http://127.0.0.1:{server.server_port}/base")
            site.connections_seen = seen
            return site

        yield start


def get(site, **kwargs):
    return site.send(site.head("GET", "/orders", {"Accept": "application/json"}), **kwargs)


def answering(*parts):
    def handle(sock, _number):
        while sock.recv(65536):
            for part in parts:
                sock.sendall(part)
                gevent.sleep(0)

    return handle


def test_a_request_and_its_answer(serve):
    requests = []

    def handle(sock, _number):
        requests.append(sock.recv(65536))
        sock.sendall(OK)

    answer = get(serve(handle))
    assert (answer.status, answer.body, answer.error, answer.retry) == (200, b"ok", "", 0)
    assert answer.header("idchaos-replica") == "gateway-1"
    assert answer.header("nothing") == ""
    head = requests[0].decode()
    assert head.startswith("GET /base/orders HTTP/1.1\r\nHost: 127.0.0.1:")
    assert head.endswith("\r\n\r\n")


def test_a_post_says_how_long_its_body_is(serve):
    requests = []

    def handle(sock, _number):
        requests.append(sock.recv(65536))
        sock.sendall(OK)

    site = serve(handle)
    site.send(site.head("POST", "/token", {}), b"a=b")
    assert requests[0].endswith(b"Content-Length: 3\r\n\r\na=b")


def test_a_body_in_chunks_says_of_each_how_long_it_is(serve):
    requests = []

    def handle(sock, _number):
        requests.append(sock.recv(65536))
        sock.sendall(OK)

    site = serve(handle)
    assert site.send(site.head("POST", "/orders", {"Transfer-Encoding": "chunked"}), b"{}").status == 200
    assert requests[0].endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    assert b"Content-Length" not in requests[0]


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 2\r\n\r\no", b"k"), b"ok"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n", b"ok\r\n0\r\n\r\n"), b"ok"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", OK), b"ok"),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b""),
        ((b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",), b""),
    ],
)
def test_answers_in_all_shapes(serve, parts, body):
    site = serve(answering(*parts))
    assert get(site).body == body
    assert get(site).body == body
    assert len(site.connections_seen) == 1  # kept alive; a redirect is not followed


def test_a_body_may_end_with_its_connection(serve):
    def handle(sock, _number):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok")

    assert get(serve(handle)).body == b"ok"


def test_a_connection_closed_while_idle_is_no_outage(serve):
    """The server takes the second request of a connection and closes without a byte: as on an idle timeout."""

    def handle(sock, number):
        sock.recv(65536)
        sock.sendall(OK)
        if number == 1:
            sock.recv(65536)
        else:
            answering(OK)(sock, number)

    site = serve(handle)
    assert get(site).retry == 0
    second = get(site)
    assert (second.status, second.retry) == (200, 1)
    assert len(site.connections_seen) == 2


def test_a_new_connection_closed_without_an_answer_is_an_outage(serve):
    site = serve(lambda sock, _number: sock.recv(65536))
    answer = get(site)
    assert (answer.status, answer.error, answer.retry) == (0, "connection_closed", 0)
    assert len(site.connections_seen) == 1  # nothing was sent again in secret


def test_what_must_not_be_sent_twice_gets_a_new_connection(serve):
    site = serve(answering(OK))
    assert get(site).status == 200
    assert get(site, replayable=False).status == 200
    assert len(site.connections_seen) == 2


def test_a_body_cut_short_is_an_outage(serve):
    def handle(sock, _number):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok")

    answer = get(serve(handle))
    assert (answer.status, answer.error) == (0, "connection_closed")


def test_an_answer_that_drips_in_for_too_long_times_out(serve):
    """The bound is on the whole request, not on each read."""

    def handle(sock, _number):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            sock.sendall(b"x")
            gevent.sleep(0.02)

    answer = get(serve(handle, timeout_s=0.1))
    assert answer.error == "read_timeout"
    assert answer.ended - answer.sent < 1.0


def test_something_that_is_no_http_is_a_transport_error(serve):
    assert get(serve(answering(b"SSH-2.0-OpenSSH\r\n"))).error == "transport_error"


def test_nobody_listens():
    server = StreamServer(("127.0.0.1", 0), lambda *_: None)
    server.start()
    port = server.server_port
    server.stop()
    pool = WirePool(concurrency=2, timeout_s=1.0)
    assert get(Site(pool, f"http://127.0.0.1:{port}")).error == "connect_refused"
    assert get(Site(pool, f"http://127.0.0.1:{port}")).error == "connect_refused"  # places are given back
    assert get(Site(pool, f"http://127.0.0.1:{port}")).error == "connect_refused"
