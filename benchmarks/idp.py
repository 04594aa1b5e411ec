"""How many client-credentials tokens (RS256, JWT) one IdP process issues a second, against what OpenSSL signs.

``openssl speed rsa2048`` (one core) and the token load alternate within one run, since other work on the machine
moves both; the figure is the median of the rounds' own ratios, with the least and the greatest. The load comes from
a child process over a few keep-alive connections, and shares the machine with the IdP.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, cast

ROUNDS = 9
SPEED_S = 2
LOAD_S = 3.0
GRACE_S = 10.0
CONNECTIONS = 32
CLIENT, SECRET = "machine", "bench-secret"
ROOT = Path(__file__).resolve().parent.parent
TARGET = 0.8


class TokenClient(asyncio.Protocol):
    """Asks for the next token as soon as the last one is there."""

    def __init__(self, request: bytes, deadline: float) -> None:
        self._request = request
        self._deadline = deadline
        self._buffer = b""
        self.tokens = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first one."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count a whole response."""
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]):
            return
        self._buffer = b""
        if not head.startswith(b"HTTP/1.1 200") or b'"access_token"' not in body:
            self._finish(RuntimeError(f"no token: {head[:60]!r}"))
            return
        self.tokens += 1
        if time.monotonic() < self._deadline:
            self._transport.write(self._request)
        else:
            self._finish(None)

    def connection_lost(self, error: Exception | None) -> None:
        """An early end is an error."""
        self._finish(error or ConnectionError("closed"))

    def _finish(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)
            self._transport.close()


def token_request(host: str) -> bytes:
    """The HTTP request for one token."""
    basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    body = "grant_type=client_credentials&scope=orders%3Aread"
    return (
        f"POST /token HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {basic}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def load(port: int, seconds: float) -> float:
    """Tokens per second."""
    loop = asyncio.get_running_loop()
    start = time.monotonic()
    request = token_request(f"127.0.0.1:{port}")
    pairs = [
        await loop.create_connection(lambda: TokenClient(request, start + seconds), "127.0.0.1", port)
        for _ in range(CONNECTIONS)
    ]
    async with asyncio.timeout(seconds + GRACE_S):
        await asyncio.gather(*(client.done for _, client in pairs))
    return sum(client.tokens for _, client in pairs) / (time.monotonic() - start)


def openssl_signs() -> float:
    """RSA-2048 signatures per second of one core."""
    done = subprocess.run(
        ["openssl", "speed", "-seconds", str(SPEED_S), "rsa2048"], capture_output=True, text=True, check=True
    )
    found = re.search(r"^rsa\s+2048 bits\s+\S+s\s+\S+s\s+([\d.]+)", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError("openssl speed printed no figure for rsa2048")
    return float(found[1])


def start_idp() -> tuple[subprocess.Popen[str], int]:
    """The IdP process and its data port."""
    settings = {
        "issuer": "http://idp.test",
        "clients": [
            {
                "client_id": CLIENT,
                "client_secret": SECRET,
                "grants": ["client_credentials"],
                "scope": "orders:read",
                "audience": ["orders"],
            }
        ],
    }
    environment = os.environ | {"IDCHAOS_SETTINGS": json.dumps(settings), "IDCHAOS_CONTROL_SECRET": "bench"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "idchaos.fixtures.idp"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, int(json.loads(process.stdout.readline())["port"])


def run_load(port: int, seconds: float) -> float:
    """The load, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.idp", "--load", str(port), "--seconds", str(seconds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT).stdout)


def measure() -> dict[str, Any]:
    """``{ratio, least, greatest, target, met, machine_load, rounds: [{openssl_sign_per_s, tokens_per_s, ratio}]}``"""
    process, port = start_idp()
    try:
        run_load(port, 1.0)
        rounds = []
        for _ in range(ROUNDS):
            signs, tokens = openssl_signs(), run_load(port, LOAD_S)
            rounds.append({"openssl_sign_per_s": signs, "tokens_per_s": tokens, "ratio": tokens / signs})
    finally:
        process.terminate()
        process.communicate()
    ratios = [one["ratio"] for one in rounds]
    return {
        "ratio": median(ratios),
        "least": min(ratios),
        "greatest": max(ratios),
        "target": TARGET,
        "met": median(ratios) >= TARGET,
        "machine_load": os.getloadavg()[0],
        "rounds": rounds,
    }


def main() -> int:
    """Print the figures, as text or as JSON; 1 when the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--load", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=LOAD_S, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load is not None:
        import uvloop

        print(uvloop.run(load(options.load, options.seconds)))
        return 0
    figures = measure()
    if options.json:
        print(json.dumps(figures))
        return int(not figures["met"])
    for one in figures["rounds"]:
        print(f"  openssl {one['openssl_sign_per_s']:8.0f} sign/s   IdP {one['tokens_per_s']:8.0f} tokens/s", end="   ")
        print(f"ratio {one['ratio']:.2f}")
    print(f"IdP over OpenSSL: {figures['ratio']:.2f} ({figures['least']:.2f} to {figures['greatest']:.2f}),", end=" ")
    print(f"wanted: at least {TARGET}; load of the machine {figures['machine_load']:.1f}")
    return int(not figures["met"])


if __name__ == "__main__":
    sys.exit(main())
