"""Whose certificates are trusted when something is asked by HTTPS."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

from idchaos.errors import TargetError


def trusting(ca_file: str | None) -> Any:
    """What httpx verifies certificates by: those of a file (PEM), or the usual ones.

    Raises:
        TargetError: the file holds none.
    """
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise TargetError(f"{ca_file}: no certificates can be read: {error.strerror or error}") from None


PROBE_PROTOCOL = "idchaos-probe"
"""Offered beside HTTP in what a probe says in clear (ALPN, RFC 7301): nobody chooses what he does not know."""


class _OfProbes(ssl.SSLContext):
    """Says of each connection that it is the harness's own, so that it is counted apart where no header can be read."""

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        super().set_alpn_protocols([*alpn_protocols, PROBE_PROTOCOL])


def of_probes(ca_file: str | None) -> ssl.SSLContext:
    """What a probe verifies certificates by: the same, and it can be told from others by whoever carries it.

    Raises:
        TargetError: the file holds none.
    """
    import certifi

    context = _OfProbes(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=ca_file or certifi.where())
    except OSError as error:
        raise TargetError(f"{ca_file}: no certificates can be read: {error.strerror or error}") from None
    return context


def is_distrust(error: Exception) -> bool:
    """Whether a request failed since nobody trusts the certificate of whom it was sent to."""
    return "certificate verify failed" in str(error).lower().replace("_", " ")
