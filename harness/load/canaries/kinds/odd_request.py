"""The same API asked for in a way that few clients would: is it guarded there as well?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idchaos.load.canaries.base import TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_odd_request, at_service
from idchaos.load.engine.recorder import About
from idchaos.reasons import FORGED_LINE, LINE_BREAK

CHUNKED: Final = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
EXPECT: Final = b"Content-Type: application/json\r\nExpect: 100-continue\r\n"
UPLOAD: Final = b"Content-Type: multipart/form-data; boundary=idchaos\r\n"
LONG: Final = b'--idchaos\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%s\r\n--idchaos--\r\n' % (
    b"x" * 48_000
)
"""Longer than what gateways look through before they pass it on: a file that is uploaded."""
LONG_QUERY: Final = f"?padding={'x' * 3_000}&next=/healthz"
"""Longer than what some rules are matched against, and shorter than what servers take."""
FORGED: Final = f"%0D%0A{FORGED_LINE}"
ODD: Final = {
    "http10": Call(about=About(), lines=b"", decide=at_odd_request, form="http10"),
    "absolute": Call(about=About(), lines=b"", decide=at_odd_request, form="absolute"),
    "deep": Call(about=About(), lines=b"", decide=at_odd_request, suffix="/2/3"),
    "encoded": Call(about=About(), lines=b"", decide=at_odd_request, suffix="/%2e%2e/1"),
    "backslash": Call(about=About(), lines=b"", decide=at_odd_request, suffix="\\..\\1"),
    "parameter": Call(about=About(), lines=b"", decide=at_odd_request, suffix="/..;/1"),
    "matrix": Call(about=About(), lines=b"", decide=at_odd_request, suffix="/1;v=1"),
    "encoded_slash": Call(about=About(), lines=b"", decide=at_odd_request, suffix="%2f"),
    "double_slash": Call(about=About(), lines=b"", decide=at_odd_request, suffix="//1"),
    "css": Call(about=About(), lines=b"", decide=at_odd_request, suffix="/1.css"),
    "js_in_query": Call(about=About(), lines=b"", decide=at_odd_request, suffix="?/1.js"),
    "health": Call(about=About(), lines=b"", decide=at_odd_request, suffix="/2/health"),
    "metrics": Call(about=About(), lines=b"", decide=at_odd_request, suffix="/2/metrics"),
    "health_in_query": Call(about=About(), lines=b"", decide=at_odd_request, suffix=LONG_QUERY),
    "options": Call(about=About(), lines=b"", decide=at_service, method="OPTIONS"),
    "chunked": Call(about=About(), lines=CHUNKED, decide=at_odd_request, method="POST", body=b"{}"),
    "expect": Call(about=About(), lines=EXPECT, decide=at_odd_request, method="POST", body=b"{}"),
    "long_body": Call(about=About(), lines=UPLOAD, decide=at_odd_request, method="POST", body=LONG),
    LINE_BREAK: Call(about=About(), lines=b"", decide=at_odd_request, suffix=f"/{FORGED}%20path?q={FORGED}%20query"),
    "propfind": Call(about=About(), lines=b"", decide=at_odd_request, method="PROPFIND"),
}
"""Requests without a token, by what is odd about them."""


class OddRequest(TokenKind):
    name = "odd_request"
    invariant = "odd_requests_guarded"
    twice = True
    everywhere = False
    made = (
        "An API asked by HTTP/1.0, by a whole URL, at a deeper path, at one with encoded dots or slashes, backslashes, "
        "`..;`, a parameter (`;v=1`), two slashes, or an end like that of a style sheet, a script, or a health check, "
        "also in the query, which then is 3,000 characters long, with line breaks in path and query (whoever logs them "
        "so breaks `log_lines_not_forged`), by OPTIONS and PROPFIND, with a body in chunks, with a file to upload, and "
        "with one that waits to be asked for (`Expect`): without a token."
    )
    bad = "From birth: nobody has said who asks. OPTIONS counts when the service itself has answered."
    why = "One spelling of a request goes past the check that all others meet."
    source = (
        "RFC 9110 section 9, RFC 9112 section 3.2, CAPEC-126, OWASP API5:2023, CVE-2020-5902, CVE-2021-29492, "
        "CVE-2025-54576, CWE-117"
    )
    makes = len(ODD)
    each_way = tuple(ODD)
    reuse = "always"

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Once a load: a request without a token doesn't age."""
        if not shelf.lasting(bench.now):
            for odd, call in ODD.items():
                shelf.put(replace(call, about=About(way=odd)))
