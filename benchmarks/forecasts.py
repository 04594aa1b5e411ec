"""Does ``idchaos validate`` promise what runs keep? Sound runs, repeated, held against their forecast.

::

    python -m benchmarks.forecasts [SCENARIO[:VARIANT]...] [--repeats 10] [--rate R] [--json]

Of each objective and invariant that was foretold as surely decidable, each run must decide it, and a sound system must
pass. What a run withheld for the machine's sake (a late generator, too little CPU) is no broken promise, and is told.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from idchaos.commands.forecast import forecast
from idchaos.run.launch import Request, prepare
from idchaos.run.scenarios import settings_of
from idchaos.verdict.power import Decidable

DEFAULT = ("clock_skew:sweep",)
WITHHELD = " withheld: "
"""How a reason says that the machine, and not the data, is why."""


@dataclass(frozen=True)
class Kept:
    """What came of the runs of one scenario."""

    name: str
    foretold: int
    """Objectives and invariants that were said to be surely decidable."""
    verdicts: Mapping[str, int]
    """How many runs came to which verdict; ``aborted``: to none."""
    broken: Mapping[str, int]
    """By objective or invariant: in how many runs it was foretold, and yet not decided, or failed."""
    for_the_machine: int
    """Runs that were withheld for the machine's sake."""


def measure(name: str, repeats: int, rate: float | None) -> Kept:
    """``repeats`` runs with seeds of their own, one after the other."""
    scenario, _, variant = name.partition(":")
    overrides = settings_of(scenario, variant or None) | ({} if rate is None else {"load.rate": rate})
    found = forecast(prepare(Request(scenario, overrides=overrides)))
    sure = {each.name for each in (*found.objectives, *found.invariants) if each.decidable is Decidable.YES}
    words = [f"--set={key}={json.dumps(value)}" for key, value in overrides.items()]
    documents = [_run(scenario, seed, words) for seed in range(1, repeats + 1)]
    broken = Counter(each for document in documents for each in broken_promises(document, sure))
    return Kept(
        name,
        len(sure),
        Counter(document.get("verdict", "aborted") for document in documents),
        broken,
        sum(any(WITHHELD in reason for reason in document.get("reasons", ())) for document in documents),
    )


def broken_promises(document: Mapping[str, Any], sure: set[str]) -> tuple[str, ...]:
    """Which of those that were foretold the verdict of a sound run did not decide, for want of data, or failed."""
    judged = [*document.get("objectives", ()), *document.get("invariants", ())]
    return tuple(
        each["name"]
        for each in judged
        if each["name"] in sure and each["verdict"] != "PASS" and WITHHELD not in each["reason"]
    )


def _run(scenario: str, seed: int, words: Sequence[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as reports:
        command = [sys.executable, "-P", "-m", "idchaos", "run", scenario, "--seed", str(seed), "--json", *words]
        answer = subprocess.run([*command, "--reports", reports], capture_output=True, text=True, check=False)
    if not answer.stdout:
        raise SystemExit(f"{scenario}: exit code {answer.returncode}: {answer.stderr}")
    (run,) = json.loads(answer.stdout)["runs"]
    return dict(run)


def main() -> int:
    """Print what was kept; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=DEFAULT, metavar="SCENARIO[:VARIANT]")
    parser.add_argument("--repeats", type=int, default=10, help="runs of each")
    parser.add_argument("--rate", type=float, help="API requests per second")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    kept = [measure(name, options.repeats, options.rate) for name in options.scenarios]
    if options.json:
        print(json.dumps([asdict(each) for each in kept]))
    else:
        for each in kept:
            came = ", ".join(f"{count} {verdict}" for verdict, count in each.verdicts.items())
            broken = ", ".join(f"{name} in {count}" for name, count in each.broken.items()) or "none broken"
            print(f"{each.name:32} {each.foretold} foretold; {came}; {each.for_the_machine} withheld; {broken}")
    return int(any(each.broken for each in kept))


if __name__ == "__main__":
    sys.exit(main())
