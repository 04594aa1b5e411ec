"""A component that tells nothing felt a fault on its link: what arrived behind it says so, or what did not."""

from __future__ import annotations

import pytest

from idchaos.faults.arrivals import Arrived, felt

EVERY_4_S = Arrived(now=100.0, connections=3, asked=5, at=(83.0, 87.0, 91.0, 95.0, 99.0))


def later(seconds: float, *, connections: int = 0, at: tuple[float, ...] = ()) -> Arrived:
    return Arrived(100.0 + seconds, 3 + connections, 5 + len(at), (*EVERY_4_S.at, *at))


def test_who_asked_every_four_seconds_and_is_not_heard_for_twelve_met_a_closed_door() -> None:
    found = felt("gateway-1", "refused", EVERY_4_S, later(12))
    assert found.ok
    assert found.what == (
        "gateway-1, as seen on the wire: 0 key fetches, none for 13.0 s; before, one came at least every 4.0 s"
    )


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (EVERY_4_S, later(3), "not due yet"),
        (EVERY_4_S, later(12, at=(106.0,)), "one came through"),
        (Arrived(100.0, 1, 1, (99.0,)), Arrived(160.0, 1, 1, (99.0,)), "how often it asks is not known"),
        (Arrived(100.0, 0, 0, ()), Arrived(160.0, 0, 0, ()), "it never asked"),
    ],
)
def test_silence_proves_nothing_of_who_was_not_due_to_ask(before: Arrived, now: Arrived, why: str) -> None:
    assert not felt("gateway-1", "refused", before, now).ok, why


def test_what_was_on_its_way_when_the_fault_began_is_not_held_against_it() -> None:
    assert felt("gateway-1", "refused", EVERY_4_S, later(12, at=(100.2,))).ok


def test_slow_answers_are_felt_by_who_asks() -> None:
    assert felt("gateway-1", "slow", EVERY_4_S, later(12, at=(103.0, 107.0))).ok
    assert not felt("gateway-1", "slow", EVERY_4_S, later(12)).ok


def test_a_black_hole_is_met_by_connections_that_bring_no_request() -> None:
    assert felt("gateway-1", "timeout", EVERY_4_S, later(12, connections=4)).ok
    assert not felt("gateway-1", "timeout", EVERY_4_S, later(3)).ok


def test_a_reset_is_met_by_a_connection() -> None:
    assert felt("gateway-1", "reset", EVERY_4_S, later(12, connections=2)).ok
    assert not felt("gateway-1", "reset", EVERY_4_S, later(12, connections=1)).ok
    assert not felt("gateway-1", "reset", EVERY_4_S, later(12)).ok
