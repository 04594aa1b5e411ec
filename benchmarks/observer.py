"""What an observer on a link costs: round trips with and without it, in turns, over kept connections and new ones.

``python -m benchmarks.observer [--json]``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.toxiproxy import PATIENCE_S, _Client, _upstream

REPEATS = 15
KEPT, NEW = 300, 60
"""Round trips a repeat: over one kept connection, and each over a connection of its own."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _observer(upstream: int) -> Iterator[int]:
    port = _free_port()
    link = {"name": "link", "listen": {"port": port}, "upstream": {"port": upstream}}
    settings = json.dumps({"name": "observer", "links": [link]})
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "idchaos.fixtures.observer"],
        env=os.environ | {"IDCHAOS_SETTINGS": settings, "IDCHAOS_CONTROL_SECRET": secrets.token_urlsafe()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _kept(port: int) -> list[float]:
    client = _Client(port)
    client.settimeout(PATIENCE_S)
    try:
        return [client.round_trip() for _ in range(KEPT)]
    finally:
        client.close()


def _new(port: int) -> list[float]:
    took = []
    for _ in range(NEW):
        client = _Client(port)
        took.append(client.round_trip())
        client.close()
    return took


def measure() -> dict[str, dict[str, float]]:
    """Added times in ms (medians over repeats of each repeat's own difference) with their spread, by kind."""
    figures: dict[str, dict[str, float]] = {}
    with _upstream() as upstream, _observer(upstream) as port:
        for name, trips in (("kept", _kept), ("new", _new)):
            added, tail, ratio = [], [], []
            for _ in range(REPEATS):
                direct, through = sorted(trips(upstream)), sorted(trips(port))
                added.append((statistics.median(through) - statistics.median(direct)) * 1e3)
                tail.append((through[-len(through) // 100 - 1] - direct[-len(direct) // 100 - 1]) * 1e3)
                ratio.append(sum(direct) / sum(through))
            figures[name] = {
                "added_median_ms": round(statistics.median(added), 4),
                "added_min_ms": round(min(added), 4),
                "added_max_ms": round(max(added), 4),
                "added_p99_ms": round(statistics.median(tail), 4),
                "throughput_ratio": round(statistics.median(ratio), 3),
            }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    figures = measure()
    if parser.parse_args().json:
        print(json.dumps(figures))
        return
    for kind, values in figures.items():
        print(f"{kind} connections: " + ", ".join(f"{name} {value}" for name, value in values.items()))


if __name__ == "__main__":
    main()
