"""Runs written by hand: a few rows of samples, a few events, and the record that a stored run of them
gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings

from idchaos.experiment import CanaryPlan, Invariant, LoadPlan, Objective, Phase, PhaseName, Plan, Stream
from idchaos.record import record as records
from idchaos.record.record import Cleanup, Event, Manifest, RunRecord, Telemetry
from idchaos.record.samples import frame_of

# No test is timed: a busy machine says nothing of what it tests.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

PHASES = {"baseline": (100.0, 110.0), "fault": (110.0, 120.0), "recovery": (120.0, 130.0)}
"""Windows of the runs below, unless a test gives its own."""


def plan_of(
    objectives: Iterable[Objective] = (),
    invariants: Iterable[Invariant] = (),
    *,
    canaries: CanaryPlan | None = None,
    phases: Iterable[str] = PHASES,
    **load: Any,
) -> Plan:
    return Plan(
        scenario="by_hand",
        variant="plain",
        phases=tuple(Phase(name=PhaseName(name), duration_s=10.0) for name in phases),
        load=LoadPlan(streams=(Stream(flow="api", rate=20.0),), canaries=canaries, **load),
        objectives=tuple(objectives),
        invariants=tuple(invariants),
    )


def record_of(
    samples: Sequence[dict[str, Any]] | pd.DataFrame = (),
    *,
    plan: Plan | None = None,
    windows: dict[str, tuple[float, float]] | None = None,
    events: Iterable[dict[str, Any]] = (),
    telemetry: Iterable[tuple[float, str, dict[str, Any]]] = (),
    status: records.RunStatus = "completed",
    **parts: Any,
) -> RunRecord:
    """A record of these samples; each event is ``{"at": ..., "event": ..., **fields}``."""
    spans = {PhaseName(name): span for name, span in (PHASES if windows is None else windows).items()}
    told = tuple(
        Event(
            at=event["at"],
            event=event["event"],
            fields={key: value for key, value in event.items() if key not in ("at", "event")},
        )
        for event in events
    )
    frame = samples if isinstance(samples, pd.DataFrame) else frame_of(list(samples))
    manifest = Manifest(scenario="by_hand", variant="plain", profile="quick", seed=1, plan=plan or plan_of())
    return RunRecord(
        run_dir="reports/by_hand/run",
        manifest=manifest,
        status=status,
        windows=spans,
        open_phases=frozenset(),
        faults=parts.pop("faults", records.fault_records(told, spans)),
        events=told,
        samples=records.with_phase(frame, spans),
        telemetry=tuple(Telemetry(at, component, state) for at, component, state in telemetry),
        cleanup=Cleanup(clean=True),
        **parts,
    )


def traffic_of(start: float, end: float, rate: float = 20.0, **fields: Any) -> list[dict[str, Any]]:
    """Evenly spaced good API requests, in turn at two gateways. A field may be a function of the number."""
    rows = []
    for number in range(round((end - start) * rate)):
        row = {
            "due_at": start + number / rate,
            "sent_at": start + number / rate + 0.0005,
            "endpoint": "/orders",
            "service": "orders",
            "replica": f"gateway-{number % 2 + 1}",
            "session": f"s-{number % 5}",
            "kid": "old",
        }
        row |= {key: value(number) if callable(value) else value for key, value in fields.items()}
        rows.append(row)
    return rows


@pytest.fixture(scope="session")
def make_plan() -> Callable[..., Plan]:
    """See :func:`plan_of`."""
    return plan_of


@pytest.fixture(scope="session")
def make_record() -> Callable[..., RunRecord]:
    """See :func:`record_of`."""
    return record_of


@pytest.fixture(scope="session")
def traffic() -> Callable[..., list[dict[str, Any]]]:
    """See :func:`traffic_of`."""
    return traffic_of


@pytest.fixture(scope="session")
def logs_searched() -> dict[str, Any]:
    """The event of a run whose logs were searched and hold no secret: without it no run passes."""
    return {
        "at": 131.0, "event": "logs_searched", "complete": True, "secrets": {"access_token": 60},
        "lines": {f"{part}.log": 12 for part in ("gateway-1", "gateway-2", "idp", "orders", "accounts")},
        "unread": [], "leaked": 0, "hits": 0, "found": [],
    }  # fmt: skip
