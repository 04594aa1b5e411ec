"""How a run goes through its phases, at a target and with a load generator that do nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import Field

from idchaos.errors import TargetError
from idchaos.experiment import Phase, PhaseName, Plan
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot
from idchaos.record import journal
from idchaos.run.runner import Run
from idchaos.run.scenario import Experiment
from idchaos.targets.base import OutlivesRun, Target
from idchaos.targets.capabilities import required
from idchaos.targets.restoring import AnswersNormally
from idchaos.undo.ledger import ControlCall, Undo

PATIENCE_S = 5.0
"""What a check waits for at most, when the run does not do what it should."""


class Nothing(Fault):
    """A fault that does nothing, and proves it by what a test says."""

    kind: Literal["nothing"] = "nothing"
    held: Callable[[], bool] = Field(lambda: True, exclude=True)
    healed: Callable[[], bool] = Field(lambda: True, exclude=True)

    @property
    def title(self) -> str:
        return "nothing"

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        return (Evidence(source="probe", ok=True, what="fine", at=5.0),)

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        return (required(target, OutlivesRun).undo_to(AnswersNormally(endpoint="jwks")),)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        return NOTHING

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        return ()

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        return (Evidence(source="target", ok=self.held(), what="held"),)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        return (Evidence(source="probe", ok=self.healed(), what="healed"),)


class Journal:
    """The journal, and a signal for each event that a test waits for."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.recovering = threading.Event()

    def record(self, event: str, **fields: Any) -> None:
        self.events.append({"event": event, **fields})
        if (event, fields.get("phase")) == ("phase_started", "recovery"):
            self.recovering.set()

    def close(self) -> None:
        """Stay open."""

    def told(self) -> list[str]:
        """Events in short: ``fault_healed``, ``phase_started recovery``, ``fault_effect after``."""
        return [f"{e['event']} {e.get('phase') or e.get('moment') or ''}".strip() for e in self.events]


class Unguarded:
    """A run without guardian and ledger, that remembers what it was told of its faults."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def promise(self, undos: Iterable[Undo]) -> tuple[int, ...]:
        self.told += [f"promise {undo.kind}" for undo in undos]
        return (1,)

    def lease(self) -> None:
        if self.told[-1:] != ["lease"]:
            self.told.append("lease")

    def keep(self, numbers: Iterable[int]) -> None:
        self.told.append(" ".join(["keep", *map(str, numbers)]))

    def release(self) -> None:
        self.told.append("release")


@pytest.fixture
def book() -> Journal:
    return Journal()


def run_of(fault: Fault, book: Journal, plan: Plan, died: Callable[[], str | None] = lambda: None) -> Run:
    """A run of phases that are over at once."""
    phases = tuple(
        Phase(name=name, duration_s=0.01) for name in (PhaseName.WARMUP, PhaseName.FAULT, PhaseName.RECOVERY)
    )
    run = Run.__new__(Run)
    run._plan = plan.model_copy(update={"phases": phases})
    run._experiment = Experiment(plan=run._plan, faults={PhaseName.FAULT: (fault,)})
    run._directory = book  # type: ignore[assignment]
    run._target = SimpleNamespace(died=died, graph=None, capability=lambda _: None)  # type: ignore[assignment]
    run._generator = SimpleNamespace(check=lambda: None, progress=[])  # type: ignore[assignment]
    run._observer = SimpleNamespace(update=lambda _: None)
    run._active, run._t0, run._stage = [], 0.0, ""
    run._renew, run._now = lambda: None, time.time
    return run


def test_recovery_begins_with_healing_and_its_proof_is_made_meanwhile(book: Journal, make_plan: Any) -> None:
    fault = Nothing(healed=lambda: book.recovering.wait(PATIENCE_S))
    run_of(fault, book, make_plan())._run_phases(Unguarded())  # type: ignore[arg-type]
    told = book.told()
    assert told[told.index("fault_healed") :] == [
        "fault_healed",
        "phase_ended fault",
        "phase_started recovery",
        "fault_effect after",
        "phase_ended recovery",
    ]
    assert book.events[-2]["ok"]


@pytest.mark.parametrize(
    ("outlives", "healed", "then"),
    [
        (True, True, ["promise control", "lease", "keep 1", "release"]),
        (True, False, ["promise control", "lease", "release"]),
        (False, True, ["lease", "keep", "release"]),  # the target's end undoes its faults: nothing is promised
    ],
)
def test_a_fault_is_promised_and_leased_until_its_healing_is_proved(
    book: Journal, make_plan: Any, outlives: bool, healed: bool, then: list[str]
) -> None:
    safety = Unguarded()
    run = run_of(Nothing(healed=lambda: healed), book, make_plan())
    if outlives:
        call = ControlCall(method="DELETE", url="http://127.0.0.1:1/errors/jwks", secret_file="secret")
        stays = SimpleNamespace(links=None, undo_to=lambda _: call)
        run._target = SimpleNamespace(  # type: ignore[assignment]
            name="stays", died=lambda: None, graph=None, capability=lambda _: stays
        )
    run._run_phases(safety)  # type: ignore[arg-type]
    assert safety.told == then


def test_a_target_that_dies_is_noticed_while_a_proof_is_made(book: Journal, make_plan: Any) -> None:
    checking, noticed = threading.Event(), threading.Event()

    def held() -> bool:
        checking.set()
        return noticed.wait(PATIENCE_S)

    run = run_of(Nothing(held=held), book, make_plan(), died=lambda: "orders died" if checking.is_set() else None)
    with pytest.raises(TargetError, match="orders died"):
        run._run_phases(Unguarded())  # type: ignore[arg-type]
    assert not noticed.is_set()
    noticed.set()


def ended(run: Run, status: str) -> bool:
    """The end of a run whose target and processes leave nothing behind."""
    run._target = SimpleNamespace(died=lambda: None, stop=list, endpoints=None)  # type: ignore[assignment]
    run._run_id = "of-no-process"
    for name in ("_host", "_scraper"):
        setattr(run, name, SimpleNamespace(stop=lambda: None))
    run._generator = SimpleNamespace(stop=lambda: None, progress=[], summary={}, secrets=[])  # type: ignore[assignment]
    run._counts_before = {}
    run._scraper.stop = broken  # type: ignore[method-assign]
    return run._finish(SimpleNamespace(acted=False, settle=list), status)  # type: ignore[arg-type]


def broken() -> None:
    raise RuntimeError("a thread would not end")


@pytest.mark.parametrize(("status", "then"), [("completed", "failed"), ("aborted", "aborted")])
def test_a_run_that_can_not_be_seen_to_its_end_was_not_completed_and_is_clean(
    book: Journal, make_plan: Any, status: str, then: str
) -> None:
    assert ended(run_of(Nothing(), book, make_plan()), status)
    told = {event["event"]: event for event in book.events}
    assert (told["cleanup"]["clean"], told["cleanup"]["left"]) == (True, [])
    assert told["error"]["message"] == "RuntimeError: a thread would not end"
    assert told["run_ended"]["status"] == then


def test_evidence_is_stamped_when_it_was_made(book: Journal, make_plan: Any) -> None:
    run_of(Nothing(), book, make_plan())._run_phases(Unguarded())  # type: ignore[arg-type]
    before = next(event for event in book.events if event.get("moment") == "before")
    assert before["made_at"] == 5.0
    fields = {key: value for key, value in before.items() if key != "event"}
    (fault,) = journal.fault_records((journal.Event(at=99.0, event="fault_effect", fields=fields),), {})
    assert fault.effects[0].at == 5.0
