"""Does an answer say back what was sent, or what others were given? Whoever reads errors, histories, logs and proxies
would read the token too. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from idchaos.load.engine.response import Response

FEWEST: Final = 20
"""Characters of a secret; what is shorter may stand in an answer by chance."""
FEWEST_OF_PASSWORD: Final = 12
_MOST: Final = 32
"""Of a longer one so many from its end will do: a JWT begins with a header that is no secret."""
_SECRETS: Final = re.compile(rb"[A-Za-z0-9._~+/=-]{%d,}" % FEWEST)
_WORDS: Final = re.compile(rf"[A-Za-z0-9._~+-]{{{FEWEST},}}")
_BEARER: Final = re.compile(rb"(?i)\bbearer +([A-Za-z0-9._~+/=-]+)")
_NEVER_IN_A_URL: Final = frozenset({"access_token", "refresh_token", "id_token", "client_secret", "code_verifier"})
"""Nobody asks for tokens by redirect here (RFC 9700 section 2.1.2)."""

KindOf = Callable[[str], str]
"""What kind of secret a text is that was handed out in this run; empty for none."""


@dataclass
class Quotes:
    """Of each who was asked: how many answers were looked through, how many of them give a secret away, and how the
    first one did.
    """

    searched: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def look(
        self,
        who: str,
        answer: Response,
        secrets: Iterable[bytes],
        *,
        fewest: int = FEWEST,
        body: bool = True,
        handed_out: KindOf | None = None,
    ) -> None:
        """Look through an answer for the ``secrets`` that were sent, and for any that was ``handed_out``, to whomever.

        ``body``: whether its body is looked through too. In its headers, what may be in no URL is found by name.
        """
        needles = [secret[-_MOST:] for secret in secrets if len(secret) >= fewest]
        if not answer.status or not (needles or handed_out):
            return
        self.searched[who] += 1
        where = _where(answer, needles, body, handed_out)
        if where:
            self.found[who] += 1
            self.first.setdefault(who, f"{where} of an answer with status {answer.status}")


def _where(answer: Response, needles: list[bytes], body: bool, handed_out: KindOf | None) -> str:
    """Where a secret stands; empty where none does."""
    for name, value in answer.headers.items():
        text = unquote(str(value))
        raw = text.encode(errors="replace")
        if any(needle in raw for needle in needles) or _given(text, handed_out):
            return f"the header {str(name)[:40]}"
    if handed_out and (carried := _carried(answer.header("Location"))):
        return f"{carried} in the header Location"
    if not body:
        return ""
    given = _given(answer.body.decode(errors="replace"), handed_out)
    return "the body" if given or any(needle in answer.body for needle in needles) else ""


def _given(text: str, handed_out: KindOf | None) -> bool:
    return handed_out is not None and any(handed_out(word) for word in _WORDS.findall(text))


def _carried(location: str) -> str:
    """The first parameter of a redirect that may be in no URL."""
    if not location:
        return ""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    names = {name for name, _ in (*parse_qsl(parts.query), *parse_qsl(parts.fragment))}
    return min(names & _NEVER_IN_A_URL, default="")


def secrets_in(*parts: bytes) -> list[bytes]:
    """What looks like a token in these parts of a request."""
    return [secret for part in parts for secret in _SECRETS.findall(part)]


def bearers_in(lines: bytes) -> list[bytes]:
    """The tokens of header lines that say who calls (RFC 6750 section 2.1)."""
    return _BEARER.findall(lines)
