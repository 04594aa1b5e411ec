"""Whose turn it is: every combination comes, and every value early."""

from __future__ import annotations

from itertools import combinations, islice, product

import pytest

from idchaos.planning.turns import turn, turns

SIZES = [(2, 2), (2, 4), (2, 2, 2, 1), (5, 2, 4), (2, 3, 2, 2), (4, 2, 8), (3, 1, 3), (1, 2), (1,)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_each_combination_comes_once_in_a_cycle_wherever_it_begins(sizes: tuple[int, ...]) -> None:
    every = sorted(product(*map(range, sizes)))
    for begin in (0, 1, 5, len(every), 3 * len(every) + 1):
        assert sorted(islice(turns(*sizes, begin=begin), len(every))) == every


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_first_strictly_takes_its_turns(sizes: tuple[int, ...]) -> None:
    """Of two attempts at two replicas each has one, whatever else takes turns."""
    assert [turn(number, *sizes)[0] for number in range(20)] == [number % sizes[0] for number in range(20)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_no_value_waits_for_the_others(sizes: tuple[int, ...]) -> None:
    early = list(islice(turns(*sizes), max(sizes)))
    for axis, size in enumerate(sizes):
        assert {each[axis] for each in early} == set(range(size))


def test_every_pair_of_replica_route_and_method_is_met_in_six() -> None:
    early = list(islice(turns(2, 2, 2), 6))
    for a, b in combinations(range(3), 2):
        assert len({(each[a], each[b]) for each in early}) == 4


def test_two_of_the_same_number_do_not_keep_step() -> None:
    """Ways and clients that took turns by themselves would: the second client would never meet the first way."""
    assert set(islice(turns(2, 2), 4)) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_where_there_is_nobody_nobody_has_a_turn() -> None:
    assert next(turns(2, 0), None) is None
