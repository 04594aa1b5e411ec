"""How often the judge's intervals are wrong, and what they can decide: simulated, no target involved.

::

    python -m benchmarks.intervals [--rounds N] [--json]

Each row is many runs of one phase whose true share of failures is known. *False PASS*: the truth lies on the bound (the
hardest case) and the interval lies on its good side, of the runs in which failures were seen. *False FAIL*: the same on
the other side, of all runs. See docs/statistics.md.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from idchaos.verdict import clusters, stats

Floats = NDArray[np.float64]
Chances = Callable[[np.random.Generator, int, int, float], Floats]
"""The chance of failing in each second: of a generator, so many runs, seconds, and the mean chance."""

SEED = 2024
ROUNDS = 20_000


# --- how failures come


def independent(_: np.random.Generator, rounds: int, seconds: int, share: float) -> Floats:
    """Every sample by itself."""
    return np.full((rounds, seconds), share)


def alike(rng: np.random.Generator, rounds: int, seconds: int, share: float, *, correlation: float) -> Floats:
    """Seconds differ by a beta distribution, so that samples within one are so much correlated."""
    scale = 1 / correlation - 1
    return rng.beta(share * scale, (1 - share) * scale, (rounds, seconds))


def bursts(rng: np.random.Generator, rounds: int, seconds: int, share: float, *, failing: float) -> Floats:
    """Nothing fails but in some seconds, and there this part of all."""
    return failing * (rng.random((rounds, seconds)) < share / failing)


def drift(_: np.random.Generator, rounds: int, seconds: int, share: float) -> Floats:
    """From no failures to twice the mean."""
    return np.tile(2 * share * (np.arange(seconds) + 0.5) / seconds, (rounds, 1))


def incidents(rng: np.random.Generator, rounds: int, seconds: int, share: float, *, lasting: float) -> Floats:
    """Everything fails for some seconds in a row: dead seconds that are not independent."""
    ends, begins = 1 / lasting, share / (1 - share) / lasting
    dead = np.empty((rounds, seconds))
    now = rng.random(rounds) < share
    for second in range(seconds):
        dead[:, second] = now
        chance = rng.random(rounds)
        now = np.where(now, chance >= ends, chance < begins)
    return dead


@dataclass(frozen=True)
class Case:
    """A phase, and how failures come in it."""

    how: str
    chances: Chances
    seconds: int
    rate: float
    """Samples per second, Poisson."""
    share: float
    """Of failures: the truth."""

    def draw(self, rng: np.random.Generator, rounds: int) -> tuple[Floats, Floats]:
        """Samples, and good ones, of each run and second."""
        sizes = rng.poisson(self.rate, (rounds, self.seconds))
        failures = rng.binomial(sizes, self.chances(rng, rounds, self.seconds, self.share))
        return sizes.astype(float), (sizes - failures).astype(float)


def _alike(correlation: float) -> tuple[str, Chances]:
    return f"correlated {correlation:g}", partial(alike, correlation=correlation)


def _bursts(failing: float) -> tuple[str, Chances]:
    return f"bursts, {failing * 100:g} % failing", partial(bursts, failing=failing)


INDEPENDENT, DRIFT = ("independent", independent), ("drift", drift)

COVERAGE = (
    Case(*INDEPENDENT, 6, 250, 0.005),
    Case(*INDEPENDENT, 12, 250, 0.005),
    Case(*INDEPENDENT, 12, 20, 0.03),
    Case(*INDEPENDENT, 60, 1, 0.05),
    Case(*INDEPENDENT, 120, 250, 0.001),
    Case(*DRIFT, 12, 250, 0.005),
    Case(*DRIFT, 60, 250, 0.03),
    Case(*_alike(0.02), 30, 250, 0.01),
    Case(*_alike(0.3), 4, 250, 0.1),
    Case(*_alike(0.2), 6, 250, 0.03),
    Case(*_alike(0.05), 6, 250, 0.5),
    Case(*_alike(0.3), 8, 250, 0.05),
    Case(*_alike(0.1), 12, 250, 0.005),
    Case(*_alike(0.1), 12, 20, 0.03),
    Case(*_alike(0.2), 12, 250, 0.25),
    Case(*_alike(0.2), 15, 100, 0.03),
    Case(*_alike(0.3), 30, 250, 0.03),
    Case(*_alike(0.05), 60, 250, 0.001),
    Case(*_alike(0.05), 60, 250, 0.005),
    Case(*_alike(0.2), 120, 250, 0.005),
    Case(*_alike(0.3), 240, 10, 0.01),
    Case(*_alike(0.3), 600, 50, 0.005),
    Case(*_bursts(0.3), 6, 250, 0.1),
    Case(*_bursts(1.0), 12, 250, 0.2),
    Case(*_bursts(0.1), 12, 250, 0.1),
    Case(*_bursts(1.0), 30, 250, 0.1),
    Case(*_bursts(0.5), 60, 250, 0.03),
    Case(*_bursts(0.2), 120, 250, 0.03),
    Case(*_bursts(0.5), 120, 250, 0.2),
)

BEYOND = (
    *(
        Case(f"incidents of {lasting} s", partial(incidents, lasting=float(lasting)), seconds, 100, share)
        for lasting, seconds, share in ((3, 60, 0.1), (3, 120, 0.1), (3, 300, 0.1), (3, 300, 0.02), (6, 300, 0.1))
    ),
)
"""Seconds that are not independent: promised where there are incidents enough to see that. Told."""

POWER = (
    (Case(*INDEPENDENT, 12, 250, 0.0), 0.005),
    (Case(*INDEPENDENT, 12, 250, 0.0005), 0.005),
    (Case(*INDEPENDENT, 12, 250, 0.001), 0.01),
    (Case(*INDEPENDENT, 30, 250, 0.001), 0.005),
    (Case(*INDEPENDENT, 30, 250, 0.001), 0.01),
    (Case(*INDEPENDENT, 30, 250, 0.001), 0.03),
    (Case(*INDEPENDENT, 300, 250, 0.0005), 0.001),
    (Case(*_alike(0.05), 12, 50, 0.1), 0.25),
    (Case(*_alike(0.02), 60, 250, 0.01), 0.03),
    (Case(*INDEPENDENT, 12, 250, 0.01), 0.005),
    (Case(*INDEPENDENT, 12, 250, 0.05), 0.03),
    (Case(*_alike(0.1), 12, 250, 0.1), 0.03),
    (Case(*_bursts(1.0), 12, 250, 0.4), 0.03),
    (Case(*_bursts(1.0), 6, 45, 0.845), 0.03),
    (Case(*_bursts(1.0), 60, 250, 0.1), 0.03),
)
"""Each with the greatest share of failures that is asked for."""


WORST = (
    (Case("independent", independent, 7, 125, 0.01), 2),
    (Case("independent", independent, 120, 125, 0.01), 2),
    (Case("independent", independent, 60, 50, 0.01), 10),
    (Case(*_alike(0.05), 30, 125, 0.01), 2),
    (Case(*_alike(0.05), 60, 50, 0.05), 10),
    (Case(*_bursts(0.3), 60, 125, 0.05), 4),
)
"""Of each replica of so many: how slow answers come."""


@dataclass(frozen=True)
class Wrong:
    """How often, of ``rounds`` runs."""

    how: str
    seconds: int
    rate: float
    share: float
    unseen: float
    """Runs without any failure."""
    false_pass: float
    """Of the runs with failures."""
    false_fail: float
    """Of all runs."""
    error: float
    """Two standard errors of a share of 5 %, with so many runs."""

    @property
    def holds(self) -> bool:
        """Whether both are at most 5 %, within the simulation's own error."""
        return max(self.false_pass, self.false_fail) <= stats.ALPHA + self.error


