"""``idchaos run``: scenarios, one after the other, judged."""

from __future__ import annotations

import sys
from typing import Any

import click

from idchaos.commands import options
from idchaos.errors import IdchaosError, UsageError, told
from idchaos.settings import parse_assignments


@click.command()
@click.argument("scenarios", nargs=-1, metavar="SCENARIO...")
@click.option("--all", "every", is_flag=True, help="Run every scenario there is.")
@options.system
@options.rate
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Same seed, same plan.")
@options.assignments
@options.reports
@options.as_json
def command(
    scenarios: tuple[str, ...],
    every: bool,
    rate: float | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **request: Any,
) -> int:
    """Run scenarios one after the other; the worst verdict decides the exit code.

    With --all, scenarios that need what the topology has not are skipped, and named.

    Exit code 70 also says that a run, whatever its verdict short of FAIL, left something behind: idchaos recover.
    """
    from idchaos.commands.outcome import conclude, show
    from idchaos.commands.terminal import show_skipped, show_verdicts, watching
    from idchaos.run.launch import Request, prepare
    from idchaos.studies.single import NotStored, run
    from idchaos.verdict.verdict import RunVerdict

    scenarios, skipped = chosen(scenarios, every, request["topology"])
    overrides = parse_assignments(assignments) | ({} if rate is None else {"load.rate": rate})
    words = ("idchaos", *sys.argv[1:])
    prepared = [prepare(Request(scenario=name, overrides=overrides, command=words, **request)) for name in scenarios]
    if not as_json:
        show_skipped(skipped or {})
    verdicts: list[RunVerdict] = []
    try:
        for each in prepared:
            with watching(each, quiet=as_json) as observer:
                verdicts.append(run(each, observer))
            show(verdicts[-1], as_json)
    except (IdchaosError, KeyboardInterrupt) as error:
        if isinstance(error, NotStored):
            show(error.verdict, as_json)
            verdicts.append(error.verdict)
        # What was judged is not lost with the run that could not be completed.
        conclude(verdicts, as_json, skipped, error=told(error))
        raise
    if len(verdicts) > 1 and not as_json:
        show_verdicts(verdicts)
        show_skipped(skipped or {})
    return conclude(verdicts, as_json, skipped)


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
