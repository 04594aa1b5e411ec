"""Canaries that wait for their arrival, by kind. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar

from idchaos.dialects import Answered, Dialect
from idchaos.load.engine.recorder import About
from idchaos.load.idp.client import Code
from idchaos.record.samples import Decision
from idchaos.targets.endpoints import Client

Reuse = Literal["never", "last", "always"]
"""What becomes of a canary that was taken. ``never``: it is used up · ``last``: so it is, but for the last of its lot,
which stays for as long as it is bad · ``always``: it goes to the end of the shelf, since it took long to ripen."""


Form = Literal["", "http10", "absolute", "stranger_host", "kubernetes", "google", "amazon"]
"""``http10``: of HTTP/1.0 · ``absolute``: a whole URL for its target (RFC 9112 section 3.2.2) · ``stranger_host``: of a
host that is nobody's (RFC 2606) · the others: by a client that says it is one of those that ask whether all is well.
"""
_HEALTH_CHECKERS: Final = {
    "kubernetes": b"kube-probe/1.31",
    "google": b"GoogleHC/1.0",
    "amazon": b"ELB-HealthChecker/2.0",
}
"""What each says that it is. Some are compared as a whole, so each comes alone."""


def spelled(head: bytes, form: Form, base: str) -> bytes:
    """A request's first lines in another form; ``base``: scheme and host of the site."""
    if form in _HEALTH_CHECKERS:
        return re.sub(rb"(?im)^User-Agent: [^\r\n]*", b"User-Agent: " + _HEALTH_CHECKERS[form], head)
    if form == "stranger_host":
        return re.sub(rb"(?im)^Host: [^\r\n]*", b"Host: nobody.invalid", head)
    if form == "http10":
        return head.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
    return head.replace(b" /", b" %s/" % base.encode("latin-1"), 1) if form == "absolute" else head


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A canary in stock, and when (Unix time) it is surely bad."""

    about: About
    bad_from: float = 0.0
    bad_until: float = float("inf")
    lot: str = ""
    """Of a kind, what has turns of its own: tokens that were shown while good, or those of one withdrawn key."""

    def is_bad(self, now: float) -> bool:
        """Whether it surely is at that moment."""
        return self.bad_from <= now < self.bad_until


Decide = Callable[[Answered, Dialect], tuple[Decision, str]]
"""Reads an answer: the decision, and the error code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Item):
    """A request to a gateway."""

    lines: bytes = field(repr=False)
    """The header lines that make it a bad one."""
    decide: Decide | None = None
    """How its answer is read; ``None``: as the dialect of the gateway says."""
    method: str = "GET"
    suffix: str = ""
    """What follows the route's path: a deeper path, a query."""
    path: str = ""
    """Instead of the route's own; empty: that."""
    form: Form = ""
    """How the first line is spelled, where that is not the usual way."""
    body: bytes = field(default=b"", repr=False)
    forged: str = ""
    """Whom the client claims to be in identity headers."""
    with_token: bool = True
    good_for: str = ""
    """The audience of routes at which this would be a good request: it is sent to others."""
    resembles: str = ""
    """The audience of the routes that it is sent to; empty: to all."""
    before: bytes = field(default=b"", repr=False)
    """Header lines of a good request that is made first, at the same place, :attr:`uses` times; this one is sent where
    all of them were accepted."""
    uses: int = 0
    known_at: set[str] | None = None
    """Of a token revoked under load: the deciders (replicas, or services where these decide) that have refused it.
    While a fault keeps revocations from one, accepting it is no breach; accepting it *again* is. ``None``: each must
    refuse it."""

    @property
    def is_everyday(self) -> bool:
        """Whether nothing but its header lines is bad: it may be sent by any everyday method."""
        return (self.method, self.path, self.suffix, self.form, self.body) == ("GET", "", "", "", b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Item):
    """What a client presents to the IdP."""

    client: Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Held):
    """A refresh token that was used before."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion(Held):
    """A client assertion that was used before."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption(Held):
    """A code, and the verifier that it is to be redeemed with."""

    code: Code
    verifier: str | None = field(repr=False)


Kept = TypeVar("Kept", bound=Item)


class Shelf(Generic[Kept]):
    """Canaries of one kind, the oldest first; when there are too many, the oldest goes."""

    def __init__(self, size: int, reuse: Reuse = "last") -> None:
        self._items: deque[Kept] = deque(maxlen=size)
        self._reuse = reuse

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._items)

    def put(self, item: Kept, of_lot: int = 0) -> None:
        """Add one. ``of_lot``: so many of its lot are kept at the most, the last that turn bad; 0: all."""
        self._items.append(item)
        alike = [each for each in self._items if each.lot == item.lot] if of_lot else []
        if len(alike) > of_lot:
            self._items.remove(min(alike, key=lambda each: each.bad_from))

    def put_back(self, item: Kept) -> None:
        """Return one that was taken and not used, to be the next."""
        self._items.appendleft(item)

    def lasting(self, until: float) -> int:
        """How many are still bad at that moment."""
        return sum(item.bad_until > until for item in self._items)

    def lots(self, now: float) -> tuple[str, ...]:
        """Of which there is one that is surely bad now."""
        return tuple(dict.fromkeys(item.lot for item in self._items if item.is_bad(now)))

    def take(self, now: float, lot: str | None = None) -> Kept | None:
        """The oldest that is surely bad now, of any lot if none is named; ``None`` without one."""
        items = self._items
        while items and items[0].bad_until <= now:
            items.popleft()
        found = next((item for item in items if item.is_bad(now) and lot in (None, item.lot)), None)
        if found is not None and (self._reuse == "never" or sum(item.lot == found.lot for item in items) > 1):
            items.remove(found)
            if self._reuse == "always":
                items.append(found)
        return found
