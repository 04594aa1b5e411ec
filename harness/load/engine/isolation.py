"""Whose answer is it? Each request carries an echo that nobody can guess; a good answer says it back, and whom the
service saw. Pure.

An answer with another echo is another request's, one with another subject another caller's, whatever else is right
about it: a cache, a pool or a buffer mixed people up.
"""

from __future__ import annotations

import json
from typing import Literal

ECHO = "Idchaos-Echo"
"""The header that carries it."""

Whose = Literal["own", "foreign", "untold"]
"""``untold``: the service says no echo."""


def whose(body: bytes, echo: str, subject: str, client: str = "") -> Whose:
    """Whose a good answer is that was asked for with ``echo`` by ``subject`` through ``client`` (empty: not known).

    A JSON object with the members ``echo``, ``subject`` and ``client``, as the contract of components has it; without
    the first, nothing is told.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "untold"
    said = document.get("echo") if isinstance(document, dict) else None
    if not isinstance(said, str):
        return "untold"
    other = _other(document.get("subject"), subject)
    # Not every service hears of clients: one that names none has not seen another.
    other |= bool(document.get("client")) and _other(document.get("client"), client)
    return "foreign" if said != echo or other else "own"


def _other(seen: object, known: str) -> bool:
    """Whether a service says whom it has seen, and it is somebody else."""
    return isinstance(seen, str) and bool(known) and seen != known
