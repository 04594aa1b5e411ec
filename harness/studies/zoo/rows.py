"""What the zoo tries: a defect, the run that must catch it, and the names that may say so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from idchaos.errors import UsageError
from idchaos.run.scenarios import scenario_named
from idchaos.targets.standin.defects import DEFECTS, known
from idchaos.topologies import topology_named
from idchaos.values import Value


class Trial(Value):
    """A scenario, with settings that make it short. Several defects may share one; each has a run of its own."""

    scenario: str
    settings: dict[str, Any]


class Row(Value):
    """A defect, the trial that must catch it, and the objectives or invariants that may say so: those that name it."""

    defect: str
    trial: Trial
    caught_by: tuple[str, ...]
    elsewhere: Trial | None = None
    """What must catch it on a topology that has not what the trial needs."""
    besides: tuple[str, ...] | None = None
    """What else fails for it, where that is known: then it may share a run. ``None``: it is not, or is too much."""


def choose(rows: Sequence[Row], defects: Iterable[str], scenarios: Collection[str] = ()) -> tuple[Row, ...]:
    """The rows of these defects, in these scenarios; all of them when none is named.

    Raises:
        UsageError: a defect or a scenario is unknown, or has no row.
    """
    wanted = known(defects)
    for name in scenarios:
        if not any(row.trial.scenario == scenario_named(name).name for row in rows):
            raise UsageError(f"zoo: there is no row for {name}: ROWS in its file would say what must be caught in it")
    rows = [row for row in rows if not scenarios or row.trial.scenario in scenarios]
    for name in wanted:
        if not any(row.defect == name for row in rows):
            raise UsageError(f"--defect: the zoo has no row for {name}: no scenario looks for it yet")
    return tuple(row for row in rows if not wanted or row.defect in wanted)


def suited(rows: Sequence[Row], topology: str) -> tuple[tuple[Row, ...], dict[str, str]]:
    """The rows that can be tried on a topology, and of the others, by defect, why not.

    Raises:
        UsageError: the topology is unknown, or no row can be tried there.
    """
    where = topology_named(topology)
    chosen: list[Row] = []
    why_not: dict[str, str] = {}
    for row in rows:
        reason = scenario_named(row.trial.scenario).why_not_on(topology)
        if not DEFECTS[row.defect].parts(where):
            why_not[row.defect] = f"nobody in the topology {topology} could have it"
        elif not reason:
            chosen.append(row)
        elif row.elsewhere is not None and not scenario_named(row.elsewhere.scenario).why_not_on(topology):
            chosen.append(row.model_copy(update={"trial": row.elsewhere}))
        else:
            why_not[row.defect] = reason
    if not chosen:
        raise UsageError(f"--topology: {'; '.join(f'{name}: {why}' for name, why in why_not.items())}")
    return tuple(chosen), why_not


def trials_of(rows: Sequence[Row]) -> tuple[Trial, ...]:
    """The trials of these rows, each once, in their order."""
    return tuple(row.trial for at, row in enumerate(rows) if row.trial not in [earlier.trial for earlier in rows[:at]])


TOGETHER = 10
"""How many defects share a run at the most: one that is missed there is tried by itself, so that more save little."""


def together(rows: Sequence[Row]) -> tuple[tuple[Row, ...], ...]:
    """Which rows of one trial share a run, in their order: those of which it is known what fails for them, where no
    other one may fail what names one, so that each name there speaks of one row. Each other row stands alone.
    """
    shared: list[list[Row]] = []
    for row in rows:
        fits = (group for group in shared if len(group) < TOGETHER and all(_can_share(row, other) for other in group))
        group = next(fits, None)
        if group is None:
            shared.append([row])
        else:
            group.append(row)
    return tuple(tuple(group) for group in shared)


def _can_share(row: Row, other: Row) -> bool:
    if row.besides is None or other.besides is None:
        return False
    named, named_too = set(row.caught_by), set(other.caught_by)
    return not named & {*named_too, *other.besides} and not named_too & set(row.besides)


def touched(rows: Sequence[Row], paths: Iterable[str]) -> tuple[Row, ...]:
    """The rows that a change of these files, named from the top of the repository, may have touched: what is neither a
    scenario nor a stand-in's own, nor surely beside the point, may touch them all.
    """
    found: set[str] = set()
    for path in paths:
        found |= {row.defect for row in rows if _touches(path, row)}
    return tuple(row for row in rows if row.defect in found)


BESIDE_THE_POINT = ("docs/", "reports/", "benchmarks/", "tests/", "README", "CHANGELOG", "LICENSE", ".")
"""How the names of files begin that no run reads."""


def _touches(path: str, row: Row) -> bool:
    if path.startswith(BESIDE_THE_POINT):
        return False
    folder, _, name = path.rpartition("/")
    if folder == "scenarios" and name != "zoo.py":
        return name == f"{row.trial.scenario}.py"
    if path.startswith("fixtures/idp/"):
        return "idp" in DEFECTS[row.defect].who
    if path.startswith(("fixtures/gateway/", "fixtures/service/")):
        return DEFECTS[row.defect].who != ("idp",)
    return True
