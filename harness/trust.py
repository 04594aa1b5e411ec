"""Whose certificates are trusted when something is asked by HTTPS."""

from __future__ import annotations

import ssl
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


def is_distrust(error: Exception) -> bool:
    """Whether a request failed since nobody trusts the certificate of whom it was sent to."""
    return "certificate verify failed" in str(error).lower().replace("_", " ")
