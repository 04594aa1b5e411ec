"""What the IdP handed out during the load: kept so that the target's logs can be searched for it; never stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_TOKENS = ("access_token", "refresh_token", "id_token")
_AT_ONCE = 500


class HandedOut:
    """Tokens, codes, and what the load generator made of them, by kind. Has no readable form."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, kind: str, value: str) -> None:
        """Remember a secret."""
        if value:
            self._found.setdefault(value, kind)

    def add_response(self, body: dict[str, Any]) -> None:
        """Remember the tokens of a token response (RFC 6749 section 5.1)."""
        for name in _TOKENS:
            value = body.get(name)
            if isinstance(value, str):
                self.add(name, value)

    def kind_of(self, value: str) -> str:
        """What kind of secret this is; empty where it is none."""
        return self._found.get(value, "")

    def chunks(self) -> Iterator[list[tuple[str, str]]]:
        """(kind, secret), some hundred at once."""
        found = [(kind, value) for value, kind in self._found.items()]
        for start in range(0, len(found), _AT_ONCE):
            yield found[start : start + _AT_ONCE]
