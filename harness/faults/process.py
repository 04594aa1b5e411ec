"""A component dies, freezes, or is restarted."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from idchaos.errors import TargetError
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, Touch, eventually
from idchaos.graph import Graph
from idchaos.targets.base import ControlsProcesses, OutlivesRun, ReportsState, Target
from idchaos.targets.capabilities import required
from idchaos.targets.restoring import ProcessRuns
from idchaos.undo.ledger import Undo


class ProcessFault(Fault):
    """``kill``: SIGKILL, started again on healing · ``pause``: frozen until then · ``restart``: killed and started."""

    kind: Literal["process"] = "process"
    component: str
    how: Literal["kill", "pause", "restart"]
    after_s: float = Field(0.0, ge=0)
    """How long after the phase's start."""

    needs: ClassVar[tuple[type, ...]] = (ControlsProcesses, ReportsState)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"{self.how} {self.component}"

    def hides_revocations(self, graph: Graph) -> bool:
        """Who is away hears nothing, and an IdP that is away tells nobody."""
        return True

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """What it was told by other faults is lost; and while it is away nothing else can be shown of it."""
        state = Touch(what=f"{self.component}'s state", how="changes")
        return (state,) if self.how == "restart" else (Touch(what=self.component, how="changes"), state)

    def steps(self) -> tuple[float, ...]:
        """One, when it is due."""
        return (self.after_s,)

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """The component runs."""
        return (required(target, OutlivesRun).undo_to(ProcessRuns(component=self.component, after=self._act)),)

    def snapshot(self, target: Target) -> Snapshot:
        """Which instance of the component is running, by its own word and by the system's."""
        return {
            "instance": _instance(target, self.component),
            "incarnation": required(target, ControlsProcesses).process(self.component).incarnation,
        }

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The component answers."""
        return (self._answers(target, expected=True),)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Kill or freeze it; a restart starts it again at once."""
        required(target, ControlsProcesses).disturb(self.component, self._act)
        if self.how == "restart":
            required(target, ControlsProcesses).restore(self.component, "kill")
        return NOTHING

    @property
    def _act(self) -> Literal["kill", "pause"]:
        return "pause" if self.how == "pause" else "kill"

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The system says so, and it answers no more; after a restart, again."""
        return self._reported(target, before), self._answers(target, expected=self.how == "restart")

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Still so at the end of the window."""
        if self.how == "restart":
            return (self._another_instance(target, before),)
        return (self._answers(target, expected=False).model_copy(update={"source": "target"}),)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Start or thaw it."""
        if self.how != "restart":
            required(target, ControlsProcesses).restore(self.component, self._act)
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """It answers again."""
        return eventually(lambda: (self._answers(target, expected=True),))

    def _reported(self, target: Target, before: Snapshot) -> Evidence:
        """By the system: dead, paused, or running again as another process."""
        state = required(target, ControlsProcesses).process(self.component)
        if self.how == "restart":
            again = "started again" if state.incarnation != before["incarnation"] else "not started again"
            ok = state.status == "running" and state.incarnation != before["incarnation"]
            return Evidence(source="control", ok=ok, what=f"{self.component} is {state.status}, {again}")
        wanted = "paused" if self.how == "pause" else "dead"
        return Evidence(source="control", ok=state.status == wanted, what=f"{self.component} is {state.status}")

    def _answers(self, target: Target, *, expected: bool) -> Evidence:
        try:
            required(target, ReportsState).state(self.component)
        except TargetError as error:
            return Evidence(source="probe", ok=not expected, what=str(error))
        return Evidence(source="probe", ok=expected, what=f"{self.component} answers")

    def _another_instance(self, target: Target, before: Snapshot) -> Evidence:
        instance = _instance(target, self.component)
        changed = instance != before["instance"]
        return Evidence(
            source="target",
            ok=changed,
            what=f"{self.component} is instance {instance}, not {before['instance']}",
        )


def _instance(target: Target, component: str) -> str:
    return str(required(target, ReportsState).state(component)["instance"])
