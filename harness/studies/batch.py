"""Several runs, one after the other; what was inconclusive is run again, so often and no more, and that is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from idchaos.experiment import Verdict
from idchaos.run.launch import Prepared
from idchaos.verdict.verdict import RunVerdict

Execute = Callable[[Prepared], RunVerdict]
Bear = Callable[[Prepared, Exception], bool]
"""Told of a run that could not be completed; whether the rest is begun all the same."""


@dataclass(frozen=True)
class Made:
    """A run that was made, and what came of it."""

    prepared: Prepared
    verdict: RunVerdict
    decides: bool
    """Whether its verdict counts: it does not where the run is made again."""


def run_all(prepared: Sequence[Prepared], execute: Execute, bear: Bear, *, retries: int = 0) -> Iterator[Made]:
    """Each run as soon as its verdict stands. One that is INCONCLUSIVE is made again, so often and no more. FAIL never
    is: a breach that is seen once is one. Nor is one that could not be completed.

    Raises:
        Exception: of such a run, where ``bear`` does not bear it; the rest is not begun.
    """
    for each in prepared:
        for left in range(retries, -1, -1):
            try:
                verdict = execute(each)
            except Exception as error:
                if not bear(each, error):
                    raise
                break
            again = verdict.verdict is Verdict.INCONCLUSIVE and left > 0
            yield Made(each, verdict, decides=not again)
            if not again:
                break
