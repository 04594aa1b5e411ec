"""What is inconclusive is run again, so often and no more; a FAIL never."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

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

    found = run_all([ONE], execute, retries=retries)
    assert [(run.verdict.verdict, run.decides) for run in found] == list(told)
