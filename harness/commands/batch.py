"""Runs that one command asked for: made one after the other, told of, and kept for what the command prints last."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from idchaos.commands.live import watching
from idchaos.commands.outcome import show
from idchaos.commands.terminal import show_joint
from idchaos.errors import StoreError, told
from idchaos.record.rundir import write_atomically
from idchaos.report import together
from idchaos.report.write import JUNIT, MARKDOWN
from idchaos.run.launch import Prepared, repeat_command
from idchaos.studies import single
from idchaos.studies.batch import run_all
from idchaos.studies.history import write_index
from idchaos.studies.repeated import Joint, judge_together, with_seeds
from idchaos.studies.single import NotStored
from idchaos.verdict.verdict import RunVerdict


class Batch:
    """Runs as they come: verdicts that count, those that were made again, and the one under way."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self.verdicts: list[RunVerdict] = []
        self.again: list[RunVerdict] = []
        self.joint: list[Joint] = []
        """Of each plan that was run several times: what its runs come to together."""
        self.under_way: str | None = None
        """The directory of a run that has begun, and came to no verdict yet."""

    def run(self, prepared: Sequence[Prepared], *, times: int = 1, retries: int = 0) -> None:
        """Make them, each ``times`` times, and tell of each.

        Raises:
            IdchaosError, KeyboardInterrupt: a run could not be completed.
        """
        for each in prepared:
            made = self._run_all(with_seeds(each, times), retries)
            if times > 1:
                self.joint.append(judge_together([Path(verdict.run_dir) for verdict in made]))
                if not self._quiet:
                    show_joint(self.joint[-1])

    def _run_all(self, prepared: Sequence[Prepared], retries: int) -> list[RunVerdict]:
        made: list[RunVerdict] = []
        try:
            for run in run_all(prepared, self._execute, retries=retries):
                verdict = run.verdict
                for kept in (self.verdicts, made) if run.decides else (self.again,):
                    kept.append(verdict)
                show(verdict, self._quiet, repeat_command(run.prepared))
                if not run.decides:
                    print(f"idchaos: {verdict.scenario}: INCONCLUSIVE: {_first(verdict)}; run again", file=sys.stderr)
        except NotStored as error:
            show(error.verdict, self._quiet, repeat_command(prepared[0]))
            self.verdicts.append(error.verdict)
            raise
        return made

    def write(self, junit: Path | None, summary: Path | None, error: str | None) -> None:
        """One document of all runs: JUnit of those that decide, a summary of all.

        Raises:
            StoreError: it can't be written.
        """
        if junit is not None:
            write_atomically(junit, together.junit(_reports(self.verdicts, JUNIT), error))
        if summary is not None:
            write_atomically(summary, together.summary(_reports((*self.again, *self.verdicts), MARKDOWN), error))

    def keep_index(self, reports: Path) -> None:
        """Write the page of all runs anew. That it can't be written changes no verdict, and is told."""
        if not reports.is_dir():
            return
        try:
            write_index(reports)
        except StoreError as error:
            print(f"idchaos: the index of runs was not written: {told(error)}", file=sys.stderr)

    def _execute(self, prepared: Prepared) -> RunVerdict:
        with watching(prepared, quiet=self._quiet and not sys.stderr.isatty()) as observer:
            verdict = single.run(prepared, observer, self._begun)
        self.under_way = None
        return verdict

    def _begun(self, run_dir: Path) -> None:
        self.under_way = str(run_dir)


def _reports(verdicts: Sequence[RunVerdict], name: str) -> list[str]:
    files = (Path(verdict.run_dir) / name for verdict in verdicts)
    return [file.read_text(encoding="utf-8") for file in files if file.exists()]


def _first(verdict: RunVerdict) -> str:
    return verdict.reasons[0] if verdict.reasons else "no reason was given"
