"""Faults beside a scenario's own: what changes in its experiment by them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from idchaos.errors import UsageError
from idchaos.experiment import PhaseName, Plan
from idchaos.faults.catalogue import fault_of, name_of
from idchaos.faults.together import inseparable
from idchaos.graph import Graph
from idchaos.run.scenario import Experiment


def with_faults(experiment: Experiment, given: Sequence[str], graph: Graph) -> Experiment:
    """The experiment with these faults in its fault phase too: ``NAME[:key=value,...]`` each.

    Its objectives are asked as before: whether they hold in spite of the faults is the question.

    Raises:
        UsageError: one makes no sense, or there is no phase for them.
    """
    if not given:
        return experiment
    faults, plan = tuple(fault_of(text, graph) for text in given), experiment.plan
    held = next((phase for phase in plan.phases if phase.name is PhaseName.FAULT), None)
    if held is None:
        raise UsageError(f"--fault: {plan.scenario} has no phase {PhaseName.FAULT} for it")
    for fault in faults:
        late = [at for at in fault.steps() if at >= held.duration_s]
        if late:
            raise UsageError(f"--fault: {fault.title} would begin {late[0]:g} s into a phase of {held.duration_s:g} s")
    own = experiment.faults.get(PhaseName.FAULT, ())
    return replace(
        experiment,
        plan=_planned(plan, given, max(fault.clock_error_s(held.duration_s) for fault in faults)),
        faults={**experiment.faults, PhaseName.FAULT: (*own, *faults)},
    )


def _planned(plan: Plan, given: Sequence[str], clock_error_s: float) -> Plan:
    """The variant is named by what was added. Tokens that must be refused are so also by the wrong clock."""
    canaries = plan.load.canaries
    if canaries is not None:
        canaries = canaries.by_clocks_apart(clock_error_s)
    load = plan.load.model_copy(update={"canaries": canaries})
    variant = "+".join((plan.variant, *map(name_of, given)))
    return plan.model_copy(update={"load": load, "variant": variant})


def check_separable(experiment: Experiment, graph: Graph) -> None:
    """Refuse faults of one phase that hide each other.

    Raises:
        UsageError: names them, and where they meet.
    """
    for faults in experiment.faults.values():
        why_not = inseparable(faults, graph)
        if why_not:
            raise UsageError(f"--fault: {why_not}")
