"""What is inconclusive is run again, so often and no more; a FAIL never."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from idchaos.errors import Interrupted, LoadError
from idchaos.experiment import Verdict
from idchaos.run.launch import Prepared
from idchaos.studies.batch import run_all
from idchaos.verdict.verdict import RunVerdict

PASS, FAIL, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
ONE = cast(Prepared, SimpleNamespace())


@pytest.mark.parametrize(
    ("come", "retries", "told"),
    [
        ([PASS], 0, [(PASS, True)]),
        ([UNDECIDED], 0, [(UNDECIDED, True)]),
        ([UNDECIDED, PASS], 2, [(UNDECIDED, False), (PASS, True)]),
        ([UNDECIDED, FAIL], 2, [(UNDECIDED, False), (FAIL, True)]),
        ([FAIL, PASS], 2, [(FAIL, True)]),
        ([UNDECIDED, UNDECIDED, UNDECIDED, PASS], 2, [(UNDECIDED, False), (UNDECIDED, False), (UNDECIDED, True)]),
    ],
)
def test_retries_are_bounded_and_told(
    come: Sequence[Verdict], retries: int, told: Sequence[tuple[Verdict, bool]]
) -> None:
    coming = iter(come)

    def execute(_prepared: Prepared) -> RunVerdict:
        return cast(RunVerdict, SimpleNamespace(verdict=next(coming)))

    found = run_all([ONE], execute, lambda _prepared, _error: False, retries=retries)
    assert [(run.verdict.verdict, run.decides) for run in found] == list(told)


@pytest.mark.parametrize("bears", [True, False])
def test_a_run_that_could_not_be_completed_is_not_made_again_and_the_rest_is_begun_where_it_is_borne(
    bears: bool,
) -> None:
    """Whoever bears it is told which run it was."""
    lost, good = (cast(Prepared, SimpleNamespace(name=name)) for name in ("lost", "good"))
    told: list[tuple[Prepared, str]] = []

    def execute(prepared: Prepared) -> RunVerdict:
        if prepared is lost:
            raise LoadError("the load died")
        return cast(RunVerdict, SimpleNamespace(verdict=PASS))

    def bear(prepared: Prepared, error: Exception) -> bool:
        told.append((prepared, str(error)))
        return bears

    found = run_all([lost, good], execute, bear, retries=2)
    if bears:
        assert [run.prepared for run in found] == [good]
    else:
        with pytest.raises(LoadError):
            next(found)
    assert told == [(lost, "the load died")]


def test_who_keeps_going_does_not_go_on_after_an_interruption() -> None:
    def execute(_prepared: Prepared) -> RunVerdict:
        raise Interrupted("interrupted")

    with pytest.raises(Interrupted):
        next(run_all([ONE, ONE], execute, lambda _prepared, _error: True))
