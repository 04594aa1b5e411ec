"""Whether what was counted in a run can be held against a model. Pure."""

from __future__ import annotations

from collections.abc import Collection

from idchaos.experiment import PhaseName
from idchaos.values import Value
from idchaos.verdict.verdict import RunVerdict


class Uncounted(Value):
    """A run that was made and says nothing of the model."""

    run_dir: str
    why: str

    def told(self) -> str:
        """As a sentence."""
        return f"a run counts for nothing: {self.why} ({self.run_dir})"


def why_uncountable(verdict: RunVerdict, phases: Collection[PhaseName]) -> str:
    """Why the counts of some phases say nothing: the run ended early, the load generator did not keep its schedule
    then, counts do not agree, or a fault of that time was not in force. Empty: they are good, whatever the verdict: a
    run of a study has hardly a canary, and its objectives lack samples.
    """
    if verdict.status != "completed":
        return f"it was {verdict.status}"
    healthy = {each.phase: each.healthy for each in verdict.generator}
    for phase in phases:
        if phase not in healthy:
            return f"its {phase} never came"
        if not healthy[phase]:
            return f"the load generator did not keep its schedule in {phase}"
    for count in verdict.reconciliation:
        if not count.agrees:
            return f"counts do not agree: {count.what}"
    for fault in verdict.faults:
        if fault.phase in phases and not fault.effect_proved:
            return f"{fault.name} was not seen to be in force"
    return ""
