"""``idchaos study scale``: what happens with as many sessions and gateways as no laptop has."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from idchaos.commands import options
from idchaos.commands.executing import executing
from idchaos.commands.lines import say, tell
from idchaos.commands.quantities import DURATION, FINITE, SIZE
from idchaos.errors import ExitCode, UsageError
from idchaos.settings import parse_assignments


@click.command()
@click.option("--sessions", type=SIZE, default="100M", show_default=True, help="Sessions at a time.")
@click.option("--gateways", type=SIZE, default="10k", show_default=True, help="Caches of keys: replicas x processes.")
@click.option(
    "--regions", type=click.IntRange(1, 1000), default=5, show_default=True, help="Each with an edge of a CDN."
)
@click.option("--access-ttl", type=DURATION, default="15m", show_default=True, help="Life of an access token.")
@click.option("--jwks-cache", type=DURATION, default="5m", show_default=True, help="Life of a cache of keys.")
@click.option("--calls-per-session", type=FINITE, default=0.05, show_default=True, help="API calls per second.")
@click.option("--outage", "outages", type=DURATION, multiple=True, help="Repeatable.  [default: 1m, 10m and 1h]")
@click.option("--capacity", type=FINITE, default=2, show_default=True, help="Of the IdP, in times the usual refreshes.")
@click.option(
    "--refusal-cost", type=FINITE, default=0.02, show_default=True,
    help="What refusing a request takes of what serving one takes.",
)  # fmt: skip
@click.option(
    "--recover-within", type=DURATION, default="5m", show_default=True, help="Everybody is to be served by then."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The study's directory.")
@click.option(
    "--measure", type=click.IntRange(0, 3), default=0, show_default=True,
    help="Runs with real sessions to hold the simulation against; 1 min each.",
)  # fmt: skip
@options.system
@options.assignments
@options.reports
@options.as_json
def scale(
    *,
    outages: tuple[float, ...],
    out: Path | None,
    measure: int,
    target: str,
    gateway: str,
    idp: str,
    topology: str,
    profile: str,
    defects: tuple[str, ...],
    assignments: tuple[str, ...],
    reports: Path,
    as_json: bool,
    **asked: Any,
) -> int:
    """What happens at a scale no laptop has: herds, stampedes, rotations and revocations, simulated.

    For example: idchaos study scale --sessions 100M --gateways 10k --outage 10m --recover-within 5m

    Exit codes: 0 simulated (and as it was counted, with --measure), 2 not as it was counted, or a run that was to
    say so could not be counted in, 64 what is asked makes no sense.
    """
    from idchaos.run.launch import Request
    from idchaos.studies.scale import measured
    from idchaos.studies.scale.page import findings, title
    from idchaos.studies.scale.study import scaled

    words = ("idchaos", *sys.argv[1:])
    said = _asked(outages, **asked)
    progress = (lambda _line: None) if as_json else (lambda line: tell(f"study: {line}"))
    request = Request(
        measured.SCENARIO, target=target, gateway=gateway, idp=idp, topology=topology, profile=profile,
        defects=defects, overrides=parse_assignments(assignments), reports=reports, seed=said.seed, command=words,
    )  # fmt: skip
    checks, uncounted = measured.measure(measured.points(request, measure), executing(as_json))
    found = scaled(said, progress)
    directory = out or reports / "studies" / "scale"
    _write(found, directory, shlex.join(words), checks, uncounted)
    doubts = measured.unsure(checks)
    left_out = [each.told() for each in uncounted]
    if as_json:
        document = {
            "answer": findings(found.scaled),
            "doubts": [*doubts, *left_out],
            "day_took_s": round(found.day_took_s, 1),
            "checks": [each.model_dump(mode="json") for each in checks],
        }
        print(json.dumps({**document, **found.scaled.model_dump(mode="json")}, indent=2))
    else:
        say(title(found.scaled))
        for line in findings(found.scaled):
            say(f"  {line}")
        for line in doubts:
            say(f"  The model does not hold here: {line}")
        for line in left_out:
            say(f"  {line}")
        say(f"  A day of them was simulated in {found.day_took_s:.1f} s.")
        print(f"  {directory / 'study.html'}")
    return ExitCode.INCONCLUSIVE if doubts or uncounted else ExitCode.PASS


def _asked(outages: tuple[float, ...], **asked: Any) -> Any:
    from pydantic import ValidationError

    from idchaos.settings import plain
    from idchaos.studies.scale.study import Asked

    names = {"access_ttl": "access_ttl_s", "jwks_cache": "jwks_cache_s", "calls_per_session": "calls_per_session_s",
             "recover_within": "recover_within_s"}  # fmt: skip
    given = {names.get(name, name): value for name, value in asked.items()}
    try:
        return Asked(**given, **({"outages_s": tuple(sorted(set(outages)))} if outages else {}))
    except ValidationError as error:
        first = error.errors()[0]
        option = {field: option for option, field in names.items()}.get(str(first["loc"][0]), str(first["loc"][0]))
        option = {"outages_s": "outage"}.get(option, option).replace("_", "-")
        raise UsageError(f"study: --{option}: {plain(first['msg'])}, not {first['input']}") from None


def _write(found: Any, directory: Path, command_line: str, checks: Any, uncounted: Any) -> None:
    from idchaos.record.rundir import write_atomically
    from idchaos.studies.scale.page import PAGE, page
    from idchaos.studies.scale.table import COLUMNS, rows_of
    from idchaos.studies.study.table import export

    export(directory, rows_of(found.scaled), COLUMNS)
    write_atomically(directory / "answer.json", found.scaled.model_dump_json(indent=2) + "\n")
    write_atomically(directory / PAGE, page(found, command_line, checks, uncounted))
