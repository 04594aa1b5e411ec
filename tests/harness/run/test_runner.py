"""How a run goes through its phases, at a target and with a load generator that do nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import Field

from idchaos.errors import TargetError
from idchaos.experiment import Phase, PhaseName, Plan
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot
from idchaos.record import journal
from idchaos.run.instruments import Instruments
from idchaos.run.runner import Run
from idchaos.run.scenario import Experiment
from idchaos.targets.base import Target
from idchaos.targets.capabilities import OutlivesRun, PublishesMetrics, required
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.restoring import AnswersNormally
from idchaos.topologies import TOPOLOGIES
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
        self.logs = Path()

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


class Idle:
    """Makes no load, reads no target, watches no machine."""

    def __init__(self) -> None:
        self.progress: list[Any] = []
        self.secrets: list[Any] = []
        self.summary: dict[str, Any] = {}
        self.pid = None

    def start(self, *_: object) -> None:
        """Nothing begins."""

    def check(self) -> None:
        """Nothing has failed."""

    def stop(self) -> None:
        """Nothing ends."""


class Unwilling(Idle):
    """Would not end."""

    def stop(self) -> None:
        raise RuntimeError("a thread would not end")


class Still:
    """A target that can do nothing but what it is granted."""

    name, endpoints, links = "still", None, None
    graph = TOPOLOGIES["gateway"].graph

    def __init__(self, died: Callable[[], str | None] = lambda: None, *, outlives: bool = False) -> None:
        self.died, self._outlives = died, outlives

    def capability(self, kind: type) -> Any:
        return self if kind is OutlivesRun and self._outlives else None

    def undo_to(self, _: object) -> ControlCall:
        return ControlCall(method="DELETE", url="http://127.0.0.1:1/errors/jwks", secret_file="secret")

    def stop(self) -> list[str]:
        return []


def run_of(fault: Fault, book: Journal, plan: Plan, target: Still | None = None, scraper: Idle | None = None) -> Run:
    """A run of phases that are over at once."""
    phases = tuple(
        Phase(name=name, duration_s=0.01) for name in (PhaseName.WARMUP, PhaseName.FAULT, PhaseName.RECOVERY)
    )
    short = plan.model_copy(update={"phases": phases})
    return Run(
        Experiment(plan=short, faults={PhaseName.FAULT: (fault,)}),
        target or Still(),  # type: ignore[arg-type]
        book,  # type: ignore[arg-type]
        Instruments(Idle(), scraper or Idle(), Idle()),  # type: ignore[arg-type]
        run_id="of-no-process",
        undos=(),
        seed=1,
        late_p99_s=0.05,
    )


def test_recovery_begins_with_healing_and_its_proof_is_made_meanwhile(book: Journal, make_plan: Any) -> None:
    fault = Nothing(healed=lambda: book.recovering.wait(PATIENCE_S))
    run_of(fault, book, make_plan()).run_phases(Unguarded())  # type: ignore[arg-type]
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
    run = run_of(Nothing(healed=lambda: healed), book, make_plan(), Still(outlives=outlives))
    run.run_phases(safety)  # type: ignore[arg-type]
    assert safety.told == then


def test_a_target_that_dies_is_noticed_while_a_proof_is_made(book: Journal, make_plan: Any) -> None:
    checking, noticed = threading.Event(), threading.Event()

    def held() -> bool:
        checking.set()
        return noticed.wait(PATIENCE_S)

    run = run_of(Nothing(held=held), book, make_plan(), Still(lambda: "orders died" if checking.is_set() else None))
    with pytest.raises(TargetError, match="orders died"):
        run.run_phases(Unguarded())  # type: ignore[arg-type]
    assert not noticed.is_set()
    noticed.set()


@pytest.mark.parametrize(("status", "then"), [("completed", "failed"), ("aborted", "aborted")])
def test_a_run_that_can_not_be_seen_to_its_end_was_not_completed_and_is_clean(
    book: Journal, make_plan: Any, status: str, then: str
) -> None:
    run = run_of(Nothing(), book, make_plan(), scraper=Unwilling())
    assert run.finish(SimpleNamespace(acted=False, settle=list), status)  # type: ignore[arg-type]
    told = {event["event"]: event for event in book.events}
    assert (told["cleanup"]["clean"], told["cleanup"]["left"]) == (True, [])
    assert told["error"]["message"] == "RuntimeError: a thread would not end"
    assert told["run_ended"]["status"] == then


class Metered(Still):
    """Has a page of metrics that answers, and one that does not."""

    endpoints = Endpoints(issuer="", idp_url="", gateways=(), routes=(), clients=(), users=())

    def capability(self, kind: type) -> Any:
        return self if kind is PublishesMetrics else super().capability(kind)

    def metrics(self) -> dict[str, str | None]:
        return {"idp": "served 5\n", "gateway-1": None}


def test_a_page_of_metrics_that_does_not_answer_is_told_as_unread(
    book: Journal, make_plan: Any, tmp_path: Path
) -> None:
    book.logs = tmp_path
    run = run_of(Nothing(), book, make_plan(), Metered())
    run.finish(SimpleNamespace(acted=False, settle=list), "completed")  # type: ignore[arg-type]
    searched = next(event for event in book.events if event["event"] == "logs_searched")
    assert (searched["lines"], searched["unread"]) == ({"idp.metrics.log": 1}, ["gateway-1.metrics.log"])


def test_evidence_is_stamped_when_it_was_made(book: Journal, make_plan: Any) -> None:
    run_of(Nothing(), book, make_plan()).run_phases(Unguarded())  # type: ignore[arg-type]
    before = next(event for event in book.events if event.get("moment") == "before")
    assert before["made_at"] == 5.0
    fields = {key: value for key, value in before.items() if key != "event"}
    (fault,) = journal.fault_records((journal.Event(at=99.0, event="fault_effect", fields=fields),), {})
    assert fault.effects[0].at == 5.0
