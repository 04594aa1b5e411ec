"""Which hosts are this machine's own, and to which others anything may be sent."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from idchaos.errors import UsageError

_PLAIN = re.compile(r"[\x21-\x7e]+")
_AUTHORITY = re.compile(r"[^/?#]*//([^/?#]*)")


def is_loopback(host: str) -> bool:
    """Whether a host name or address never leaves this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def authority_of(url: str) -> str:
    """What stands between ``//`` and the path: user, host and port (RFC 3986 section 3.2), whatever becomes of it."""
    found = _AUTHORITY.match(url)
    return found.group(1) if found else ""


def host_of(url: str) -> str:
    """The host that a URL names.

    Raises:
        UsageError: not HTTP, or no URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"{url!r}: not a URL") from None
    if port == 0:
        raise UsageError(f"{url!r}: nobody listens at port 0")
    if parts.scheme not in ("http", "https") or not host or not _PLAIN.fullmatch(url):
        raise UsageError(f"{url!r}: not an http or https URL")
    return host


def check_host(url: str, allow_hosts: tuple[str, ...]) -> str:
    """The URL again, if something may be sent to its host.

    Raises:
        UsageError: not HTTP, or the host is neither loopback nor allowed.
    """
    host = host_of(url)
    if not is_loopback(host) and host not in allow_hosts:
        raise UsageError(f"{host}: load is only sent to loopback; name other hosts in allow_hosts")
    return url
