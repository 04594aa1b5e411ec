"""What passed over a target's links, as recorded on the wire behind them: for any component, without its help."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Literal, TypeVar

from idchaos.values import Value

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the times that an observer counts together."""


class Exchange(Value):
    """One request for keys that is over, as it went by."""

    number: int
    """Among the requests of its endpoint over its link, from 1."""
    at: float
    """When it went by, Unix time."""
    took_s: float
    status: int = 0
    """0: no whole answer."""
    error: str = ""
    """What ended it then; or ``no_keys``: a whole answer that is no key set, or an empty one."""


class EndpointCounts(Value):
    """Exchanges with one endpoint over one link. They only ever grow: a window is the difference of two readings."""

    requests: int = 0
    statuses: Mapping[int, int] = {}
    """Whole answers by status."""
    failed: Mapping[str, int] = {}
    """Requests without a whole answer, by what ended them: ``closed``, ``reset``, ``unreadable``."""
    seconds: float = 0.0
    """From requests to the ends of their answers, summed."""
    slowest_s: float = 0.0
    within: tuple[int, ...] = ()
    """Answers by how long they took: up to each of :data:`BOUNDS_S`, and longer."""
    kids: tuple[str, ...] | None = None
    """Of the last key set that was served whole."""
    kids_served: Mapping[str, int] = {}
    """In how many of the key sets that were served whole each key id was."""

    recent: tuple[Exchange, ...] = ()
    """Of key sets, the last exchanges, oldest first."""

    @property
    def answered(self) -> int:
        """Whole answers."""
        return sum(self.statuses.values())

    @property
    def unanswered(self) -> int:
        """Requests that failed, or wait."""
        return self.requests - self.answered

    def since(self, before: EndpointCounts) -> EndpointCounts:
        """What was added after another reading. ``slowest_s`` is of both."""
        return EndpointCounts(
            requests=self.requests - before.requests,
            statuses=_added(self.statuses, before.statuses),
            failed=_added(self.failed, before.failed),
            seconds=self.seconds - before.seconds,
            slowest_s=self.slowest_s,
            within=_more(self.within, before.within),
            kids=self.kids,
            kids_served=_added(self.kids_served, before.kids_served),
            recent=tuple(each for each in self.recent if each.number > before.requests),
        )


Key = TypeVar("Key", int, str)


def _added(now: Mapping[Key, int], before: Mapping[Key, int]) -> dict[Key, int]:
    return {key: count - before.get(key, 0) for key, count in now.items() if count != before.get(key, 0)}


def _more(now: tuple[int, ...], before: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(later - earlier for later, earlier in zip_longest(now, before, fillvalue=0))


class Passage(Value):
    """One connection of which no request can be read: it speaks TLS, or has not spoken. Times are Unix time."""

    number: int
    """Among the connections of its link, from 1."""
    at: float
    """When it was accepted."""
    stage: Literal["accepted", "connected", "hello", "server_hello", "established"] = "accepted"
    """How far it came: not yet to the upstream · so far, and nothing was said · the consumer has said its ClientHello ·
    the upstream has answered · the consumer went on as only who has read the answer can.
    """
    probe: bool = False
    """The harness's own: never evidence that a target felt something."""
    server_name: str = ""
    version: str = ""
    alert: str = ""
    """Who refused the handshake: ``consumer``, ``upstream``."""
    sent_bytes: int = 0
    received_bytes: int = 0
    heard_at: float | None = None
    """When the upstream's last bytes came."""
    flight_bytes: int = 0
    """What of the upstream had come when the consumer went on."""
    went_on_s: float | None = None
    """How long after the last of it that was."""
    answered: int = 0
    """How often something was asked on it, once established, and an answer came."""
    asked_at: float | None = None
    """When the last of these was asked."""
    unanswered_since: float | None = None
    """Since when something has been asked to which nothing came."""
    ended_at: float | None = None
    ended: str = ""
    """``closed``, ``reset``, ``unreachable``."""
    by: str = ""
    """Whose end came first: ``consumer``, ``upstream``."""


class LinkObserved(Value):
    """What passed over one link."""

    connections: int = 0
    open: int = 0
    """Connections that were there at that moment."""
    most_busy: int = 0
    """Connections on which an answer was to come, at most at one moment so far."""
    unreachable: int = 0
    """Connections that ended at once, since what the link leads to could not be reached."""
    unreadable: int = 0
    """Connections of which something was neither HTTP nor TLS: counts of this link may be too low."""
    sent_bytes: int = 0
    received_bytes: int = 0
    endpoints: Mapping[str, EndpointCounts] = {}
    probes: Mapping[str, EndpointCounts] = {}
    """Of requests that the harness itself caused: never evidence that a target felt something."""
    tls: int = 0
    """Connections that spoke TLS: requests on them are not counted, here or anywhere."""
    tls_probes: int = 0
    """The harness's own, which are not among these."""
    asked_at: tuple[float, ...] = ()
    """When something was asked over such connections and answered: the last moments, half a second apart at least."""
    passages: tuple[Passage, ...] = ()
    """Connections that spoke TLS, or have not spoken: those that are there, and the last that are over."""

    @property
    def asked(self) -> int:
        """Requests that came, to any endpoint; none of the harness's own."""
        return sum(counts.requests for counts in self.endpoints.values())

    @property
    def unread(self) -> int:
        """Connections whose requests are in no count, or may not be."""
        return self.unreadable + self.tls

    def all(self, endpoint: str) -> tuple[EndpointCounts, EndpointCounts]:
        """The counts of an endpoint, and those of the harness's own probes there."""
        return self.of(endpoint), self.probes.get(endpoint, EndpointCounts())

    def sums(self) -> LinkObserved:
        """The same without single exchanges and connections, of which whoever reads again and again has no need."""
        sides = {"endpoints": self.endpoints, "probes": self.probes}
        return self.model_copy(
            update={
                side: {name: counts.model_copy(update={"recent": ()}) for name, counts in found.items()}
                for side, found in sides.items()
            }
            | {"asked_at": (), "passages": ()}
        )

    def of(self, endpoint: str) -> EndpointCounts:
        """The counts of an endpoint; zeros where nobody asked."""
        return self.endpoints.get(endpoint, EndpointCounts())
