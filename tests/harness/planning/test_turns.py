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


def test_they_begin_where_they_are_told_and_go_on_for_ever() -> None:
    order = covering(2, 2)
    assert list(islice(turns(2, 2, begin=1), 5)) == [*order[1:], order[0], order[1]]


def test_where_there_is_nobody_nobody_has_a_turn() -> None:
    assert next(turns(2, 0), None) is None
