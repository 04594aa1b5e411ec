"""``idchaos study thresholds``: how far a setting can go before it is felt."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idchaos.commands import options
from idchaos.commands.executing import executing
from idchaos.commands.lines import say, tell
from idchaos.commands.quantities import FINITE
from idchaos.errors import ExitCode, UsageError
from idchaos.settings import names, parse_assignments

if TYPE_CHECKING:
    from idchaos.studies.study.thresholds import Answer, Thresholds


@click.command()
@click.argument("scenario")
@click.argument("setting", metavar="SETTING=LOW..HIGH")
@click.option("--resolution", type=FINITE, help="How closely the edge is to be known.  [default: a sixteenth]")
@click.option(
    "--repeats", type=click.IntRange(1, 100), default=1, show_default=True, help="Runs that must pass at a value."
)
@click.option("--falling", is_flag=True, help="Lower values are harder to bear, as of a cache's life.")
@click.option(
    "--objective", "watched", multiple=True, metavar="NAME", help="Watch only this objective or invariant; repeatable."
)
@click.option("--at-least", "wanted", type=FINITE, help="A value that must hold: FAIL where it breaks.")
@click.option(
    "--retry-inconclusive", "retries", type=click.IntRange(0, 10), default=1, show_default=True,
    help="How often an undecided run is made again.",
)  # fmt: skip
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be run and how long it takes; start nothing.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The study's directory.")
@options.system
@options.rate
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the first run at each value.  [default: 1]")
@options.assignments
@options.reports
@options.as_json
def thresholds(
    *,
    scenario: str,
    setting: str,
    resolution: float | None,
    repeats: int,
    falling: bool,
    watched: tuple[str, ...],
    wanted: float | None,
    retries: int,
    only_plan: bool,
    out: Path | None,
    rate: float | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **request: Any,
) -> int:
    """How far can a setting go before it is felt? The edge by bisection, for any setting of any scenario.

    For example: idchaos study thresholds jwks_outage fault.duration_s=4..60

    Exit codes: 0 the edge was found (or --at-least holds), 1 --at-least breaks, 2 undecided: neither is known, or the
    edge is known from one side alone, or less closely than asked.
    """
    from idchaos.run.launch import Request
    from idchaos.studies.study.edge import Search
    from idchaos.studies.study.table import Table
    from idchaos.studies.study.thresholds import Thresholds

    name, low, high = _range(setting)
    if wanted is not None and not low <= wanted <= high:
        raise UsageError(
            f"study: --at-least {wanted:g} should be within {low:g}..{high:g}, where the edge is looked for"
        )
    overrides = parse_assignments(assignments) | ({} if rate is None else {"load.rate": rate})
    words = ("idchaos", *sys.argv[1:])
    study = Thresholds.planned(
        Request(scenario, overrides=overrides, command=words, **request),
        name,
        Search(
            low=low,
            high=high,
            resolution=(high - low) / 16 if resolution is None else resolution,
            repeats=repeats,
            rising=not falling,
        ),
        watched=watched,
        retries=retries,
        gate=wanted is not None,
    )
    if only_plan:
        return _tell_plan(study, as_json)
    directory = out or request["reports"] / "studies" / f"{scenario}.{name}"
    table = Table(directory, study.question())
    try:
        answer = study.go(table, executing(as_json), tell)
    finally:
        # Whatever ended it: all that was finished is there to be read.
        if table.results:
            answer = study.answer(table)
            _write(study, table, answer, shlex.join(words))
    return _tell(answer, wanted, directory, as_json)


def _range(text: str) -> tuple[str, float, float]:
    number = r"(-?\d+(?:\.\d+)?)"
    found = re.fullmatch(rf"([a-z_]+\.[a-z0-9_]+)={number}\.\.{number}", text)
    if found is None:
        raise UsageError(f"study: {text!r} should be SETTING=LOW..HIGH, such as fault.duration_s=4..60")
    return found[1], float(found[2]), float(found[3])


def _tell_plan(study: Thresholds, as_json: bool) -> int:
    search = study.search
    plan = {
        "study": "thresholds",
        "setting": study.setting,
        "values": search.most_values(),
        "repeats": search.repeats,
        "runs": search.most_values() * search.repeats,
        "seconds": round(study.longest_s()),
    }
    if as_json:
        print(json.dumps(plan, indent=2))
    else:
        say(
            f"{study.request.scenario}: at most {plan['values']} values of {study.setting}, {search.repeats} "
            f"run{'s' if search.repeats > 1 else ''} each, {study.longest_s() / 60:.0f} minutes"
        )
    return ExitCode.PASS


def _write(study: Thresholds, table: Any, answer: Answer, command_line: str) -> None:
    from idchaos.record.rundir import write_atomically
    from idchaos.run.scenarios import scenario_named
    from idchaos.studies.study.page import PAGE, page

    table.export()
    meaning = names(scenario_named(study.request.scenario).settings)[study.setting]
    write_atomically(table.directory / "answer.json", answer.model_dump_json(indent=2) + "\n")
    write_atomically(table.directory / PAGE, page(answer, table.directory, meaning, command_line))


def _tell(answer: Answer, wanted: float | None, directory: Path, as_json: bool) -> int:
    from idchaos.studies.study.page import PAGE, notes

    verdict = answer.against(wanted)
    if as_json:
        document = {
            "verdict": verdict,
            "wanted": wanted,
            "answer": answer.sentence(),
            "notes": notes(answer),
            **answer.model_dump(mode="json"),
        }
        print(json.dumps(document, indent=2))
    else:
        asked = "" if wanted is None else f"{verdict}: at least {wanted:g} was asked. "
        say(f"{asked}{answer.scenario}: {answer.sentence()}")
        for note in notes(answer):
            say(f"  {note}")
        print(f"  {directory / PAGE}")
    return ExitCode[verdict]
