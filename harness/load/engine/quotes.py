"""Does a refusal say back what it refuses? Whoever reads errors, logs and proxies would read the token too. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from idchaos.load.engine.response import Response

FEWEST: Final = 20
"""Characters of a secret; what is shorter may stand in an answer by chance."""
_MOST: Final = 32
"""Of a longer one so many from its end will do: a JWT begins with a header that is no secret."""
_SECRETS: Final = re.compile(rb"[A-Za-z0-9._~+/=-]{%d,}" % FEWEST)


@dataclass
class Quotes:
    """Of each who was asked: how many refusals were looked through, and how many of them quote a secret."""

    searched: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)

    def look(self, who: str, answer: Response, secrets: Iterable[bytes]) -> None:
        """Look through an answer that let nobody in."""
        needles = [secret[-_MOST:] for secret in secrets if len(secret) >= FEWEST]
        if not needles or not answer.status:
            return
        self.searched[who] += 1
        text = answer.body + b"\n" + "\n".join(map(str, answer.headers.values())).encode(errors="replace")
        self.found[who] += any(needle in text for needle in needles)


def secrets_in(*parts: bytes) -> list[bytes]:
    """What looks like a token in these parts of a request."""
    return [secret for part in parts for secret in _SECRETS.findall(part)]
