"""Does an IdP count what passed over the links to it? Pure.

The journal event ``counts`` holds, beside what components tell of themselves, what was observed on the wire::

    {"observed": {"before": [{"idp": {"gateway-1-to-idp": {...}, ...}}, {...}], "after": [{...}, {...}]}}

by provider and link (:class:`idchaos.record.observed.LinkObserved`); each side was read twice, before and after the
components were asked. A request is counted on the wire when its head has passed, again when its answer has, and by the
IdP somewhere between. So with readings 1 and 2 before the load, and 3 and 4 after it::

    answered(3) - asked(2) + unsure(2)  <=  what the IdP counts  <=  asked(4) - answered(1) - unsure(1)

which leaves room for what was on its way when the counts were read, and for what an IdP may count or not: requests
that got no answer, and those whose path or method it does not know (404, 405).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from idchaos.record.observed import LinkObserved
from idchaos.record.record import Run
from idchaos.verdict.reconcile import Row, growth

UNKNOWN = (404, 405)
OF_IDPS = "idp"
"""How those are called whose links are looked at for connections that nobody needs."""
OF_CLIENTS = "client-to-"
"""How links begin over which the load itself asks."""
AT_THE_IDP = ("endpoint", "transform")
"""Faults, by their kinds, by which nothing is held back between the observer and who asked."""
Links = Mapping[str, LinkObserved]
Reading = Mapping[str, Links]
"""By provider and link."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Requests for one endpoint of one provider, over all links, since the observer's start."""

    asked: int
    answered: int
    """By the endpoint itself."""
    unsure: int
    """Over, and perhaps not counted."""


def on_the_wire(record: Run) -> tuple[Row, ...]:
    """One comparison for each endpoint that an IdP counts and somebody asked; none where no link was observed."""
    observed = record.counts.get("observed")
    if not isinstance(observed, dict):
        return ()
    readings = [*_readings(observed.get("before")), *_readings(observed.get("after"))]
    if len(readings) != 4 or not all(readings):
        return (Row("the wire", 0, 0, None, (), "the observer of the links was not asked before and after the load"),)
    return tuple(row for provider in readings[-1] for row in _of_provider(record, provider, readings))


def idle_connections(record: Run) -> dict[str, int]:
    """By link to an IdP, the connections that were there after the load beyond the most that were ever in use at once.
    Whoever opens one only where none is free, and closes what it does not keep, has none. Left out are clients' own
    links, those of which not all could be read, and all of them where a fault may have kept an answer from who asked,
    who needed another connection meanwhile.
    """
    if not all(isinstance(each.detail, dict) and each.detail.get("kind") in AT_THE_IDP for each in record.faults):
        return {}
    observed = record.counts.get("observed")
    last = _readings(observed.get("after"))[-1:] if isinstance(observed, dict) else []
    return {
        name: link.open - link.most_busy
        for reading in last
        for provider, links in reading.items()
        if provider.startswith(OF_IDPS)
        for name, link in links.items()
        if not link.unread and not name.startswith(OF_CLIENTS)
    }


def _of_provider(record: Run, provider: str, readings: Sequence[Reading]) -> list[Row]:
    links = [reading.get(provider, {}) for reading in readings]
    unread = sum(link.unread for link in links[-1].values())
    found = []
    for endpoint in _counted(record, provider):
        first, second, third, fourth = (_passed(each, endpoint) for each in links)
        low = max(0, third.answered - second.asked + second.unsure)
        high = fourth.asked - first.answered - first.unsure
        seen = growth(record, provider, "requests", endpoint, "total")
        if not high and not seen.count:
            continue
        what = f"links to {provider} and {provider} ({endpoint})"
        if unread:
            note = f"{unread} connections could not be read on the wire"
            found.append(Row(what, low, high, seen.count, (), note, excused=True))
        else:
            found.append(Row(what, low, high, seen.count, (), seen.note, seen.excused))
    return found


def _counted(record: Run, provider: str) -> list[str]:
    """The endpoints of which it tells a total."""
    after = record.counts.get("after")
    state = after.get(provider) if isinstance(after, dict) else None
    requests = state.get("requests") if isinstance(state, dict) else None
    if not isinstance(requests, dict):
        return []
    return sorted(name for name, counts in requests.items() if isinstance(counts, dict) and "total" in counts)


def _passed(links: Links, endpoint: str) -> Passed:
    counts = [each for link in links.values() for each in link.all(endpoint)]
    answered = sum(each.answered for each in counts)
    unknown = sum(each.statuses.get(status, 0) for each in counts for status in UNKNOWN)
    failed = sum(sum(each.failed.values()) for each in counts)
    return Passed(sum(each.requests for each in counts), answered - unknown, failed + unknown)


def _readings(side: JsonValue) -> list[Reading]:
    """Those of one side; an empty one where the observer did not answer."""
    return [_reading(each) for each in side] if isinstance(side, list) else []


def _reading(told: JsonValue) -> Reading:
    try:
        return {
            provider: {name: LinkObserved.model_validate(counts) for name, counts in links.items()}
            for provider, links in (told.items() if isinstance(told, dict) else ())
            if isinstance(links, dict)
        }
    except ValidationError:
        return {}
