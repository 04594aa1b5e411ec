"""How fast and how punctual the open loop is, against Locust's own closed loop on the same endpoint.

::

    python -m benchmarks.load [--json]

Three processes: a cheap HTTP server, and in turn a closed loop of bare ``FastHttpUser`` and the load generator (its
real child process, recording included). Rates are compared within one run; absolute figures depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 2.0
WARMUP_S = 1.0
USERS = 10
LATE_BOUND_S = 0.002
PUNCTUAL_RATE = 1_000.0
PUNCTUAL_BOUND_S = 0.0015
RATIO_BOUND = 0.6
ROUNDS = 7
SHARES = (0.85, 0.75, 0.65, 0.6, 0.55, 0.45, 0.35, 0.25)
"""Of the closed loop's rate, tried in the open loop until one is held."""

BODY = b'{"service":"orders","subject":"alice","client":"web"}'


# --- the server ---------------------------------------------------------------------------------------------------


class Cheap(asyncio.Protocol):
    """Answers each request head at once; knows just enough of an IdP to hand out one opaque token."""

    base = ""
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """One whole request at a time is all that clients here send."""
        body = BODY
        if data.startswith(b"GET /.well-known/"):
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            body = json.dumps({"issuer": self.base} | dict.fromkeys(names, f"{self.base}/token")).encode()
        elif data.startswith(b"POST /token"):
            body = b'{"access_token":"opaque-token","token_type":"Bearer","expires_in":3600}'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nIdchaos-Replica: gateway-1\r\n"
        self.transport.write(b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))


async def serve() -> None:
    """Listen on a free port of loopback, print it, and serve until the parent closes standard input."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Cheap, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    Cheap.base = f"http://127.0.0.1:{port}"
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


# --- the closed loop ----------------------------------------------------------------------------------------------


def closed_loop(url: str) -> None:
    """Requests per second of bare ``FastHttpUser`` without waiting time; printed."""
    import gevent
    from locust import FastHttpUser, constant, task
    from locust.env import Environment

    class Bare(FastHttpUser):
        host = url
        wait_time = constant(0)

        @task
        def get(self) -> None:
            self.client.get("/orders", headers={"Authorization": "Bearer opaque-token"})

    environment = Environment(user_classes=[Bare])
    runner = environment.create_local_runner()
    runner.start(USERS, spawn_rate=1_000)
    gevent.sleep(WARMUP_S)
    before, began = environment.stats.total.num_requests, time.monotonic()
    gevent.sleep(SECONDS)
    print((environment.stats.total.num_requests - before) / (time.monotonic() - began), flush=True)
    runner.quit()


# --- the open loop ------------------------------------------------------------------------------------------------


def open_loop(url: str, rate: float) -> dict[str, float]:
    """One load at ``rate``: what was reached, and how late, after the warm-up."""
    client = {"client_id": "m", "client_secret": "s", "grants": ["client_credentials"], "scope": "read"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.jsonl"
        job = {
            "plan": {"streams": [{"flow": "opaque", "rate": rate, "ramp_s": WARMUP_S / 2}]},
            "endpoints": {
                "issuer": url,
                "idp_url": url,
                "gateways": [{"name": "gateway-1", "url": url}],
                "routes": [{"path": "/orders", "service": "orders", "audience": "orders", "scope": "read"}],
                "clients": [client | {"token_format": "opaque"}],
                "users": [],
            },
            "seed": 1,
            "duration_s": WARMUP_S + SECONDS,
            "samples_path": str(path),
        }
        begins = run_job(job)
        return lateness(path, begins + WARMUP_S)


def run_job(job: dict[str, Any]) -> float:
    """Drive the child process through one job; the load's first moment."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "idchaos.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin and child.stdout
        child.stdin.write(json.dumps(job) + "\n")
        child.stdin.flush()
        ready = json.loads(child.stdout.readline())
        if ready["event"] != "ready":
            raise SystemExit(f"the load generator failed: {ready}")
        begins = time.time() + 0.1
        child.stdin.write(json.dumps({"start": begins}) + "\n")
        child.stdin.flush()
        last = {}
        for line in child.stdout:
            last = json.loads(line)
        if last.get("event") != "done":
            raise SystemExit(f"the load generator failed: {last}")
    return begins


def lateness(path: Path, since: float) -> dict[str, float]:
    """Rate and lateness of what was due from ``since`` on."""
    from idchaos.record.samples import COLUMNS, read_stream

    due, sent, outcome = (COLUMNS.index(name) for name in ("due_at", "sent_at", "outcome"))
    rows = [row for row in read_stream(path) if row[due] >= since]
    late = sorted(row[sent] - row[due] for row in rows if row[sent] == row[sent])
    ok = sum(row[outcome] == "ok" for row in rows)
    return {
        "rate": len(late) / SECONDS,
        "late_p50_s": late[len(late) // 2],
        "late_p99_s": late[int(len(late) * 0.99)],
        "ok_share": ok / max(len(rows), 1),
    }


# --- the measurement ----------------------------------------------------------------------------------------------


@contextmanager
def server() -> Iterator[str]:
    """The cheap server's URL."""
    command = [sys.executable, "-m", "benchmarks.load", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


def measure() -> dict[str, Any]:
    """Alternate closed and open loop on one server: each round's own ratio, and its lateness at a steady rate; of these
    the median, the least, the greatest, and whether the medians meet their bounds.
    """
    ratios, punctual, rates = [], [], []
    with server() as url:
        for _ in range(ROUNDS):
            bare = _closed(url)
            punctual.append(open_loop(url, PUNCTUAL_RATE)["late_p99_s"])
            held = _highest_held(url, bare)
            rates.append((round(held), round(bare)))
            ratios.append(held / bare)
    ratio, late = statistics.median(ratios), statistics.median(punctual)
    return {
        "open_and_closed_loop_per_s": rates,
        "ratio": round(ratio, 3),
        "ratio_least_and_greatest": (round(min(ratios), 3), round(max(ratios), 3)),
        "ratio_bound": RATIO_BOUND,
        "late_p99_s_at_1000_per_s": round(late, 6),
        "late_p99_s_least_and_greatest": (round(min(punctual), 6), round(max(punctual), 6)),
        "late_bound_s": PUNCTUAL_BOUND_S,
        "machine_load": os.getloadavg()[0],
        "met": ratio >= RATIO_BOUND and late < PUNCTUAL_BOUND_S,
    }


def _highest_held(url: str, bare: float) -> float:
    """Requests per second of the open loop at the first share that it keeps up with, punctually; 0.0: at none."""
    for share in SHARES:
        got = open_loop(url, bare * share)
        if got["ok_share"] == 1.0 and got["late_p99_s"] < LATE_BOUND_S:
            return got["rate"]
    return 0.0


def _closed(url: str) -> float:
    command = [sys.executable, "-m", "benchmarks.load", "--closed", url]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> int:
    """Print the figures; 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--closed", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        import uvloop

        uvloop.run(serve())
        return 0
    if arguments.closed:
        closed_loop(arguments.closed)
        return 0
    figures = measure()
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")
    return 0 if figures["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
