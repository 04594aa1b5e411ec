"""A probe over a link that TLS passes through: it verifies who answers, by the right name, and says what it met."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from idchaos.record.observed import LinkObserved, Passage
from idchaos.targets.base import ProbeResult
from idchaos.targets.gateways.witness import KeysAt, Witness
from idchaos.targets.standin.certificates import Certificates, certificates
from idchaos.topologies import TOPOLOGIES
from tests.harness.targets.systems.tls_idp import KEYS, Idp, served

GRAPH = TOPOLOGIES["edge"].graph
ACCEPTS_S = 5.0


class Looking:
    """The recorder: some gateway has asked for a server by that name, or by none."""

    def __init__(self, name: str) -> None:
        self._seen = Passage(number=1, at=1.0, server_name=name)

    def observed(self) -> Mapping[str, LinkObserved]:
        return {"gateway-1-to-idp": LinkObserved(tls=1, passages=(self._seen,))}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"), "127.0.0.1")


def probed(address: str, ca: Path | None, *, authority: str = "localhost:1", asked_for: str = "") -> ProbeResult:
    control: Any = Looking(asked_for)
    processes: Any = None
    keys = KeysAt("/jwks", authority, None if ca is None else str(ca))
    return Witness(control, GRAPH, processes, lambda _: address, lambda: keys, tls=True).probe("gateway-1", "idp", 0.5)


@contextmanager
def taking(act: Callable[[socket.socket], object]) -> Iterator[str]:
    """Who does that with a connection, once something was said on it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(ACCEPTS_S)

        def take() -> None:
            taken, _ = server.accept()
            taken.settimeout(ACCEPTS_S)
            with taken:
                taken.recv(1 << 16)
                act(taken)

        thread = threading.Thread(target=take)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def reset(taken: socket.socket) -> None:
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


ENDS: dict[str, Callable[[socket.socket], object]] = {
    "connection_reset": reset,
    "connection_closed": lambda _: None,
    "timeout": lambda taken: taken.recv(1 << 16),
    "tls_failed": lambda taken: taken.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("met", ENDS)
def test_what_a_handshake_meets_is_told_as_it_is_of_a_request_in_clear(met: str, made: Certificates) -> None:
    with taking(ENDS[met]) as address:
        found = probed(address, made.authority)
    assert (found.ok, found.error) == (False, met)
    assert (found.elapsed_s >= 0.45) == (met == "timeout")


def test_nobody_who_listens_is_a_refusal(made: Certificates) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        found = probed(f"127.0.0.1:{nobody.getsockname()[1]}", made.authority)
    assert found.error == "connect_refused"


@pytest.mark.parametrize(
    ("authority", "asked_for", "error"),
    [
        ("localhost:1", "", None),
        ("127.0.0.1:1", "", None),
        ("elsewhere.example", "localhost", None),
        ("elsewhere.example", "", "untrusted_certificate"),
        ("localhost:1", "elsewhere.example", "untrusted_certificate"),
    ],
)
def test_the_certificate_must_be_that_of_whom_gateways_ask_for(
    authority: str, asked_for: str, error: str | None, made: Certificates
) -> None:
    with served(Idp, made) as address:
        found = probed(address, made.authority, authority=authority, asked_for=asked_for)
    assert (found.error, found.kids) == (error, None if error else (KEYS["keys"][0]["kid"],))


def test_an_authority_that_nobody_named_is_not_trusted(made: Certificates) -> None:
    with served(Idp, made) as address:
        assert probed(address, None).error == "untrusted_certificate"
