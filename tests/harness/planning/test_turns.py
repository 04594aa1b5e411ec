"""Whose turn it is: every pair meets, and early."""

from __future__ import annotations

from itertools import combinations, islice, product

import pytest

from idchaos.planning.turns import covering, turns


@pytest.mark.parametrize("sizes", [(2, 2), (2, 4), (2, 2, 2, 1), (5, 2, 4), (2, 3, 2, 2), (1,)], ids=str)
def test_each_combination_comes_once_and_values_and_pairs_come_first(sizes: tuple[int, ...]) -> None:
    order = covering(*sizes)
    assert sorted(order) == sorted(product(*map(range, sizes)))
    for axis, size in enumerate(sizes):
        assert {each[axis] for each in order[: max(sizes)]} == set(range(size)), "no value waits for the others"
    for a, b in combinations(range(len(sizes)), 2):
        early = {(each[a], each[b]) for each in order[: 2 * max(x * y for x, y in combinations(sizes, 2))]}
        assert len(early) == sizes[a] * sizes[b]


def test_two_of_the_same_number_do_not_keep_step() -> None:
    """Ways and clients that took turns by themselves would: the second client would never meet the first way."""
    assert set(islice(turns(2, 2), 4)) == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("begin", range(8))
def test_wherever_they_begin_every_value_comes_at_once_and_they_go_on_for_ever(begin: int) -> None:
    first, second, *rest = islice(turns(2, 2, 2, begin=begin), 9)
    assert all(a != b for a, b in zip(first, second, strict=True))
    assert rest[-1] == first


def test_each_number_begins_with_another_combination() -> None:
    assert len({next(turns(2, 3, 2, begin=begin)) for begin in range(12)}) == 12


def test_where_there_is_nobody_nobody_has_a_turn() -> None:
    assert next(turns(2, 0), None) is None
