"""What a request came to, and who can send one. Not how: plans and canaries need no wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(slots=True)
class Response:
    """What came back, or why nothing did. Times are monotonic seconds."""

    status: int = 0
    """0: no HTTP response."""
    error: str = ""
    """``connect_refused``, ``connect_timeout``, ``read_timeout``, ``connection_reset``, ``connection_closed`` or
    ``transport_error``; empty when there is a response."""
    headers: Any = field(default_factory=dict)
    """Case-insensitive."""
    body: bytes = b""
    sent: float = 0.0
    ended: float = 0.0
    retry: int = 0

    def header(self, name: str) -> str:
        """A header's value, the first if there are several; empty if there is none."""
        value = self.headers.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else str(value[0])

    def header_lines(self, name: str) -> list[str]:
        """All lines of a header."""
        value = self.headers.get(name)
        if value is None:
            return []
        return [value] if isinstance(value, str) else [str(line) for line in value]


class Sends(Protocol):
    """Something that sends a request to one site."""

    base: str

    def head(self, method: str, target: str, headers: Mapping[str, str]) -> bytes: ...

    def send(self, head: bytes, body: bytes = b"", *, replayable: bool = True, late_s: float = 0.0) -> Response: ...


def cookies_in(answer: Response) -> bytes:
    """The header line by which a browser would send back what an answer set (RFC 6265 section 5.4), wherever it asks;
    empty where nothing was set.
    """
    pairs = (line.partition(";")[0].strip().partition("=") for line in answer.header_lines("Set-Cookie"))
    kept = {name: value for name, _, value in pairs if name and value}
    told = "; ".join(f"{name}={value}" for name, value in kept.items())
    return f"Cookie: {told}\r\n".encode("latin-1", "replace") if kept else b""
