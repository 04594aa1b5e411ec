"""A component dies, freezes, or is restarted."""

from __future__ import annotations

from typing import ClassVar, Literal

from harness.errors import TargetError
from harness.faults.base import Event, Evidence, Fault, Snapshot, eventually
from harness.targets.base import ControlsProcesses, ReportsState, Target


class ProcessFault(Fault):
    """``kill``: SIGKILL, started again on healing · ``pause``: frozen until then · ``restart``: killed and started."""

    kind: Literal["process"] = "process"
    component: str
    how: Literal["kill", "pause", "restart"]

    needs: ClassVar[tuple[type, ...]] = (ControlsProcesses, ReportsState)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"{self.how} {self.component}"

    def snapshot(self, target: Target) -> Snapshot:
        """Which instance of the component is running."""
        return {"instance": _instance(target, self.component)}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The component answers."""
        return (self._answers(target, expected=True),)

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """Kill or freeze it; a restart starts it again at once."""
        assert isinstance(target, ControlsProcesses)
        target.disturb(self.component, self._act)
        if self.how == "restart":
            target.restore(self.component, "kill")
        return ()

    @property
    def _act(self) -> Literal["kill", "pause"]:
        return "pause" if self.how == "pause" else "kill"

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """It answers no more; after a restart another instance answers."""
        if self.how == "restart":
            return (self._another_instance(target, before),)
        return (self._answers(target, expected=False),)

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """Still so at the end of the window."""
        if self.how == "restart":
            return (self._another_instance(target, before),)
        return (self._answers(target, expected=False).model_copy(update={"source": "target"}),)

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Start or thaw it."""
        assert isinstance(target, ControlsProcesses)
        if self.how != "restart":
            target.restore(self.component, self._act)
        return ()

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """It answers again."""
        return eventually(lambda: (self._answers(target, expected=True),))

    def _answers(self, target: Target, *, expected: bool) -> Evidence:
        assert isinstance(target, ReportsState)
        try:
            target.state(self.component)
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
    assert isinstance(target, ReportsState)
    return str(target.state(component)["instance"])
