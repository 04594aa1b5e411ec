"""``idchaos run``: scenarios, one after the other, judged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idchaos.commands import options
from idchaos.errors import IdchaosError, UsageError, told, unknown
from idchaos.settings import parse_assignments

if TYPE_CHECKING:
    from idchaos.run.launch import Prepared
    from idchaos.verdict.verdict import RunVerdict

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("scenarios", nargs=-1, metavar="SCENARIO...")
@click.option("--all", "every", is_flag=True, help="Run every scenario there is.")
@click.option("--variant", metavar="NAME", help="One of the scenario's variants; `idchaos list` shows them.")
@options.system
@options.rate
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Same seed, same plan.")
@options.assignments
@click.option(
    "--retry-inconclusive",
    "retries",
    type=click.IntRange(0, 10),
    default=0,
    show_default=True,
    help="How often a run that was INCONCLUSIVE is made again. A FAIL never is.",
)
@options.reports
@click.option("--junit", type=FILE, help="Write one JUnit document of all runs there as well.")
@click.option("--summary", type=FILE, help="Write one Markdown summary of all runs there as well.")
@options.as_json
def command(
    *,
    scenarios: tuple[str, ...],
    every: bool,
    variant: str | None,
    rate: float | None,
    assignments: tuple[str, ...],
    retries: int,
    junit: Path | None,
    summary: Path | None,
    as_json: bool,
    **request: Any,
) -> int:
    """Run scenarios one after the other; the worst verdict decides the exit code.

    SCENARIO is a name that `idchaos list` shows, or a file: ./my_outage.py. With --all, scenarios that need what the
    topology has not are skipped, and named.

    Exit code 70 also says that a run, whatever its verdict short of FAIL, left something behind: idchaos recover.
    """
    from idchaos.commands.outcome import conclude
    from idchaos.commands.terminal import show_skipped, show_verdicts
    from idchaos.run.launch import Request, prepare

    scenarios, skipped = chosen(scenarios, every, request["topology"])
    overrides = parse_assignments(assignments) | ({} if rate is None else {"load.rate": rate})
    words = ("idchaos", *sys.argv[1:])
    prepared = [
        prepare(Request(name, overrides=settings_of(name, variant) | overrides, command=words, **request))
        for name in scenarios
    ]
    if not as_json:
        show_skipped(skipped or {})
    batch = Batch(as_json)
    error: str | None = None
    try:
        batch.run(prepared, retries)
    except (IdchaosError, KeyboardInterrupt) as stopped:
        error = told(stopped)
        raise
    finally:
        # What was judged is not lost with the run that could not be completed.
        if len(batch.verdicts) > 1 and not as_json:
            show_verdicts(batch.verdicts)
            show_skipped(skipped or {})
        code = conclude(
            batch.verdicts, as_json, skipped=skipped, error=error, run_dir=batch.under_way, again=batch.again
        )
        batch.write(junit, summary, error)
    return code


class Batch:
    """Runs as they come: verdicts that count, those that were made again, and the one under way."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self.verdicts: list[RunVerdict] = []
        self.again: list[RunVerdict] = []
        self.under_way: str | None = None
        """The directory of a run that has begun, and came to no verdict yet."""

    def run(self, prepared: Sequence[Prepared], retries: int) -> None:
        """Make them, and tell of each.

        Raises:
            IdchaosError, KeyboardInterrupt: a run could not be completed.
        """
        from idchaos.commands.outcome import show
        from idchaos.studies.batch import run_all
        from idchaos.studies.single import NotStored

        try:
            for verdict, decides in run_all(prepared, self._execute, retries=retries):
                (self.verdicts if decides else self.again).append(verdict)
                show(verdict, self._quiet)
                if not decides:
                    print(f"idchaos: {verdict.scenario}: INCONCLUSIVE: {_first(verdict)}; run again", file=sys.stderr)
        except NotStored as error:
            show(error.verdict, self._quiet)
            self.verdicts.append(error.verdict)
            raise

    def write(self, junit: Path | None, summary: Path | None, error: str | None) -> None:
        """One document of all runs: JUnit of those that decide, a summary of all.

        Raises:
            StoreError: it can't be written.
        """
        from idchaos.record.rundir import write_atomically
        from idchaos.report import together
        from idchaos.report.write import JUNIT, MARKDOWN

        if junit is not None:
            write_atomically(junit, together.junit(_reports(self.verdicts, JUNIT), error))
        if summary is not None:
            write_atomically(summary, together.summary(_reports((*self.again, *self.verdicts), MARKDOWN), error))

    def _execute(self, prepared: Prepared) -> RunVerdict:
        from idchaos.commands.live import watching
        from idchaos.studies.single import run

        with watching(prepared, quiet=self._quiet and not sys.stderr.isatty()) as observer:
            verdict = run(prepared, observer, self._begun)
        self.under_way = None
        return verdict

    def _begun(self, run_dir: Path) -> None:
        self.under_way = str(run_dir)


def _reports(verdicts: Sequence[RunVerdict], name: str) -> list[str]:
    files = (Path(verdict.run_dir) / name for verdict in verdicts)
    return [file.read_text(encoding="utf-8") for file in files if file.exists()]


def _first(verdict: RunVerdict) -> str:
    return verdict.reasons[0] if verdict.reasons else "no reason was given"


def settings_of(scenario: str, variant: str | None) -> dict[str, Any]:
    """The settings that a variant of a scenario changes; none without a variant.

    Raises:
        UsageError: the scenario or the variant is unknown.
    """
    from idchaos.run.scenarios import scenario_named

    if variant is None:
        return {}
    variants = scenario_named(scenario).variants
    if variant not in variants:
        raise UsageError(unknown(f"--variant: {scenario}", variant, variants))
    return dict(variants[variant])


def chosen(scenarios: tuple[str, ...], every: bool, topology: str) -> tuple[tuple[str, ...], dict[str, str] | None]:
    """What is to be run; and, of all scenarios, what is not: by name, why.

    Raises:
        UsageError: neither scenarios nor all of them are asked for, or both, or none can be run there.
    """
    from idchaos.run.scenarios import all_scenarios

    if every and scenarios:
        raise UsageError(f"run: {' '.join(scenarios)} or --all, not both")
    if not every and not scenarios:
        raise UsageError("run: name scenarios, or ask for --all of them; `idchaos list` shows what there is")
    if not every:
        return scenarios, None
    found = {name: scenario.why_not_on(topology) for name, scenario in all_scenarios().items()}
    suited = tuple(name for name, why_not in found.items() if not why_not)
    if not suited:
        raise UsageError(f"run: no scenario can be run on the topology {topology}")
    return suited, {name: why_not for name, why_not in found.items() if why_not}
