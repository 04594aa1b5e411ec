"""The universal scalability law, fitted on capacities by number of replicas."""

from __future__ import annotations

import pytest

from idchaos.studies.capacity.scaling import Scaling, fit

LAW = Scaling(one_rps=500, contention=0.05, coherency=0.01, worst_error=0)


def test_a_law_is_found_again_from_what_it_says() -> None:
    found = fit({n: LAW.bears_rps(n) for n in (1, 2, 4, 8)})
    assert found is not None
    assert found.one_rps == pytest.approx(500)
    assert found.contention == pytest.approx(0.05)
    assert found.coherency == pytest.approx(0.01)
    assert found.worst_error == pytest.approx(0, abs=1e-9)


def test_beyond_the_best_number_capacity_falls() -> None:
    """sqrt(0.95 / 0.01) = 9.7."""
    best = LAW.best_replicas
    assert best == pytest.approx(9.75, abs=0.01)
    assert LAW.bears_rps(9) < LAW.bears_rps(best) > LAW.bears_rps(11)


def test_replicas_that_share_nothing_bear_as_much_as_there_are() -> None:
    found = fit({1: 100, 2: 200, 4: 400})
    assert found is not None
    assert (found.contention, found.coherency, found.best_replicas) == (pytest.approx(0), pytest.approx(0), None)


def test_noise_moves_it_no_farther_than_the_noise_and_makes_nothing_negative() -> None:
    noisy = {n: LAW.bears_rps(n) * (1.05 if n % 4 else 0.95) for n in (1, 2, 4, 8)}
    found = fit(noisy)
    assert found is not None
    assert min(found.contention, found.coherency) >= 0
    assert found.worst_error < 0.1
    assert found.bears_rps(6) == pytest.approx(LAW.bears_rps(6), rel=0.1)


def test_two_numbers_tell_no_law() -> None:
    assert fit({1: 100, 2: 190}) is None
