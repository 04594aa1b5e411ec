"""``idchaos run``: scenarios, one after the other, judged."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idchaos.commands import options
from idchaos.errors import StoreError, Unsuited, UsageError, named, told
from idchaos.settings import parse_assignments

if TYPE_CHECKING:
    from idchaos.run.launch import Prepared

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("scenarios", nargs=-1, metavar="SCENARIO...")
@click.option("--all", "every", is_flag=True, help="Run every scenario there is.")
@options.variant
@options.system
@options.faults
@options.rate
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Same seed, same plan.")
@options.assignments
@options.strict
@click.option(
    "--repeat",
    "times",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Run each plan so often, with seeds that follow each other, and judge these runs together.",
)
@click.option(
    "--retry-inconclusive",
    "retries",
    type=click.IntRange(0, 10),
    default=0,
    show_default=True,
    help="How often a run that was INCONCLUSIVE is made again. A FAIL never is.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="Run the rest where a run could not be completed. The exit code is then 70, unless a run was a FAIL.",
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
    strict: bool,
    times: int,
    retries: int,
    keep_going: bool,
    junit: Path | None,
    summary: Path | None,
    as_json: bool,
    **request: Any,
) -> int:
    """Run scenarios one after the other; the worst verdict decides the exit code.

    SCENARIO is a name that `idchaos list` shows, or a file: ./my_outage.py. With --all, scenarios that need what the
    target has not are skipped, and named.

    With --repeat, the runs of a plan are judged together, so that what differs from run to run counts; the exit code is
    that of this judgement.

    Where a run can't be completed, the rest is not begun, unless with --keep-going; Ctrl-C ends everything.

    Exit code 70 also says that a run, whatever its verdict short of FAIL, left something behind: idchaos recover.
    """
    from idchaos.commands.batch import Batch
    from idchaos.commands.outcome import conclude, short_of_fail
    from idchaos.commands.terminal import show_skipped, show_verdicts
    from idchaos.report.together import Unjudged
    from idchaos.run.launch import Request, prepare
    from idchaos.run.scenarios import settings_of

    if times > 1 and retries:
        raise UsageError("run: --repeat or --retry-inconclusive, not both: runs judged together all count")
    names = chosen(scenarios, every)
    overrides = parse_assignments(assignments) | ({} if rate is None else {"load.rate": rate})
    overrides |= options.STRICT if strict else {}
    words = ("idchaos", *sys.argv[1:])
    check_documents({"--junit": junit, "--summary": summary})

    def made(name: str) -> Prepared:
        return prepare(Request(name, overrides=settings_of(name, variant) | overrides, command=words, **request))

    prepared, skipped = suited(names, made) if every else ([made(name) for name in names], None)
    if not as_json:
        show_skipped(skipped or {})
    batch = Batch(as_json, keep_going=keep_going)
    error: str | None = None
    try:
        batch.run(prepared, times=times, retries=retries)
    except (Exception, KeyboardInterrupt) as stopped:
        error = named(stopped) if isinstance(stopped, Exception) else told(stopped)
        raise
    finally:
        # What was judged is not lost with the run that could not be completed, nor with who reads no further.
        written = batch.write(junit, summary, [*batch.unjudged, *([] if error is None else [Unjudged(error)])])
        batch.keep_index(request["reports"])
        if len(batch.verdicts) + len(batch.unjudged) > 1 and not as_json:
            show_verdicts(batch.verdicts, batch.joint, batch.unjudged)
            show_skipped(skipped or {})
        code = conclude(
            batch.verdicts,
            as_json,
            skipped=skipped,
            error=error,
            run_dir=batch.under_way,
            again=batch.again,
            joint=batch.joint,
            unjudged=batch.unjudged,
        )
    return code if written else short_of_fail(code)


def check_documents(named_by: Mapping[str, Path | None]) -> None:
    """See that the documents of all runs can be written, and make their folders.

    Raises:
        UsageError: one can't be, or two are the same file.
    """
    from idchaos.record.rundir import make_room

    wanted = {option: path for option, path in named_by.items() if path is not None}
    if len({path.absolute() for path in wanted.values()}) < len(wanted):
        raise UsageError(f"{' and '.join(wanted)}: name two files")
    for option, path in wanted.items():
        try:
            make_room(path)
        except StoreError as error:
            raise UsageError(f"{option}: {error}") from None


def chosen(scenarios: tuple[str, ...], every: bool) -> tuple[str, ...]:
    """What is asked for, by name.

    Raises:
        UsageError: neither scenarios nor all of them are asked for, or both.
    """
    from idchaos.run.scenarios import all_scenarios

    if every and scenarios:
        raise UsageError(f"run: {' '.join(scenarios)} or --all, not both")
    if not every and not scenarios:
        raise UsageError("run: name scenarios, or ask for --all of them; `idchaos list` shows what there is")
    return tuple(all_scenarios()) if every else scenarios


def suited(names: Iterable[str], made: Callable[[str], Prepared]) -> tuple[list[Prepared], dict[str, str]]:
    """Of all scenarios those that can be run here; and of the others, by name, why not.

    Raises:
        UsageError: something else is wrong, or none can be run.
    """
    prepared, skipped = [], {}
    for name in names:
        try:
            prepared.append(made(name))
        except Unsuited as error:
            skipped[name] = str(error)
    if not prepared:
        raise UsageError(f"run: no scenario can be run here: {next(iter(skipped.values()), 'there is none')}")
    return prepared, skipped
