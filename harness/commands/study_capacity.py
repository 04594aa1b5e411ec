"""``idchaos study capacity``: the highest rate that still meets the objectives."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idchaos.commands import options
from idchaos.commands.executing import executing
from idchaos.commands.lines import say, tell
from idchaos.commands.quantities import FINITE, SIZE
from idchaos.errors import ExitCode, UsageError
from idchaos.experiment import Verdict
from idchaos.settings import parse_assignments

if TYPE_CHECKING:
    from idchaos.studies.capacity.study import CapacityStudy

OF_IDP = ("login", "machine")
"""Flows that no gateway bears."""
FINEST = 0.001
"""No run tells rates apart that are closer."""


@click.command()
@click.argument("flow", type=click.Choice(["api", "opaque", "login", "machine"]))
@click.option("--from", "low", type=SIZE, default="100", show_default=True, help="A rate that surely holds, 1/s.")
@click.option("--to", "high", type=SIZE, default="5k", show_default=True, help="No higher rate is tried, 1/s.")
@click.option(
    "--within", type=FINITE, default=0.1, show_default=True, help="The edge is to be known to this share of itself."
)
@click.option(
    "--repeats", type=click.IntRange(1, 100), default=2, show_default=True, help="Runs that must hold at a rate."
)
@click.option("--at", "at_rps", type=SIZE, help="What you have, 1/s: what is left of the capacity?")
@click.option("--gateways", type=click.IntRange(2, 10_000), help="With --at: when one of so many gateways is gone.")
@click.option(
    "--beside", type=click.Path(path_type=Path, file_okay=False), multiple=True, metavar="DIR",
    help="Another study of the same flow, of other gateways; repeatable. Three numbers of them tell how it scales.",
)  # fmt: skip
@click.option(
    "--retry-inconclusive", "retries", type=click.IntRange(0, 10), default=1, show_default=True,
    help="How often an undecided run is made again.",
)  # fmt: skip
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be run and how long it takes; start nothing.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The study's directory.")
@options.system
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the first run at each rate.  [default: 1]")
@options.assignments
@options.reports
@options.as_json
def capacity(
    *,
    flow: str,
    low: float,
    high: float,
    within: float,
    repeats: int,
    at_rps: float | None,
    gateways: int | None,
    beside: tuple[Path, ...],
    retries: int,
    only_plan: bool,
    out: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **request: Any,
) -> int:
    """How much does it bear? The highest rate that still meets success and latency: by steps of two, then bisection.

    \b
    api      calls with JWTs through the gateways; cold caches: --set gateway.jwks_cache_s=0.1
    opaque   calls with opaque tokens, which somebody introspects: --topology introspection
    login    new logins at the IdP
    machine  client-credentials tokens at the IdP

    For example: idchaos study capacity api --from 200 --to 4k --gateway envoy --at 800 --gateways 3

    Exit codes: 0 the capacity was found, 2 at least so much, or too little could be decided.
    """
    from idchaos.run.launch import Request
    from idchaos.studies.capacity.page import notes
    from idchaos.studies.capacity.scaling import read, together
    from idchaos.studies.capacity.study import SCENARIO, SETTING, CapacityStudy, found, search
    from idchaos.studies.study.table import Table

    if (at_rps is None) != (gateways is None):
        raise UsageError("study: --at and --gateways go together")
    if gateways is not None and flow in OF_IDP:
        raise UsageError(f"study: --gateways {gateways}: {flow} loads the IdP, of which gateways bear nothing")
    if not low < high:
        raise UsageError(f"study: --from {low:g} should be below --to {high:g}")
    if not FINEST <= within < 1:
        raise UsageError(f"study: --within should be at least {FINEST:g} and below 1, not {within:g}")
    others = tuple(read(each, flow) for each in beside)
    words = ("idchaos", *sys.argv[1:])
    overrides = {"capacity.flow": flow, **parse_assignments(assignments)}
    asked = Request(str(SCENARIO), overrides=overrides, command=words, **request)
    study = CapacityStudy.planned(
        asked, SETTING, search(low, high, within, repeats), watched=("served", "in_time"), retries=retries
    )
    if only_plan:
        return _tell_plan(study, flow, as_json)
    directory = out or request["reports"] / "studies" / f"capacity.{flow}"
    table = Table(directory, study.question())
    try:
        study.go(table, executing(as_json), tell)
    finally:
        # Whatever ended it: all that was finished is there to be read.
        if table.results:
            known = found(study.answer(table), flow)
            headroom = None if at_rps is None or gateways is None else known.headroom(at_rps, gateways)
            said = notes(known, headroom, *together((known, *others)) if others else ())
            _write(known, said, table, shlex.join(words))
    return _tell(known, headroom, said, directory, as_json)


def _tell_plan(study: CapacityStudy, flow: str, as_json: bool) -> int:
    values, repeats = study.search.most_values(), study.search.repeats
    plan = {"study": "capacity", "flow": flow, "rates": values, "repeats": repeats, "runs": values * repeats,
            "seconds": round(study.longest_s())}  # fmt: skip
    if as_json:
        print(json.dumps(plan, indent=2))
    else:
        say(f"{flow}: at most {values} rates, {repeats} runs each, {study.longest_s() / 60:.0f} minutes")
    return ExitCode.PASS


def _write(known: Any, said: list[str], table: Any, command_line: str) -> None:
    from idchaos.record.rundir import write_atomically
    from idchaos.studies.capacity.page import PAGE, page

    table.export()
    write_atomically(table.directory / "answer.json", known.model_dump_json(indent=2) + "\n")
    write_atomically(table.directory / PAGE, page(known, said, table.directory, command_line))


def _tell(known: Any, headroom: Any, said: list[str], directory: Path, as_json: bool) -> int:
    from idchaos.studies.capacity.page import PAGE

    verdict = Verdict.PASS if known.found else Verdict.INCONCLUSIVE
    if as_json:
        document = {"verdict": verdict, "answer": known.sentence(), "notes": said}
        left = None if headroom is None else headroom.model_dump(mode="json")
        print(json.dumps({**document, "headroom": left, **known.model_dump(mode="json")}, indent=2))
    else:
        say(known.sentence())
        for note in said:
            say(f"  {note}")
        print(f"  {directory / PAGE}")
    return ExitCode[verdict]
