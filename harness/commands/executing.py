"""Runs of a study, one by one, in this process: watched where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idchaos.run.launch import Prepared
    from idchaos.verdict.verdict import RunVerdict


def executing(quiet: bool) -> Callable[[Prepared], RunVerdict]:
    """Executes, judges and reports what was prepared. A line a phase would drown the study's own lines, so there is a
    live view or nothing.
    """
    from idchaos.commands.live import watching
    from idchaos.studies.single import run

    def execute(prepared: Prepared) -> RunVerdict:
        live = sys.stderr.isatty() and not quiet
        with watching(prepared, quiet=False) if live else nullcontext() as observer:
            return run(prepared, observer)

    return execute
