"""What a window of the wire's counts says."""

from __future__ import annotations

from idchaos.targets.observer import EndpointCounts, LinkObserved

BEFORE = EndpointCounts(requests=10, statuses={200: 9}, failed={"reset": 1}, seconds=1.0, kids=("a",))
AFTER = EndpointCounts(
    requests=15, statuses={200: 9, 503: 2}, failed={"reset": 2, "closed": 1}, seconds=1.5, kids=("a",)
)


def test_a_window_is_the_difference_of_two_readings() -> None:
    window = AFTER.since(BEFORE)
    assert (window.requests, window.statuses, window.failed) == (5, {503: 2}, {"reset": 1, "closed": 1})
    assert (window.answered, window.unanswered, window.seconds) == (2, 3, 0.5)


def test_nothing_asked_is_nothing_counted() -> None:
    assert LinkObserved().of("jwks") == EndpointCounts()


def test_it_reads_what_the_observer_says() -> None:
    said = {"connections": 2, "unreadable": 0, "endpoints": {"jwks": {"requests": 1, "statuses": {"200": 1}}}}
    assert LinkObserved.model_validate(said).of("jwks").statuses == {200: 1}
