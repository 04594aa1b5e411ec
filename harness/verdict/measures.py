"""The guide's ten measures M1-M10 of a run, against its starting targets. Pure.

The guide is "What is OpenID Connect Security?" (2026); the table in its section on metrics gives names, how to compute
them, and starting targets. Here each is an SLI (:mod:`idchaos.verdict.sli`), taken over the whole run after the
warm-up, faults and all, and judged as an objective would be. Measures inform: they never change a verdict. Whoever
wants one to decide asks for its SLI in an objective.
"""

from __future__ import annotations

import math

from idchaos.experiment import Objective, PhaseName, Verdict
from idchaos.values import Interval, Value, number
from idchaos.verdict.guide import DEFINITIONS, Definition
from idchaos.verdict.lifetimes import LifetimeBin
from idchaos.verdict.measurements import Answer, Measurements
from idchaos.verdict.objectives import judge
from idchaos.verdict.sli import Measurement


class Measure(Value):
    """A measure of a run. ``met`` is ``null`` where the run can't tell; ``note`` says why."""

    id: str
    name: str
    sli: str
    value: float | None
    interval: Interval
    endless: bool = False
    """Whether no end was seen."""
    samples: int
    unit: str
    target: str
    met: bool | None
    note: str
    histogram: tuple[LifetimeBin, ...] = ()
    """Of M10."""


def measures(measured: Measurements) -> tuple[Measure, ...]:
    """All ten, in the guide's order."""
    return tuple(_measure(measured, definition) for definition in DEFINITIONS)


def _measure(every: Measurements, definition: Definition) -> Measure:
    answer = every.guide[definition.id]
    measured = answer.measured
    met, note = _met(every, definition, answer)
    told = measured.samples > 0 and not math.isnan(measured.value)
    return Measure(
        id=definition.id,
        name=definition.name,
        sli=definition.sli,
        value=number(measured.value),
        interval=(number(measured.low), number(measured.high)) if told else (None, None),
        endless=measured.value == math.inf,
        samples=measured.samples,
        unit=measured.unit,
        target=definition.target.text if definition.target else "",
        met=met,
        note=note,
        histogram=every.lifetimes if definition.id == "M10" else (),
    )


def _met(every: Measurements, definition: Definition, answer: Answer) -> tuple[bool | None, str]:
    """Whether the target was met, ``None`` where that is not known; and what there is to say about it."""
    target, measured = definition.target, answer.measured
    if measured.samples == 0 or math.isnan(measured.value):
        return None, "no data" + (f": {measured.note}" if measured.note else "")
    if target is None:
        return None, "no target"
    objective = Objective(name=definition.id, sli=definition.sli, phase="all", bound=target)
    window = every.run.window("all") or (0.0, 0.0)
    judged = judge(objective, measured, window[1] - window[0], answer.within)
    if doubt := _doubt(every, objective, measured, judged.verdict):
        return None, f"undecided: {doubt}"
    if judged.verdict is not Verdict.INCONCLUSIVE:
        return judged.verdict is Verdict.PASS, measured.note
    if judged.needed is not None and judged.needed > measured.samples:
        return None, f"not enough samples: {measured.samples:,}, it takes about {judged.needed:,}"
    return None, "undecided: the interval holds the target"


def _doubt(every: Measurements, objective: Objective, measured: Measurement, verdict: Verdict) -> str:
    """Why the verdict can't be trusted, if so. Lateness is in latencies: what meets its bound meets it with that."""
    judged = [each for phase, each in every.health.items() if phase is not PhaseName.WARMUP]
    passed = verdict is Verdict.PASS
    late = any(each.reasons or (not passed and each.too_late_for(objective)) for each in judged)
    if every.run.status != "completed":
        return f"the run was not completed ({every.run.status})"
    return "the load generator did not keep its schedule" if late and measured.of_generator else ""
