"""``idchaos study ttl``: which lifetimes to choose."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idchaos.commands import options
from idchaos.commands.executing import executing
from idchaos.commands.lines import say
from idchaos.commands.quantities import DURATION, FINITE, SIZE
from idchaos.errors import ExitCode, UsageError
from idchaos.settings import parse_assignments, plain

if TYPE_CHECKING:
    from idchaos.studies.lifetimes.model import Revocation


@click.command()
@click.option("--sessions", type=SIZE, required=True, help="Sessions at a time: 20k, 2M.")
@click.option("--validators", type=SIZE, default=2, show_default=True, help="Caches of keys: replicas x processes.")
@click.option("--calls-per-session", type=FINITE, default=0.05, show_default=True, help="API calls per second.")
@click.option("--leeway", type=DURATION, default="5s", show_default=True, help="Validators' tolerance on exp.")
@click.option(
    "--refresh-at",
    type=FINITE,
    default=0.8,
    show_default=True,
    help="Share of its life after which a token is renewed.",
)
@click.option(
    "--refresh-jitter", type=FINITE, default=0.1, show_default=True, help="By up to this share of a life earlier."
)
@click.option("--logins", type=FINITE, default=0, show_default=True, help="New logins per second.")
@click.option(
    "--retry", type=DURATION, default="1s", show_default=True, help="Between a session's attempts in an outage."
)
@click.option("--revocation-within", type=DURATION, help="A revoked token is refused everywhere after so long.")
@click.option(
    "--stolen-within", type=DURATION, help="A token whose theft nobody notices is worth nothing after so long."
)
@click.option(
    "--key-withdrawn-within", type=DURATION, help="A token of a withdrawn key is refused everywhere after so long."
)
@click.option("--survive-outage", type=DURATION, help="No session notices an outage of the IdP of this length.")
@click.option(
    "--revocation",
    "strategies",
    multiple=True,
    type=click.Choice(["expiry", "list", "introspection"]),
    help="How validators can learn of a revocation; repeatable.  [default: any way]",
)
@click.option("--idp-rps-max", type=SIZE, help="What the IdP can bear, in requests per second.")
@click.option("--money-max", type=SIZE, help="What it may cost in a month, in the currency of --prices.")
@click.option(
    "--prices", "price_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What requests, CPUs and users cost; docs/prices has examples. The cheapest is then the cheapest in money.",
)  # fmt: skip
@click.option(
    "--measure",
    type=click.IntRange(0, 3),
    default=0,
    show_default=True,
    help="Runs to hold the model against; 1 min each.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The study's directory.")
@options.system
@options.assignments
@options.reports
@options.as_json
def ttl(
    *,
    sessions: float,
    validators: float,
    calls_per_session: float,
    leeway: float,
    refresh_at: float,
    refresh_jitter: float,
    logins: float,
    retry: float,
    revocation_within: float | None,
    stolen_within: float | None,
    key_withdrawn_within: float | None,
    survive_outage: float | None,
    strategies: tuple[Revocation, ...],
    idp_rps_max: float | None,
    money_max: float | None,
    price_file: Path | None,
    measure: int,
    out: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **request: Any,
) -> int:
    """Which lifetimes to choose, what they cost, and what each constraint costs.

    For example: idchaos study ttl --sessions 2M --revocation-within 30s --survive-outage 10m --idp-rps-max 2k

    By closed forms; with --measure they are held against runs, and where they don't hold it is said. Exit codes: 0 a
    recommendation that was measured, 1 the constraints exclude each other, 2 nothing was measured or the model is off.
    """
    from pydantic import ValidationError

    from idchaos.run.launch import Request
    from idchaos.studies.lifetimes import study as lifetimes
    from idchaos.studies.lifetimes.choosing import Constraints
    from idchaos.studies.lifetimes.model import STRATEGIES, World
    from idchaos.studies.lifetimes.prices import read_prices

    words = ("idchaos", *sys.argv[1:])
    constraints = Constraints(
        revocation_within_s=revocation_within,
        stolen_within_s=stolen_within,
        key_withdrawn_within_s=key_withdrawn_within,
        survive_outage_s=survive_outage,
        idp_rps_max=idp_rps_max,
        money_max=money_max,
    )
    if money_max is not None and price_file is None:
        raise UsageError("study: --money-max needs --prices")
    prices = None if price_file is None else read_prices(price_file)
    try:
        world = World(
            sessions=sessions,
            validators=validators,
            calls_per_session_s=calls_per_session,
            leeway_s=leeway,
            refresh_at=refresh_at,
            refresh_jitter=refresh_jitter,
            logins_per_s=logins,
            retry_s=retry,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"study: {''.join(f'{name}: ' for name in first['loc'])}{plain(first['msg'])}") from None
    asked = Request(lifetimes.SCENARIO, overrides=parse_assignments(assignments), command=words, **request)
    prepared = lifetimes.points(asked, measure)
    found = lifetimes.study(world, constraints, strategies=strategies or STRATEGIES, prices=prices)
    if found.recommendation.chosen is not None:
        # Where constraints exclude each other, no run could change that.
        found = lifetimes.measured(found, prepared, executing(as_json))
    return _tell_lifetimes(found, out or request["reports"] / "studies" / "ttl", shlex.join(words), as_json)


def _tell_lifetimes(found: Any, directory: Path, command_line: str, as_json: bool) -> int:
    from idchaos.record.rundir import write_atomically
    from idchaos.studies.lifetimes.page import PAGE, page, sentence
    from idchaos.studies.lifetimes.table import COLUMNS, rows_of
    from idchaos.studies.study.table import export

    export(directory, rows_of(found), COLUMNS)
    write_atomically(directory / "answer.json", found.model_dump_json(indent=2) + "\n")
    write_atomically(directory / PAGE, page(found, command_line))
    said = sentence(found.recommendation, found.constraints)
    if as_json:
        print(json.dumps({"answer": said, "doubts": found.doubts, **found.model_dump(mode="json")}, indent=2))
    else:
        say(said)
        for doubt in found.doubts:
            say(f"  {doubt}")
        print(f"  {directory / PAGE}")
    if found.recommendation.chosen is None:
        return ExitCode.FAIL
    return ExitCode.INCONCLUSIVE if found.doubts else ExitCode.PASS
