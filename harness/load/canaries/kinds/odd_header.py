"""An API asked with a header that must change nothing: is it guarded all the same?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idchaos.load.canaries.base import TokenKind, original_url, overridden
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.kinds.tampered import other_claims
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_handshake, at_odd_request, at_service
from idchaos.load.engine.recorder import About
from idchaos.load.idp.tokens import bearer_line

WEBSOCKET: Final = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: aWRjaGFvcyBkb2VzIGFzaw==\r\n"
)
"""RFC 6455 section 4.1."""
FROM_WITHIN: Final = (
    b"X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\nTrue-Client-IP: 127.0.0.1\r\n"
    b"X-Client-IP: 127.0.0.1\r\nX-Envoy-Internal: true\r\nX-Middleware-Subrequest: "
    + b":".join([b"middleware"] * 5)
    + b"\r\nX-SSL-Client-Verify: SUCCESS\r\nSSL-Client-Verify: SUCCESS\r\nX-Client-Verify: SUCCESS\r\n"
    b'X-Forwarded-Client-Cert: Hash=00;Subject="CN=idchaos"\r\nX-Internal: true\r\nX-Debug: true\r\n'
)
"""Whoever says this has come from this machine, or has been checked before, say by a certificate."""
PART: Final = (
    b'Range: bytes=0-0\r\nIf-None-Match: "idchaos"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n'
    b"Accept-Encoding: identity;q=0, gzip;q=0.001, *;q=0.5\r\nAccept-Language: x-idchaos, *;q=0.1\r\n"
    b"Connection: TE\r\nTE: trailers, deflate;q=0.5\r\nAccept: text/event-stream\r\nLast-Event-ID: 0\r\n"
    b"Cache-Control: no-cache\r\nX-Requested-With: XMLHttpRequest\r\n"
)
"""For a part, under conditions of which none is met, in odd encodings and languages, as a script asks for a stream of
events: all of it is looked at after everything else (RFC 9110 section 13.2.1).
"""
PAGE: Final = (
    b"Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Site: same-origin\r\nSec-Purpose: prefetch\r\n"
)
"""As a browser asks for a page of its own site. What answers may be a page to log in at."""
MANY: Final = b"".join(b"X-Idchaos-%d: 0\r\n" % number for number in range(70))
"""As many as servers take, and more than some of those who filter requests look through."""
PREFLIGHT: Final = (
    b"Origin: https://page.invalid\r\nAccess-Control-Request-Method: GET\r\n"
    b"Access-Control-Request-Headers: authorization\r\n"
)
"""As a browser asks what a page may send; but it asks for the thing itself (the Fetch standard's CORS)."""
_TAMPERED: Final = "websocket_tampered"
HEADED: Final = {
    "kubernetes_agent": Call(about=About(), lines=b"", decide=at_odd_request, form="kubernetes"),
    "google_agent": Call(about=About(), lines=b"", decide=at_odd_request, form="google"),
    "amazon_agent": Call(about=About(), lines=b"", decide=at_odd_request, form="amazon"),
    "from_within": Call(about=About(), lines=FROM_WITHIN, decide=at_odd_request),
    # What answers there may be a page for strangers; gRPC tells a refusal beside a status of 200.
    "stranger_host": Call(about=About(), lines=b"", decide=at_service, form="stranger_host"),
    "grpc": Call(about=About(), lines=b"Content-Type: application/grpc\r\nTE: trailers\r\n", decide=at_service),
    "method_override": Call(about=About(), lines=overridden("OPTIONS"), decide=at_odd_request),
    "original_url": Call(about=About(), lines=original_url("/health"), decide=at_odd_request),
    "part": Call(about=About(), lines=PART, decide=at_odd_request),
    "preflight": Call(about=About(), lines=PREFLIGHT, decide=at_service),
    "many_headers": Call(about=About(), lines=MANY, decide=at_odd_request),
    "page": Call(about=About(), lines=PAGE, decide=at_service),
    "websocket": Call(about=About(), lines=WEBSOCKET, decide=at_handshake),
}
"""Requests without a token, by what their headers say."""


class OddHeader(TokenKind):
    name = "odd_header"
    invariant = "odd_requests_guarded"
    twice = True
    everywhere = False
    made = (
        "An API asked by a client that calls itself a health checker of Kubernetes, of Google's or of Amazon's, that "
        "says it comes from this machine or was checked before (`X-Forwarded-For`, `X-Middleware-Subrequest`, "
        "`X-SSL-Client-Verify` and their like), under a host name that is nobody's, as gRPC, with another path in "
        "`X-Original-URL`, `X-Forwarded-Uri` and their like, another method in `X-HTTP-Method-Override` and its like, "
        "for a part (`Range`), under conditions (`If-None-Match`), in odd encodings and for a stream of events, with "
        "70 headers more, as a browser asks for a page, with the headers of a preflight (CORS), and for a WebSocket: "
        "without a token; for a WebSocket with a tampered one, too."
    )
    bad = (
        "From birth: nobody has said who asks. A WebSocket counts when it is opened, gRPC, another host, a page "
        "and a preflight when the service itself has answered."
    )
    why = "What anybody can write into a request goes past the check that all others meet."
    source = (
        "OWASP API5:2023, CVE-2018-14773, CVE-2025-29927, CVE-2026-34457, CVE-2026-40575, RFC 6455 section 10.5, "
        "RFC 9110 sections 7.2, 13.2.1 and 14.2"
    )
    makes = len(HEADED) + 1
    each_way = (*HEADED, _TAMPERED)
    reuse = "always"

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Once a load: a request without a token doesn't age."""
        if shelf.lasting(bench.now):
            return
        for way, call in HEADED.items():
            shelf.put(replace(call, about=About(way=way)))
        if bench.good is not None:
            lines = bearer_line(other_claims(bench.good.lasting())) + WEBSOCKET
            shelf.put(Call(about=About(way=_TAMPERED), lines=lines, decide=at_handshake))
