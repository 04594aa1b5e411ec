"""Rows of scenarios that are a user's own: what their files have in ``ROWS``."""

from __future__ import annotations

import sys
from pathlib import Path

from idchaos.errors import UsageError
from idchaos.run.scenarios import all_scenarios, is_of_a_user
from idchaos.studies.zoo.rows import Row
from idchaos.targets.standin.defects import known

ROWS = "ROWS"


def own_rows() -> tuple[Row, ...]:
    """The rows in the files of all scenarios that are found by name from here and are none of ours.

    Raises:
        UsageError: ``ROWS`` holds something else, a row is of another scenario, or a defect is unknown.
    """
    found: list[Row] = []
    for name, scenario in all_scenarios().items():
        if not is_of_a_user(scenario):
            continue
        module = sys.modules[scenario.design.__module__]
        where = f"{Path(module.__file__ or name).name}: {ROWS}"
        rows = getattr(module, ROWS, ())
        if not isinstance(rows, (tuple, list)) or not all(isinstance(row, Row) for row in rows):
            raise UsageError(f"{where}: should be a tuple of Row")
        for row in rows:
            if row.trial.scenario != name:
                raise UsageError(f"{where}: {row.defect} is tried in {row.trial.scenario}; should be {name}")
        known(row.defect for row in rows)
        found += rows
    return tuple(found)
