"""What a part of the target was seen to meet on the wire: for those that tell nothing of themselves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from idchaos.contract import Fact
from idchaos.record.observed import BOUNDS_S, EndpointCounts, LinkObserved
from idchaos.targets.base import EndpointError, ReportsState, Target
from idchaos.targets.observer import ObservesLinks

Links = Mapping[str, LinkObserved]


def tells_fetches(target: Target, component: str) -> bool:
    """Whether a component tells what its own key fetches met."""
    reports = target.capability(ReportsState)
    return reports is not None and Fact.KEY_FETCHES in reports.tells(component)


def is_observed(target: Target, component: str) -> bool:
    """Whether somebody looks at what it asks the IdP."""
    link = target.graph.link_between(component, target.graph.idp)
    return target.capability(ObservesLinks) is not None and link is not None and not link.idle


def unseen(target: Target, components: Iterable[str]) -> str:
    """Which of them neither tell what they met nor are observed, in one line; empty: none."""
    mute = [name for name in components if not tells_fetches(target, name) and not is_observed(target, name)]
    return f"{', '.join(mute)}: tells nothing of what it meets at the IdP, and nobody observes its link" if mute else ""


def links_observed(target: Target) -> Links:
    """What has passed so far, by link; empty where nobody looks.

    Raises:
        TargetError: the observer does not answer.
    """
    observes = target.capability(ObservesLinks)
    return observes.observed() if observes is not None else {}


def link_of(target: Target, component: str, links: Links) -> LinkObserved:
    """What has passed between a component and the IdP."""
    link = target.graph.link_between(component, target.graph.idp)
    return links.get(link.name, LinkObserved()) if link is not None else LinkObserved()


def met(error: EndpointError, seen: EndpointCounts) -> bool:
    """Whether requests that were seen met just that error: half of them at least, or of an error for a share, one."""
    if error.share < 1:
        return _hits(error, seen) > 0
    return 0 < seen.requests <= 2 * _hits(error, seen)


def _hits(error: EndpointError, seen: EndpointCounts) -> int:
    """How many met it: an answer of that status, another body than a key set, late where it must be late. Who gives up
    an answer that is delayed closes the connection.
    """
    late = seen.answered - sum(seen.within[: bisect_right(BOUNDS_S, error.delay_s)])
    given_up = seen.failed.get("closed", 0) if error.delay_s else 0
    if error.status is None:
        return late + given_up
    told = seen.statuses.get(error.status, 0)
    if error.status == 200:
        told -= max(seen.kids_served.values(), default=0)
    return (min(told, late) if error.delay_s else told) + given_up


def said(seen: EndpointCounts) -> str:
    """For a sentence: ``3 requests: 2 answered 503, 1 closed; the slowest took 0.01 s``."""
    ends = [f"{count} answered {status}" for status, count in sorted(seen.statuses.items())]
    ends += [f"{count} {how}" for how, count in sorted(seen.failed.items())]
    return f"{seen.requests} requests: {', '.join(ends) or 'nobody asked'}; the slowest took {seen.slowest_s:.2f} s"