@dataclass(frozen=True)
class Decided:
    """Verdicts of an objective, as shares of all runs."""

    how: str
    seconds: int
    rate: float
    share: float
    limit: float
    passed: float
    failed: float


def wrong(case: Case, rng: np.random.Generator, rounds: int) -> Wrong:
    """Both errors where the truth lies on the bound."""
    sizes, good = case.draw(rng, rounds)
    found, seen = clusters.bounds_in_time(sizes, good), good.sum(-1) < sizes.sum(-1)
    passed, failed = found.low > 1 - case.share, found.high < 1 - case.share
    runs = max(1, int(seen.sum()))
    error = 2 * math.sqrt(stats.ALPHA * (1 - stats.ALPHA) / runs)
    return Wrong(
        case.how, case.seconds, case.rate, case.share,
        unseen=float(np.mean(~seen)),
        false_pass=int((passed & seen).sum()) / runs,
        false_fail=float(np.mean(failed)),
        error=error,
    )  # fmt: skip


def wrong_of_worst(case: Case, replicas: int, rng: np.random.Generator, rounds: int) -> Wrong:
    """Both errors where they are most frequent: one replica on the bound and nothing wrong with the others for a PASS,
    all of them on the bound for a FAIL. As :mod:`idchaos.verdict.sli.worst` judges them.
    """
    sizes, good = case.draw(rng, rounds * replicas)
    found, seen = clusters.bounds_in_time(sizes, good), (good.sum(-1) < sizes.sum(-1))[:rounds]
    shared = clusters.clopper_pearson(found.share, np.minimum(found.below, found.above), stats.ALPHA / replicas)[1]
    failed = (np.maximum(found.high, shared) < 1 - case.share).reshape(replicas, rounds).any(0)
    passed, runs = (found.low > 1 - case.share)[:rounds], max(1, int(seen.sum()))
    error = 2 * math.sqrt(stats.ALPHA * (1 - stats.ALPHA) / runs)
    return Wrong(
        f"{case.how}, {replicas} replicas", case.seconds, case.rate, case.share,
        unseen=float(np.mean(~seen)),
        false_pass=int((passed & seen).sum()) / runs,
        false_fail=float(np.mean(failed)),
        error=error,
    )  # fmt: skip


