"""A client that says in headers who it is."""

from __future__ import annotations

from typing import Final

from idchaos.load.canaries.base import SESSION, TokenKind, new_name
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.engine.recorder import About

_NO_SECRET: Final = b"Idchaos-Gateway:\r\n"
"""Who compares only as much of the gateway's secret as is shown finds this to be right."""
_HEADERS: Final = (
    "Idchaos-Subject",
    "Idchaos-Client",
    "Idchaos_Subject",
    "X-Forwarded-User",
    "X-Auth-Request-User",
    "X-User-Id",
)


class IdentityHeaders(TokenKind):
    """Another caller's name in headers: beside a good token, and, which works without an IdP, beside none."""

    name = "identity_headers"
    invariant = "identity_headers_stripped"
    made = (
        "Headers that gateways tell services the caller by, sent by the client: beside a good token, and beside none, "
        "there also with an empty secret of the gateway's."
    )
    bad = "From birth: a service that sees that name took it from the client."
    why = "Anyone can be anyone, with a token or without."
    source = "CVE-2025-64484, OWASP API2:2023"
    makes = 3
    bears_good = True

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        token = bench.round_token
        if token is None:
            return
        for _ in range(bench.depth):
            forged = new_name()
            shown = About(session=SESSION, way="with_token", jti=token.about.jti, format=token.about.format)
            lines = token.bearer + identity_lines(forged)
            shelf.put(Call(about=shown, lines=lines, forged=forged, bad_until=bench.until(token)))
            for way, secret in (("without_token", b""), ("empty_secret", _NO_SECRET)):
                shown = About(session=SESSION, way=way)
                shelf.put(Call(about=shown, lines=identity_lines(forged) + secret, forged=forged, with_token=False))


def identity_lines(name: str) -> bytes:
    """Header lines by which a client calls itself ``name``: in the stand-ins' spelling, in one that some servers hold
    for the same, and in those of common proxies.
    """
    return b"".join(f"{header}: {name}\r\n".encode("latin-1") for header in _HEADERS)
