"""Redirect URIs that resemble a registered one and are surely not it. Pure: the corpus of ``redirect_tampered``.

A redirect URI is compared as a string (RFC 9700 section 2.1, OpenID Connect Core section 3.1.2.1); only the port of a
native app's loopback address is free (RFC 8252 section 7.3).
"""

from __future__ import annotations

from itertools import count
from urllib.parse import urlsplit

from idchaos.hosts import is_loopback

ELSEWHERE = "nobody.invalid"
"""A host that is nobody's (RFC 6761 section 6.4)."""
_ANY_PORT_FROM = 49_152
"""Where ports for the moment begin (RFC 6335 section 6)."""


def tampered(registered: str, *, native: bool) -> dict[str, str]:
    """Redirect URIs by what was done to ``registered``. ``native``: its client may be an app that takes any port.

    Raises:
        ValueError: ``registered`` has no host and path to tamper with.
    """
    parts = urlsplit(registered)
    scheme, authority, path = parts.scheme, parts.netloc, parts.path.removeprefix("/")
    host = parts.hostname or ""
    if not host or not path or parts.query or parts.fragment:
        raise ValueError(f"{registered!r}: a redirect URI to tamper with has a host and a path, and no query")
    root = f"{scheme}://{authority}"
    made = {
        # Compared by its beginning, or by a pattern with a star (RFC 9700 section 4.1.1)
        "suffix": f"{registered}-attacker",
        "longer_path": f"{registered}/attacker",
        "trailing_slash": f"{registered}/",
        "path_parameter": f"{registered};attacker",
        "query": f"{registered}?next=https://{ELSEWHERE}",
        "fragment": f"{registered}#attacker",
        "encoded_fragment": f"{registered}%23attacker",
        "encoded_query": f"{registered}%3Fnext=attacker",
        # Another page of the same host: code and state leak where it redirects, or by its Referer (section 4.1.2)
        "other_path": f"{root}/attacker",
        "path_traversal": f"{registered}/../attacker",
        "encoded_dots": f"{registered}/%2e%2e/attacker",
        "encoded_slashes": f"{registered}%2f..%2fattacker",
        "backslash_traversal": f"{registered}\\..\\attacker",
        # What normalising before comparing makes the same (RFC 3986 section 6.2)
        "dot_segment": f"{root}/./{path}",
        "up_and_back": f"{root}/attacker/../{path}",
        "double_slash": f"{root}//{path}",
        "encoded_letter": f"{root}/%{ord(path[0]):02x}{path[1:]}",
        "encoded_twice": f"{root}/%25{ord(path[0]):02x}{path[1:]}",
        "path_case": f"{root}/{path.swapcase()}",
        "scheme_case": f"{scheme.swapcase()}://{authority}/{path}",
        "trailing_space": f"{registered} ",
        "encoded_nul": f"{registered}%00.{ELSEWHERE}",
        "encoded_line_break": f"{registered}%0d%0aattacker",
        # What one parser takes for the host and another for something else (RFC 3986 section 3.2.1)
        "userinfo": f"{root}@{ELSEWHERE}/{path}",
        "userinfo_with_port": f"{scheme}://{host}:80@{ELSEWHERE}/{path}",
        "userinfo_before": f"{scheme}://{ELSEWHERE}@{authority}/{path}",
        "backslash_host": f"{scheme}://{ELSEWHERE}\\@{authority}/{path}",
        "fragment_host": f"{scheme}://{ELSEWHERE}#@{authority}/{path}",
        # Another host that ends or begins likewise
        "longer_host": f"{root}.{ELSEWHERE}/{path}",
        "subdomain": f"{scheme}://attacker.{authority}/{path}",
        "host_prefix": f"{scheme}://attacker-{authority}/{path}",
        "other_host": f"{scheme}://{ELSEWHERE}/{path}",
        # Another scheme
        "other_scheme": f"{'https' if scheme == 'http' else 'http'}://{authority}/{path}",
        "no_scheme": f"//{authority}/{path}",
        "script": f"javascript://{authority}/{path}",
    }
    if authority.swapcase() != authority:
        made["host_case"] = f"{scheme}://{authority.swapcase()}/{path}"
    if host == "127.0.0.1":
        # The name may lead elsewhere (RFC 8252 section 8.3), and an address has one spelling.
        made["loopback_name"] = f"{scheme}://localhost/{path}"
        made["other_loopback"] = f"{scheme}://127.0.0.2/{path}"
        made["short_address"] = f"{scheme}://127.1/{path}"
    if not (native and is_loopback(host)):
        made["other_port"] = f"{scheme}://{host}:{(parts.port or 0) + 4711}/{path}"
    return {name: uri for name, uri in made.items() if uri != registered}


ALWAYS = frozenset(tampered("http://127.0.0.1/callback", native=True)) & frozenset(
    tampered("https://app.example/callback", native=False)
)
"""The manipulations that can be made of any redirect URI."""


UNSAFE = {
    "plain_http": f"http://{ELSEWHERE}/callback",
    "fragment": f"https://{ELSEWHERE}/callback#x",
    "wildcard": f"https://*.{ELSEWHERE}/callback",
    "script": "javascript:alert(1)",
    "data": "data:text/html,x",
    "no_host": "https:///callback",
    "userinfo": f"https://app.example@{ELSEWHERE}/callback",
    "relative": "/callback",
}
"""Redirect URIs that nobody should be registered with (RFC 9700 sections 2.1 and 2.6, RFC 6749 section 3.1.2)."""


def at_port(registered: str, number: int) -> str:
    """The loopback redirect URI of a native app that was given the ``number``-th port for the moment."""
    parts = urlsplit(registered)
    port = next(port for port in count(_ANY_PORT_FROM + number % 16_000) if port != parts.port)
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()
