"""Runs that one command asked for: made one after the other, told of, and kept for what the command prints last."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree.ElementTree import ParseError

from idchaos.commands.live import watching
from idchaos.commands.outcome import show
from idchaos.commands.terminal import show_joint
from idchaos.errors import IdchaosError, StoreError, interruption, named, told
from idchaos.record.rundir import write_atomically
from idchaos.report import together
from idchaos.report.together import Unjudged
from idchaos.report.write import JUNIT, MARKDOWN
from idchaos.run.launch import Prepared, repeat_command
from idchaos.studies import single
from idchaos.studies.batch import run_all
from idchaos.studies.history import write_index
from idchaos.studies.repeated import Joint, judge_together, with_seeds
from idchaos.studies.single import NotStored
from idchaos.verdict.verdict import RunVerdict


class Batch:
    """Runs as they come: verdicts that count, those that were made again, those that came to none, and the one under
    way.
    """

    def __init__(self, quiet: bool, *, keep_going: bool = False) -> None:
        self._quiet = quiet
        self._keep_going = keep_going
        self.verdicts: list[RunVerdict] = []
        self.again: list[RunVerdict] = []
        self.unjudged: list[Unjudged] = []
        """Runs that could not be completed, where the rest was begun all the same."""
        self.joint: list[Joint] = []
        """Of each plan that was run several times: what its runs come to together."""
        self.under_way: str | None = None
        """The directory of a run that has begun, and came to no verdict yet."""

    def run(self, prepared: Sequence[Prepared], *, times: int = 1, retries: int = 0) -> None:
        """Make them, each ``times`` times, and tell of each.

        Raises:
            Exception, KeyboardInterrupt: a run could not be completed; only an interruption, where it keeps going.
        """
        for each in prepared:
            made = self._run_all(with_seeds(each, times), retries)
            if len(made) > 1:
                self._judge_together(each, made)

    def _run_all(self, prepared: Sequence[Prepared], retries: int) -> list[RunVerdict]:
        made: list[RunVerdict] = []
        for run in run_all(prepared, self._execute, self._bear, retries=retries):
            verdict = run.verdict
            for kept in (self.verdicts, made) if run.decides else (self.again,):
                kept.append(verdict)
            show(verdict, self._quiet, repeat_command(run.prepared))
            if not run.decides:
                print(f"idchaos: {verdict.scenario}: INCONCLUSIVE: {_first(verdict)}; run again", file=sys.stderr)
        return made

    def _judge_together(self, prepared: Prepared, made: Sequence[RunVerdict]) -> None:
        try:
            joint = judge_together([Path(verdict.run_dir) for verdict in made])
        except IdchaosError as error:
            if not self._bear(prepared, error):
                raise
            return
        self.joint.append(joint)
        if not self._quiet:
            show_joint(joint)

    def _bear(self, prepared: Prepared, error: Exception) -> bool:
        """Keep what there is of a run that could not be completed; whether to go on all the same."""
        if isinstance(error, NotStored):
            show(error.verdict, self._quiet, repeat_command(prepared))
            self.verdicts.append(error.verdict)
        if not self._keep_going or interruption(error) is not None:
            return False
        unjudged = Unjudged(named(error), prepared.scenario.name, prepared.experiment.plan.variant, self.under_way)
        self.unjudged.append(unjudged)
        self.under_way = None
        if os.environ.get("IDCHAOS_TRACEBACK") and not isinstance(error, IdchaosError):
            traceback.print_exception(error)
        print(f"idchaos: {unjudged.line}; the rest is run", file=sys.stderr)
        return True

    def write(self, junit: Path | None, summary: Path | None, unjudged: Sequence[Unjudged]) -> bool:
        """One document of all runs: JUnit of those that decide, a summary of all; whether they are written. That one
        can't be changes no verdict, and is told.
        """
        written = True
        if junit is not None:
            written &= _kept(junit, lambda: together.junit(_reports(self.verdicts, JUNIT), unjudged))
        if summary is not None:
            written &= _kept(summary, lambda: together.summary(self._summaries(), unjudged))
        return written

    def _summaries(self) -> list[str]:
        of_again = [together.made_again(text) for text in _reports(self.again, MARKDOWN)]
        return [*of_again, *_reports(self.verdicts, MARKDOWN)]

    def keep_index(self, reports: Path) -> None:
        """Write the page of all runs anew. That it can't be written changes no verdict, and is told."""
        if not os.path.isdir(reports):  # noqa: PTH112 - a name that is too long is no folder, too
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


def _kept(path: Path, document: Callable[[], str]) -> bool:
    """Whether a document could be put together and written."""
    try:
        write_atomically(path, document())
    except (StoreError, OSError, ValueError, ParseError) as error:
        print(f"idchaos: {path} was not written: {told(error)}", file=sys.stderr)
        return False
    return True


def _reports(verdicts: Sequence[RunVerdict], name: str) -> list[str]:
    files = (Path(verdict.run_dir) / name for verdict in verdicts)
    return [file.read_text(encoding="utf-8") for file in files if file.exists()]


def _first(verdict: RunVerdict) -> str:
    return verdict.reasons[0] if verdict.reasons else "no reason was given"
