"""The zoo's rows: every defect has one, or a reason why not; and every row can be run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from idchaos.commands.forecast import setup_of
from idchaos.scenarios.zoo import ROWS, WITHOUT_ROW
from idchaos.studies.zoo.rows import suited
from idchaos.studies.zoo.trials import plan
from idchaos.targets.standin.defects import DEFECTS
from idchaos.topologies import TOPOLOGIES
from idchaos.verdict.power import Decidable, foretell

LONGEST_RUN_S = 20


def test_every_defect_has_a_row_or_a_reason_why_not() -> None:
    with_row = Counter(row.defect for row in ROWS)
    assert set(with_row.values()) == {1}
    assert with_row.keys() & WITHOUT_ROW.keys() == set()
    assert with_row.keys() | WITHOUT_ROW.keys() == DEFECTS.keys()


def test_every_row_names_what_its_scenario_judges_and_is_short() -> None:
    planned = plan(ROWS, sound=1, target="local", reports=Path("reports"))
    assert sum(len(shared.rows) for each in planned for shared in each.controls) == len(ROWS)
    assert all(run.experiment.plan.duration_s <= LONGEST_RUN_S for each in planned for run in each.sound)


def test_what_may_catch_a_defect_is_there_to_pass_without_it() -> None:
    """The same trial, with and without the defect, differs in nothing but the defect."""
    for each in plan(ROWS, sound=1, target="local", reports=Path("reports")):
        assert all(shared.run.experiment == each.sound[0].experiment for shared in each.controls)


def test_every_sound_run_is_sure_to_be_decided() -> None:
    """Whatever the arrivals: a run that hangs on its seed says nothing about the judge."""
    sound = [each.sound[0] for each in plan(ROWS, sound=1, target="local", reports=Path("reports"))]
    forecasts = [foretell(run.experiment.plan, setup_of(run.settings, run.graph)) for run in sound]
    undecided = [
        (forecast.scenario, row.name, row.reason)
        for forecast in forecasts
        for row in (*forecast.objectives, *forecast.invariants)
        if row.decidable is not Decidable.YES
    ]
    assert undecided == []


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_defect_that_somebody_could_have_is_looked_for_wherever_some_trial_suits(topology: str) -> None:
    _, skipped = suited(ROWS, topology)
    possible = {name for name, defect in DEFECTS.items() if defect.parts(TOPOLOGIES[topology])}
    # Only a replica that restarts could forget, and services that decide have none. The IdP is slower, and clients are
    # put off, after a fault of introspection, for which nobody asks at an edge; it wakes from silence, and has
    # forgotten its sessions, where it alone is away.
    assert possible & skipped.keys() <= {
        "revocation_forgotten_after_restart", "idp_slower_after_fault", "clients_put_off_for_a_day",
        "idp_cold_after_silence", "sessions_lost_after_silence",
    }  # fmt: skip


def test_another_trial_is_named_only_where_it_can_be_needed() -> None:
    assert not [row.defect for row in ROWS if row.elsewhere and DEFECTS[row.defect].needs]
