"""What is said of a phase in which nothing failed."""

from __future__ import annotations

import math

import pytest

from idchaos.verdict.missable import missable


def test_a_phase_without_a_failure_says_what_it_could_have_missed() -> None:
    found = missable(1.0, 12)
    assert found is not None
    assert found.share == pytest.approx(0.2209)
    assert found.text == (
        "no failure in 12 seconds: an incident of whole seconds, in up to 22 % of them, could have been missed; "
        "a longer phase (or more runs with other seeds: run --repeat 5) sees rarer ones"
    )


def test_of_runs() -> None:
    found = missable(0.0, 5, of="runs")
    assert found is not None
    assert "5 runs: an incident of whole runs, in up to 45 % of them" in found.text


@pytest.mark.parametrize(("share", "seconds"), [(0.999, 12), (math.nan, 12), (1.0, 0)])
def test_where_failures_were_seen_or_nothing_was_the_interval_says_all(share: float, seconds: int) -> None:
    assert missable(share, seconds) is None
