"""Checks that are made at the same time: each is told, in order, and what hangs is told to hang."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from idchaos.errors import TargetError
from idchaos.targets.gateways.checks import Finding
from idchaos.targets.side_by_side import side_by_side, tried


def well(*whats: str) -> list[Finding]:
    return [Finding(ok=True, what=what) for what in whats]


def test_they_are_told_in_their_order_whoever_is_done_first() -> None:
    second_is_done = threading.Event()

    def first() -> Iterator[Finding]:
        assert second_is_done.wait(5.0)
        yield from well("a", "b")

    def second() -> list[Finding]:
        second_is_done.set()
        return well("c")

    assert [each.what for each in side_by_side({"first": first, "second": second}, 10.0)] == ["a", "b", "c"]


def test_of_one_that_hangs_what_it_had_found_is_told_and_that() -> None:
    ends = threading.Event()

    def hangs() -> Iterator[Finding]:
        yield from well("so far")
        ends.wait(30.0)

    found = list(side_by_side({"gateway-1": hangs, "gateway-2": lambda: well("all is well")}, 0.2))
    ends.set()
    assert [(each.ok, each.what) for each in found] == [
        (True, "so far"),
        (False, "gateway-1: not done within 0.2 s"),
        (True, "all is well"),
    ]


def test_one_that_fails_is_a_finding() -> None:
    def fails() -> Iterator[Finding]:
        yield from well("so far")
        raise TargetError("no token")

    found = list(side_by_side({"client": fails}, 5.0))
    assert [(each.ok, each.what) for each in found] == [(True, "so far"), (False, "no token")]
    assert tried(lambda: None, "it can").ok
    assert not tried(lambda: next(fails()) and list(fails()), "").ok


def test_a_check_that_breaks_is_not_taken_for_one_that_found_nothing() -> None:
    def breaks() -> Iterator[Finding]:
        yield from well("so far")
        raise KeyError("a mistake of ours")

    with pytest.raises(KeyError, match="a mistake of ours"):
        list(side_by_side({"client": breaks}, 5.0))
