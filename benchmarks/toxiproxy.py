"""What the embedded Toxiproxy costs without toxics, and how soon a fault is in effect.

``python -m benchmarks.toxiproxy [--json]``. Round trips of small HTTP requests over kept-alive connections are
measured directly, through the embedded server and, when there is one, through a real ``toxiproxy-server`` (on the
PATH, or named by ``IDCHAOS_TOXIPROXY_SERVER``), in turns within one run, so that the machine's mood falls on all of
them alike.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REAL_VARIABLE = "IDCHAOS_TOXIPROXY_SERVER"
ROUNDS = 40
REQUESTS_A_ROUND = 100
FAULTS = 50
POLL_S = 0.001
PATIENCE_S = 2.0
UPSTREAM = """
import asyncio, sys
import uvloop
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"
class Http(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(ANSWER * data.count(b"\\r\\n\\r\\n"))
async def main():
    server = await asyncio.get_running_loop().create_server(Http, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""


@contextlib.contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextlib.contextmanager
def _upstream() -> Iterator[int]:
    """A small HTTP server in a process of its own; its port."""
    with _process([sys.executable, "-c", UPSTREAM]) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextlib.contextmanager
def _embedded() -> Iterator[int]:
    with _process([sys.executable, "-P", "-m", "idchaos.fixtures.toxiproxy", "--port", "0"]) as process:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])


@contextlib.contextmanager
def _real(binary: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = os.environ | {"LOG_LEVEL": "fatal"}
    process = subprocess.Popen(
        [binary, "-host", "127.0.0.1", "-port", str(port)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


class _Api:
    """The API over one kept-alive connection, so that a call costs little."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        self._connection.request(method, path, None if body is None else json.dumps(body))
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise RuntimeError(data.decode())
        return json.loads(data) if data else None

    def proxy(self, upstream: int) -> int:
        """A proxy named ``bench`` in front of a local port; the port that it listens on."""
        body = {"name": "bench", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{upstream}"}
        return int(self.call("POST", "/proxies", body)["listen"].rsplit(":", 1)[1])

    def close(self) -> None:
        self._connection.close()


class _Client:
    """A client with one kept-alive connection: as lean as can be, so that the proxy is what is measured."""

    REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def round_trip(self) -> float:
        start = time.perf_counter()
        self._socket.sendall(self.REQUEST)
        if not self._socket.recv(4096).endswith(b"ok"):
            raise ConnectionError("closed")
        return time.perf_counter() - start

    def settimeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    def close(self) -> None:
        self._socket.close()


def _round_trips(ports: dict[str, int]) -> dict[str, float]:
    """The median round trip in ms through each port, taken in turns."""
    clients = {name: _Client(port) for name, port in ports.items()}
    times: dict[str, list[float]] = {name: [] for name in clients}
    try:
        for _ in range(ROUNDS):
            for name, client in clients.items():
                client.round_trip()
                times[name] += [client.round_trip() for _ in range(REQUESTS_A_ROUND)]
    finally:
        for client in clients.values():
            client.close()
    return {name: statistics.median(taken) * 1e3 for name, taken in times.items()}


def _toxic_effects(api: _Api, port: int) -> list[float]:
    """For each of many black holes: how long after the API's answer the last round trip got through, in ms.

    Requests go round without a pause on a live connection while the toxic is added.
    """
    late: list[float] = []
    for _ in range(FAULTS):
        client = _Client(port)
        last = 0.0
        client.settimeout(0.1)
        started = threading.Event()

        def load(client: _Client = client, started: threading.Event = started) -> None:
            nonlocal last
            with contextlib.suppress(OSError):
                while True:
                    client.round_trip()
                    last = time.perf_counter()
                    started.set()

        thread = threading.Thread(target=load)
        thread.start()
        started.wait(PATIENCE_S)
        api.call("POST", "/proxies/bench/toxics", {"type": "timeout", "name": "hole"})
        answered = time.perf_counter()
        thread.join()
        late.append(max(0.0, last - answered) * 1e3)
        client.close()
        api.call("DELETE", "/proxies/bench/toxics/hole")
    return late


def _disable_effects(api: _Api, port: int) -> list[float]:
    """For each of many disables: how long after the API's answer until the live connection has ended and a new one
    is refused, in ms."""
    late: list[float] = []
    for _ in range(FAULTS):
        client = _Client(port)
        client.round_trip()
        api.call("PATCH", "/proxies/bench", {"enabled": False})
        answered = time.perf_counter()
        with contextlib.suppress(ConnectionError):
            while True:
                client.round_trip()
        end = time.perf_counter() + PATIENCE_S
        with contextlib.suppress(ConnectionRefusedError):
            while time.perf_counter() < end:
                _Client(port).close()
                time.sleep(POLL_S)
        late.append((time.perf_counter() - answered) * 1e3)
        client.close()
        api.call("PATCH", "/proxies/bench", {"enabled": True})
    return late


def measure() -> dict[str, Any]:
    """All figures: times in ms, and their ratios within this run."""
    binary = os.environ.get(REAL_VARIABLE) or shutil.which("toxiproxy-server")
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(_upstream())
        apis = {"embedded": _Api(stack.enter_context(_embedded()))}
        if binary is not None:
            apis["real"] = _Api(stack.enter_context(_real(binary)))
        for api in apis.values():
            stack.callback(api.close)
        ports = {name: api.proxy(upstream) for name, api in apis.items()}
        medians = _round_trips({"direct": upstream} | ports)
        figures: dict[str, Any] = {"direct_median_ms": round(medians["direct"], 4)}
        for name, api in apis.items():
            figures[name] = {
                "median_ms": round(medians[name], 4),
                "added_median_ms": round(medians[name] - medians["direct"], 4),
                "ratio_to_direct": round(medians[name] / medians["direct"], 2),
                "toxic_in_effect_max_ms": round(max(_toxic_effects(api, ports[name])), 3),
                "disable_in_effect_max_ms": round(max(_disable_effects(api, ports[name])), 3),
            }
    if "real" in figures:
        figures["embedded_to_real_ratio"] = round(medians["embedded"] / medians["real"], 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    given = parser.parse_args()
    figures = measure()
    if given.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for inner, number in value.items():
                print(f"  {inner:28} {number:>10}")
        else:
            print(f"{name:30} {value:>10}")


if __name__ == "__main__":
    main()
