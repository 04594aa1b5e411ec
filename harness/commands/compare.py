"""``idchaos compare``: is the second of two runs worse?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from idchaos.commands import options
from idchaos.commands.quantities import Between
from idchaos.errors import ExitCode


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--points", type=Between(0, 100), default=1.0, show_default=True, help="Of shares: points.")
@click.option(
    "--relative",
    type=Between(0),
    default=0.25,
    show_default=True,
    help="Of times and rates: share of the first.",
)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="Where the page is written.")
@options.as_json
def command(*, first: Path, second: Path, points: float, relative: float, page: Path | None, as_json: bool) -> int:
    """Two runs of a scenario side by side, with differences and their intervals, as a page.

    --points and --relative say which differences are none. Exit code: 0 the second is no worse, 1 it is worse,
    2 it can't be told.
    """
    from idchaos.commands.terminal import show_comparison
    from idchaos.record.rundir import write_atomically
    from idchaos.report import compared
    from idchaos.studies.single import judge_stored
    from idchaos.verdict.comparison import Change, Tolerance, compare

    runs = judge_stored(first), judge_stored(second)
    found = compare(*runs, Tolerance(share=points / 100, relative=relative))
    out = page or second.resolve() / "compared.html"
    links = tuple((path.resolve() / "report.html").as_uri() for path in (first, second))
    records, verdicts = (runs[0][0], runs[1][0]), (runs[0][1], runs[1][1])
    write_atomically(out, compared.page(found, records, verdicts, (links[0], links[1])))
    if as_json:
        print(json.dumps({**found.model_dump(mode="json"), "page": str(out)}, indent=2))
    else:
        show_comparison(found, out)
    codes = {Change.NO_WORSE: ExitCode.PASS, Change.WORSE: ExitCode.FAIL, Change.UNKNOWN: ExitCode.INCONCLUSIVE}
    return codes[found.change]
