"""What an IdP's answers give away, or mix up: rules held against every answer that comes anyway.

Pure. Nothing here is a request of its own, and nothing that is kept is a secret.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

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
LONGEST_KEPT_S: Final = 100 * 86_400.0
"""Some IdPs name the day of their next rotation, a quarter of a year ahead. Beyond that nobody hears of any."""
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])(?:s-maxage|max-age)=\"?(\d+)", re.I)
_FOR_ALL: Final = re.compile(r"(?:^|[,\s])(?:public|s-maxage=\"?0*[1-9])", re.I)
_SAME: Final = ("iss", "sub", "aud", "azp", "auth_time")
"""Of an ID token that a refresh gives."""
_PUTS_OFF: Final = (429, 503)
_REFUSES: Final = (401, 403)
_SERVED: Final = re.compile(rb'"echo"\s*:\s*"[0-9a-f]{16}"')
"""What a service says of a request that it has served: one of ours, by its echo."""
_TRACES: Final = re.compile(
    rb"Traceback \(most recent call last\)|\bFile \\?\"[^\"\s]+\.py\\?\", line \d+|goroutine \d+ \["
    rb"|\bat [\w$.<>/]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)|\bat [^\n]{1,200}\.cs:line \d+"
    rb"|\bat (?:[^\s()]+ \()?(?:file:|node:|/)[^\s()]+:\d+:\d+\)?|\bStack trace:\s*(?:\\n)?#0 |\.rb:\d+:in [`']"
)
"""Frames as runtimes print them: of Python, Go, the JVM, .NET, Node, PHP and Ruby."""
_SEES_OTHER: Final = 301
_SENT_ON: Final = (307, 308)
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
    SAME_LOGIN = "refreshes_speak_of_the_same_login"
    FRESH_KNOWN = "fresh_tokens_are_known"
    NOT_SHARED = "answers_not_shared"
    OWN_CLAIMS = "userinfo_tells_of_ones_own"
    NO_TRACES = "errors_show_no_traces"
    SERVES_NOTHING = "refusals_serve_nothing"
    KEYS_KEPT = "key_sets_not_kept_long"
    NOT_SENT_ON = "passwords_not_sent_on"


class Clocks(NamedTuple):
    """How the clocks of a load and its target compare."""

    offset: float
    """From monotonic seconds to Unix time."""
    margin_s: float
    """By so much they may differ, whatever the run does to them."""


@dataclass
class Unasked:
    """How often each rule was held against something, how often it was broken, and how the first time."""

    clocks: Clocks | None = None
    """``None``: they are not compared."""

    looked: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    _granted: dict[bytes, dict[str, Any]] = field(default_factory=dict, repr=False)
    """What the first tokens of a grant say, by the hash of each refresh token that came of it."""
    _ended: set[bytes] = field(default_factory=set, repr=False)
    """Hashes of access tokens whose sessions were ended."""
    _subjects: dict[tuple[str, str], str] = field(default_factory=dict)

    def token_answer(self, answer: Response) -> None:
        """RFC 6749 section 5.1: an answer with tokens says ``no-store``, and ``expires_in`` no longer than a JWT's own
        claims say.
        """
        told = answer.header("Cache-Control")
        stored = "no-store" not in told.lower()
        self._saw(Rule.NOT_STORED, f"Cache-Control: {told[:60] or 'none'}" if stored else "")

        self._life(json_object(answer.body), answer.sent)

    def _life(self, body: Mapping[str, Any], sent: float) -> None:
        told, token = body.get("expires_in"), body.get("access_token")
        if told is not None and (isinstance(told, bool) or not isinstance(told, int | float)):
            # RFC 6749 section 5.1 has a number there; what clients make of anything else, nobody knows.
            self._saw(Rule.LIVES_TOLD, f"expires_in is {type(told).__name__}")
            return
        claims = peek(token)[1] if isinstance(token, str) else {}
        numbers = [each for each in (told, claims.get("iat"), claims.get("exp")) if isinstance(each, int | float)]
        if len(numbers) == 3:
            told_s, lives_s = numbers[0], numbers[2] - numbers[1]
            told = f"{told_s:g} s were told of a token that"
            wrong = f"{told} lives for {lives_s:g} s" if told_s > lives_s + WHOLE_SECONDS_S else ""
            if self.clocks is not None and not wrong:
                # Several nodes have several clocks: whoever was told so must have that long.
                left_s = numbers[2] - (sent + self.clocks.offset)
                late = told_s > left_s + WHOLE_SECONDS_S + self.clocks.margin_s
                wrong = f"{told} ends {left_s:.0f} s after it was asked for" if late else ""
            self._saw(Rule.LIVES_TOLD, wrong)

    def introspected(self, token: str, body: Mapping[str, Any]) -> None:
        """RFC 7662 section 2.2: of a token that is active ``exp`` tells no later end than a JWT itself has."""
        told, ends = body.get("exp"), peek(token)[1].get("exp")
        if isinstance(told, int | float) and isinstance(ends, int | float):
            wrong = f"introspection tells of {told - ends:g} s more than a token has"
            self._saw(Rule.LIVES_TOLD, wrong if told > ends + WHOLE_SECONDS_S else "")

    def shared(self, answer: Response) -> None:
        """RFC 9111 section 3.5: what is answered to a request with a token may be kept for all by ``public`` and
        ``s-maxage`` alone.
        """
        told = answer.header("Cache-Control")
        self._saw(Rule.NOT_SHARED, f"Cache-Control: {told[:60]}" if _FOR_ALL.search(told) else "")

    def put_off(self, answer: Response) -> None:
        """RFC 9110 section 10.2.3: for how long a client is told to stay away that met a failure."""
        told = answer.header("Retry-After").strip()
        if answer.status in _PUTS_OFF and told:
            seconds = _seconds(told, answer.header("Date"))
            self._saw(Rule.PUT_OFF, f"Retry-After: {told[:40]}" if seconds > LONGEST_PUT_OFF_S else "")

    def failed(self, answer: Response) -> None:
        """CWE-209: an answer that says no, or that something failed, shows nobody where in the code that was."""
        found = _TRACES.search(answer.body)
        self._saw(Rule.NO_TRACES, f"a stack trace in an answer with status {answer.status}" if found else "")

    def refused(self, answer: Response, tells: bool) -> None:
        """CVE-2025-31492: a refusal comes without what it refuses, and without what others were given. ``tells``: the
        service says whose its answers are. RFC 9111 section 3.5 holds for what is not let in, too: kept for all, it
        locks everybody out.
        """
        if tells and answer.status in _REFUSES:
            served = bool(_SERVED.search(answer.body))
            self._saw(Rule.SERVES_NOTHING, f"a service's answer beside status {answer.status}" if served else "")
        if answer.status in _REFUSES or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.shared(answer)

    def kept(self, answer: Response) -> None:
        """RFC 9111 section 4.2.1: for how long caches may keep the answer with the key set. The first one counts: what
        comes later, a fault may have made.
        """
        if self.looked[Rule.KEYS_KEPT]:
            return
        told = answer.header("Cache-Control")
        longest = max((float(age) for age in _MAX_AGE.findall(told)), default=0.0)
        self._saw(Rule.KEYS_KEPT, f"Cache-Control: {told[:60]}" if longest > LONGEST_KEPT_S else "")

    def posted(self, url: str, answer: Response) -> None:
        """RFC 9700 section 4.12: where the answer to a login form, posted to ``url``, redirects to another site, a
        browser must not take the form along, as it does by 307 and 308 (RFC 9110 sections 15.4.8 and 15.4.9).
        """
        where = answer.header("Location")
        if where and _SEES_OTHER <= answer.status <= _SENT_ON[-1]:
            elsewhere = _site(url, where) != _site(url)
            wrong = elsewhere and answer.status in _SENT_ON
            self._saw(Rule.NOT_SENT_ON, f"a login form is answered by {answer.status}" if wrong else "")

    def granted(self, tokens: Mapping[str, Any], before: str = "") -> None:
        """OpenID Connect Core section 12.2: an ID token that a refresh gives speaks of the same login as the first one,
        and so does the access token.
        ``before``: the refresh token that gave these; empty: they are the first.
        """
        told, refresh = tokens.get("id_token"), tokens.get("refresh_token")
        said = {name: peek(told)[1].get(name) for name in _SAME} if isinstance(told, str) else {}
        said["subject of the access token"] = peek(str(tokens.get("access_token", "")))[1].get("sub")
        first = self._granted.get(_hash(before), {}) if before else said
        both = [name for name in said.keys() & first.keys() if None not in (said[name], first[name])]
        if before and both:
            wrong = sorted(name for name in both if not _same(name, said[name], first[name]))
            self._saw(Rule.SAME_LOGIN, f"another {wrong[0]} than at the login" if wrong else "")
        if first and isinstance(refresh, str):
            self._granted[_hash(refresh)] = first

    def ends(self, access_token: str) -> None:
        """From now on nobody need know this token any more."""
        self._ended.add(_hash(access_token))

    def fresh(self, access_token: str, known: bool) -> None:
        """An IdP knows what it has just issued, unless it has been told in the meantime that it is over."""
        if _hash(access_token) not in self._ended:
            self._saw(Rule.FRESH_KNOWN, "" if known else "userinfo refuses a token that was just issued")

    def userinfo(self, tokens: Mapping[str, Any], answer: Response) -> None:
        """OpenID Connect Core section 5.3.2: claims are of the subject that the ID token names."""
        told, found = tokens.get("id_token"), json_object(answer.body)
        if isinstance(told, str) and "sub" in found:
            same = found["sub"] == peek(told)[1].get("sub")
            self._saw(Rule.OWN_CLAIMS, "" if same else "userinfo of another subject than the ID token's")

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


def _same(name: str, later: Any, first: Any) -> bool:
    """An audience may grow (section 12.2): it must include that of the first."""
    if name != "aud":
        return bool(later == first)
    told, had = ({each} if isinstance(each, str) else set(map(str, each)) for each in (later, first))
    return had <= told


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()[:16]


def _site(url: str, where: str = "") -> tuple[str, str]:
    """Of what ``where`` means there; empty when it is no URL."""
    try:
        parts = urlsplit(urljoin(url, where))
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _seconds(told: str, now: str) -> float:
    """Of ``Retry-After``: seconds, or from the answer's own date until another; 0 where it is neither."""
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        return parsedate_to_datetime(told).timestamp() - parsedate_to_datetime(now).timestamp()
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