def decided(case: Case, limit: float, rng: np.random.Generator, rounds: int) -> Decided:
    """What comes of an objective that asks for at most ``limit`` failures."""
    found = clusters.bounds_in_time(*case.draw(rng, rounds))
    passed, failed = np.mean(found.low >= 1 - limit), np.mean(found.high < 1 - limit)
    return Decided(case.how, case.seconds, case.rate, case.share, limit, float(passed), float(failed))


# --- what was tried besides


def betting_low(sizes: Floats, events: Floats, error: float) -> float:
    """A lower bound of the share of events that assumes nothing but independent seconds: the least share against which
    bets would not have won 1 / error (Waudby-Smith & Ramdas, JRSS B 86, 2024). The stakes are mixed over a fixed grid,
    so that it holds where seconds differ in the mean as well.
    """
    stakes = (np.arange(64) + 0.5)[:, None] / 64

    def wealth(share: float) -> float:
        return float(np.exp(np.log1p(stakes * (events / share - sizes) / sizes.max()).sum(-1)).mean())

    low, high = 0.0, float(events.sum() / sizes.sum())
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if wealth(middle) >= 1 / error else (low, middle)
    return low


FEW_SECONDS = ((45, 45, 45, 45, 45, 3), (45, 45, 45, 3), (45, 45, 3, 0, 0, 0), (45, 45, 45, *[0] * 9))
"""Failures of 45 in each second."""


def few_seconds() -> list[dict[str, float | str]]:
    """Lower bounds of the share of failures in a few bad seconds: the judge's, and one by betting."""
    found: list[dict[str, float | str]] = []
    for failures in FEW_SECONDS:
        bad = np.array(failures, dtype=float)
        sizes = np.full(len(bad), 45.0)
        judged = 1 - float(clusters.bounds_in_time(sizes, sizes - bad).high)
        bet = betting_low(sizes, bad, stats.ALPHA)
        said = " ".join(map(str, failures))
        found.append({"failures": said, "share": float(bad.sum() / sizes.sum()), "judged": judged, "betting": bet})
    return found


# --- tables


def percent(share: float) -> str:
    """Two or three digits."""
    return f"{share * 100:.3g} %" if share < 0.1 else f"{share * 100:.1f} %"


def table(head: str, rows: list[list[str]]) -> str:
    """In Markdown."""
    names = head.split("|")
    return "\n".join(f"| {' | '.join(row)} |" for row in [names, ["---"] * len(names), *rows])


def _phase(row: Wrong | Decided) -> list[str]:
    return [row.how, f"{row.seconds} s", f"{row.rate:g}/s", percent(row.share)]


def shown(
    errors: list[Wrong],
    beyond: list[Wrong],
    worst: list[Wrong],
    power: list[Decided],
    few: list[dict[str, float | str]],
) -> str:
    """All tables."""
    head = "failures|phase|samples|truth = bound|none seen|false PASS|false FAIL"
    coverage = [
        table(head, [[*_phase(r), *map(percent, (r.unseen, r.false_pass, r.false_fail))] for r in rows])
        for rows in (errors, beyond, worst)
    ]
    decided = [
        [*_phase(r), f"<= {percent(r.limit)}", *map(percent, (r.passed, r.failed, 1 - r.passed - r.failed))]
        for r in power
    ]
    rows = [[str(r["failures"]), *(percent(float(r[key])) for key in ("share", "judged", "betting"))] for r in few]
    return "\n\n".join(
        [
            coverage[0],
            "Seconds that are not independent:",
            coverage[1],
            "The worst of several replicas:",
            coverage[2],
            "What is decided:",
            table("failures|phase|samples|truth|asked for|PASS|FAIL|INCONCLUSIVE", decided),
            "Lower bounds of the share of failures in few seconds:",
            table("failures of 45 in each second|share|judged|by betting", rows),
        ]
    )


def main() -> int:
    """Print the tables; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    errors, beyond = ([wrong(case, rng, options.rounds) for case in cases] for cases in (COVERAGE, BEYOND))
    worst = [wrong_of_worst(case, replicas, rng, options.rounds) for case, replicas in WORST]
    power = [decided(case, limit, rng, options.rounds) for case, limit in POWER]
    few = few_seconds()
    if options.json:
        parts = {"errors": errors, "beyond": beyond, "worst": worst, "power": power}
        print(json.dumps({**{name: [asdict(row) for row in rows] for name, rows in parts.items()}, "few": few}))
    else:
        print(shown(errors, beyond, worst, power, few))
    broken = [row for row in (*errors, *worst) if not row.holds]
    for row in broken:
        print(f"statistics: more than 5 %: {row}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
