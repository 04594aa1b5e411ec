"""What a window of the wire's counts says."""

from __future__ import annotations

from idchaos.fixtures.observer import counts
from idchaos.fixtures.observer.counts import LinkCounts
from idchaos.record.observed import Passage
from idchaos.targets.observer import BOUNDS_S, EndpointCounts, LinkObserved

BEFORE = EndpointCounts(
    requests=10, statuses={200: 9}, failed={"reset": 1}, seconds=1.0, within=(5, 4), kids=("a",), kids_served={"a": 9}
)
AFTER = EndpointCounts(
    requests=15,
    statuses={200: 10, 503: 1},
    failed={"reset": 2, "closed": 1},
    seconds=1.5,
    within=(5, 6),
    kids=("a", "b"),
    kids_served={"a": 10, "b": 1},
)


def test_a_window_is_the_difference_of_two_readings() -> None:
    window = AFTER.since(BEFORE)
    assert (window.requests, window.statuses, window.failed) == (5, {200: 1, 503: 1}, {"reset": 1, "closed": 1})
    assert (window.within, window.kids_served) == ((0, 2), {"a": 1, "b": 1})
    assert (window.answered, window.unanswered, window.seconds) == (2, 3, 0.5)


def test_nothing_asked_is_nothing_counted() -> None:
    assert LinkObserved().of("jwks") == EndpointCounts()


def test_it_reads_what_the_observer_says() -> None:
    said = {"connections": 2, "unreadable": 0, "endpoints": {"jwks": {"requests": 1, "statuses": {"200": 1}}}}
    assert LinkObserved.model_validate(said).of("jwks").statuses == {200: 1}


def test_it_knows_every_count_of_an_observers() -> None:
    counted = LinkCounts()
    counted.of("jwks", probe=False).answered(200, 0.3)
    counted.of("jwks", probe=False).served(["a"])
    assert LinkObserved.model_validate(counted.state()).model_dump(mode="json") == counted.state()


def test_times_are_counted_together_by_the_same_bounds() -> None:
    assert counts.BOUNDS_S == BOUNDS_S


def test_what_the_harness_itself_asked_is_nothing_that_a_target_did() -> None:
    asked = {"endpoints": {"jwks": EndpointCounts(requests=2)}, "probes": {"jwks": EndpointCounts(requests=5)}}
    assert LinkObserved.model_validate(asked).asked == 2


def test_connections_by_tls_are_some_whose_requests_are_in_no_count() -> None:
    link = LinkObserved(unreadable=1, tls=3, tls_probes=2, asked_at=(1.0,), passages=(Passage(number=1, at=1.0),))
    assert link.unread == 4
    assert link.sums() == LinkObserved(unreadable=1, tls=3, tls_probes=2)
