"""What an IdP's answers give away, or mix up: rules held against every answer that comes anyway.

Pure. Nothing here is a request of its own, and nothing that is kept is a secret.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

from idchaos.load.decide import json_object
from idchaos.load.engine.response import Response
from idchaos.load.idp.tokens import peek

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1."""
FEWEST: Final = 20
"""Values, before it is said how well they could be guessed."""
WHOLE_SECONDS_S: Final = 2.0
"""Claims are whole seconds, and so is what is told: each may be cut."""
LONGEST_PUT_OFF_S: Final = 300.0
"""Whoever stays away for longer has an outage of their own, long after the one that is over."""
_PUTS_OFF: Final = (429, 503)
LEAST_BITS: Final = 64.0
"""Half of the 128 bits that RFC 6749 section 10.10 asks for: what is estimated from a few values is an estimate."""


class Rule(StrEnum):
    """What each is judged as."""

    NOT_STORED = "token_answers_not_stored"
    KEYS_ARE_PUBLIC = "no_private_keys_published"
    UNGUESSABLE = "tokens_unguessable"
    OWN_TOKENS = "logins_get_their_own_tokens"
    LIVES_TOLD = "token_lives_told_rightly"
    PUT_OFF = "clients_put_off_briefly"


@dataclass
class Unasked:
    """How often each rule was held against something, how often it was broken, and how the first time."""

    looked: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    _subjects: dict[tuple[str, str], str] = field(default_factory=dict)

    def token_answer(self, answer: Response) -> None:
        """RFC 6749 section 5.1: an answer with tokens says ``no-store``, and ``expires_in`` no longer than a JWT's own
        claims say.
        """
        told = answer.header("Cache-Control")
        stored = "no-store" not in told.lower()
        self._saw(Rule.NOT_STORED, f"Cache-Control: {told[:60] or 'none'}" if stored else "")

        self._life(json_object(answer.body))

    def _life(self, body: Mapping[str, Any]) -> None:
        told, token = body.get("expires_in"), body.get("access_token")
        claims = peek(token)[1] if isinstance(token, str) else {}
        numbers = [each for each in (told, claims.get("iat"), claims.get("exp")) if isinstance(each, int | float)]
        if len(numbers) == 3:
            told_s, lives_s = numbers[0], numbers[2] - numbers[1]
            wrong = f"{told_s:g} s were told of a token that lives for {lives_s:g} s"
            self._saw(Rule.LIVES_TOLD, wrong if told_s > lives_s + WHOLE_SECONDS_S else "")

    def put_off(self, answer: Response) -> None:
        """RFC 9110 section 10.2.3: for how long a client is told to stay away that met a failure."""
        told = answer.header("Retry-After").strip()
        if answer.status in _PUTS_OFF and told:
            seconds = _seconds(told, answer.ended)
            self._saw(Rule.PUT_OFF, f"Retry-After: {told[:40]}" if seconds > LONGEST_PUT_OFF_S else "")

    def key_set(self, keys: Iterable[Mapping[str, Any]]) -> None:
        """RFC 7517 section 9.2: nobody publishes private members."""
        for key in keys:
            found = sorted(PRIVATE_MEMBERS & key.keys())
            self._saw(Rule.KEYS_ARE_PUBLIC, f"key {str(key.get('kid'))[:40]!r} has {', '.join(found)}" if found else "")

    def login(self, client_id: str, username: str, tokens: Mapping[str, Any]) -> None:
        """Whoever logs in at a client gets tokens of one subject, always the same, and nobody else's (OpenID Connect
        Core section 2: ``sub`` is never reassigned; section 8: other clients may be told another). Opaque tokens tell
        none.
        """
        subjects = {
            str(claims["sub"])
            for name in ("id_token", "access_token")
            if isinstance(value := tokens.get(name), str) and "sub" in (claims := peek(value)[1])
        }
        if not subjects:
            return
        known = self._subjects.setdefault((client_id, username), min(subjects))
        others = {
            subject for (client, name), subject in self._subjects.items() if client == client_id and name != username
        }
        wrong = subjects != {known} or bool(subjects & others)
        self._saw(Rule.OWN_TOKENS, f"{username} got tokens of {len(subjects | {known})} subjects" if wrong else "")

    def values(self, handed_out: Iterable[tuple[str, str]]) -> None:
        """Held against all opaque values of a kind at once: could the next one be guessed from those before?"""
        by_kind: dict[str, list[str]] = {}
        for kind, value in handed_out:
            if kind in ("access_token", "refresh_token", "code") and value.count(".") not in (2, 4):
                by_kind.setdefault(kind, []).append(value)
        for kind, values in by_kind.items():
            if len(values) >= FEWEST:
                bits = bits_of(values)
                self._saw(Rule.UNGUESSABLE, f"{kind}: some {bits:.0f} bits differ" if bits < LEAST_BITS else "")

    def told(self) -> dict[str, dict[str, int | str]]:
        """By rule: ``looked``, ``broken``, ``first``."""
        return {
            rule: {"looked": count, "broken": self.broken[rule], "first": self.first.get(rule, "")}
            for rule, count in self.looked.items()
        }

    def _saw(self, rule: Rule, wrong: str) -> None:
        self.looked[rule] += 1
        if wrong:
            self.broken[rule] += 1
            self.first.setdefault(rule, wrong)


def _seconds(told: str, now: float) -> float:
    """Of ``Retry-After``: seconds, or until a date; 0 where it is neither."""
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        return parsedate_to_datetime(told).timestamp() - now
    except (ValueError, TypeError):
        return 0.0


def bits_of(values: Iterable[str]) -> float:
    """How many bits differ from value to value: the sum over places of log2 of the characters seen there, among the
    values of the most common length. A counter, or a time, changes in few places.
    """
    listed = list(values)
    length = Counter(map(len, listed)).most_common(1)[0][0]
    return sum(
        math.log2(len(set(place))) for place in zip(*(each for each in listed if len(each) == length), strict=True)
    )
