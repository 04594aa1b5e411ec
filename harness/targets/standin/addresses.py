"""An address of a run's own, and free ports on it.

All of 127.0.0.0/8 is this machine's (RFC 1122 section 3.2.1.3), and Linux listens on any of it. Two runs at a time
then share no address: while a fault has a proxy off, no other run can be given its port.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import socket
from collections.abc import Iterator

from idchaos.errors import TargetError

SHARED = "127.0.0.1"
# Below the range that Linux and macOS hand out for outgoing connections: a port that a killed component must get back
# can't be taken by one of the thousands of connections that the load makes meanwhile.
PORTS = range(20_000, 30_000)


def own_address(run_id: str) -> str:
    """The run's address in 127.0.0.0/8, always the same for a run; ``127.0.0.1`` where a system has no other."""
    digest = hashlib.sha256(run_id.encode()).digest()
    # Never 127.0.x.y, where others live, and neither .0 nor .255 at the end.
    address = f"127.{1 + digest[0] % 254}.{digest[1]}.{1 + digest[2] % 254}"
    return address if can_listen(address, 0) else SHARED


def can_listen(host: str, port: int) -> bool:
    """Whether a listener could have that address now; port 0: any."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(count: int, host: str = SHARED) -> list[int]:
    """Distinct TCP ports that nothing listens on.

    Raises:
        TargetError: when there are not that many.
    """
    found: list[int] = []
    for port in _each_once():
        if can_listen(host, port):
            found.append(port)
        if len(found) == count:
            return found
    raise TargetError(f"only {len(found)} of {count} ports are free on {host} between {PORTS.start} and {PORTS.stop}")


def _each_once() -> Iterator[int]:
    """All ports, beginning anywhere, by a step that meets each of them once: one that has no factor in common with how
    many there are. Two that look at the same time seldom meet, and nobody who needs twenty shuffles ten thousand.
    """
    size = len(PORTS)
    start, step = secrets.randbelow(size), 0
    while math.gcd(step, size) != 1:
        step = secrets.randbelow(size)
    return (PORTS[(start + count * step) % size] for count in range(size))


def was_taken(error: Exception) -> bool:
    """Whether somebody did not start since another has taken its port in the meantime."""
    return "address already in use" in str(error).lower()
