"""Several runs, one after the other; what was inconclusive is run again, so often and no more, and that is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from idchaos.experiment import Verdict
from idchaos.run.launch import Prepared
from idchaos.verdict.verdict import RunVerdict

Execute = Callable[[Prepared], RunVerdict]


def run_all(prepared: Sequence[Prepared], execute: Execute, *, retries: int = 0) -> Iterator[tuple[RunVerdict, bool]]:
    """Each run's verdict as soon as it stands, and whether it decides: one that is INCONCLUSIVE does not, where it is
    run again. FAIL is never run again: a breach that is seen once is one.

    Raises:
        IdchaosError: a run could not be completed; the rest is not begun.
    """
    for each in prepared:
        for left in range(retries, -1, -1):
            verdict = execute(each)
            again = verdict.verdict is Verdict.INCONCLUSIVE and left > 0
            yield verdict, not again
            if not again:
                break
