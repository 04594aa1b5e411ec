"""The journal of a run, read back: events, and what they say of phases and faults. Lenient about torn lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from pydantic import Field, JsonValue, ValidationError

from idchaos.errors import StoreError
from idchaos.experiment import PhaseName
from idchaos.values import Value

Json = dict[str, JsonValue]
Moment = Literal["before", "during", "after"]
Source = Literal["control", "probe", "target"]


def as_number(value: object) -> float | None:
    """A JSON value as a finite number, else ``None`` (also for booleans)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if np.isfinite(number) else None


class PlannedFault(Value):
    """A fault that the scenario asks for; one that was never applied is noticed by this."""

    name: str
    phase: PhaseName = PhaseName.FAULT


class Event(Value):
    """One line of the journal. ``fields`` holds all but ``n``, ``at``, ``time`` and ``event``."""

    at: float
    event: str
    fields: dict[str, JsonValue] = Field(default_factory=dict)

    def text(self, key: str) -> str:
        """The field as text, ``""`` when absent."""
        value = self.fields.get(key)
        return "" if value is None else str(value)

    def number(self, key: str) -> float | None:
        """The field as a number, ``None`` when absent or not a number."""
        return as_number(self.fields.get(key))


class Effect(Value):
    """One piece of evidence about a fault: when in its life, from which place, and whether it was as it
    must be.

    ``ok`` before: the path works · during: the fault is felt · after: the path works again.
    """

    moment: Moment
    source: Source
    ok: bool
    evidence: JsonValue = None
    at: float = 0.0


class FaultRecord(Value):
    """One application of a fault. ``None`` times: it did not happen."""

    name: str
    phase: PhaseName | None = None
    applied_at: float | None = None
    healed_at: float | None = None
    detail: JsonValue = None
    hides_revocations: bool = False
    """Whether validators may not have heard of revocations meanwhile."""
    stretches_caches: bool = True
    """Whether what they were told before may be believed beyond its life meanwhile; so in runs that don't say."""
    may_refuse_for: tuple[str, ...] | None = None
    """For what reasons validators rightly refuse good tokens by its doing; ``None`` in runs that don't say."""
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The state that one component reported (the body of its ``GET /state``) at a Unix time."""

    at: float
    component: str
    state: Json


def _refuse_constant(text: str) -> object:
    raise ValueError(f"{text} is not JSON (RFC 8259)")


def _lines(path: Path) -> tuple[list[Json], tuple[str, ...]]:
    """JSON objects of a file, one a line. A last line without its newline was being written when the run
    was killed.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    rows: list[Json] = []
    damage: list[str] = []
    lines = raw.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict) and as_number(row.get("at")) is not None:
            rows.append(row)
        elif number < len(lines):
            damage.append(f"{path.name} line {number} is damaged")
    return rows, (*damage, *_misnumbered(path.name, rows))


def _misnumbered(name: str, rows: list[Json]) -> tuple[str, ...]:
    """Whether the lines of a file are not all there, once and in order, by their numbers; runs of before have none."""
    numbers = [row.get("n") for row in rows]
    for place, number in enumerate(numbers if any(numbers) else (), start=1):
        if number != place:
            return (f"{name} is not whole: line {place} is there as line {number}",)
    return ()


def read_events(path: Path) -> tuple[tuple[Event, ...], tuple[str, ...]]:
    """The journal's events in the order written, and what of it could not be read.

    Raises:
        StoreError: there is none, or it cannot be read at all.
    """
    if not path.exists():
        raise StoreError(f"{path.parent} is no complete run directory: it has no {path.name}")
    rows, damage = _lines(path)
    events = []
    for row in rows:
        fields = {key: value for key, value in row.items() if key not in ("n", "at", "time", "event")}
        at = as_number(row["at"])
        if at is None or not isinstance(row.get("event"), str):
            damage = (*damage, f"{path.name} has a line that is no event")
            continue
        try:
            events.append(Event(at=at, event=str(row["event"]), fields=fields))
        except (ValidationError, RecursionError):  # a number such as 1e999
            damage = (*damage, f"{path.name} has an event {row['event']!r:.40} that cannot be read")
    return tuple(events), damage


def read_telemetry(path: Path) -> tuple[tuple[Telemetry, ...], tuple[str, ...]]:
    """Reported states in order of time, and what could not be read; none where there is no such file.

    Raises:
        StoreError: the file cannot be read at all.
    """
    if not path.exists():
        return (), ()
    rows, damage = _lines(path)
    points = []
    for row in rows:
        at, component, state = as_number(row["at"]), row.get("component"), row.get("state")
        if at is not None and isinstance(component, str) and isinstance(state, dict):
            points.append(Telemetry(at, component, state))
        else:
            damage = (*damage, f"{path.name} has a line that is no state of a component")
    return tuple(sorted(points, key=lambda point: point.at)), damage


def phase_windows(
    events: tuple[Event, ...],
) -> tuple[dict[PhaseName, tuple[float, float]], frozenset[PhaseName]]:
    """Phases as they really were, and those whose end nobody wrote down.

    A phase lasts until the next one starts: what is due while a fault is being applied or healed belongs
    somewhere. The last one ends by its own end, or where the load, the run, or the record ends.
    """
    starts: list[tuple[PhaseName, float]] = []
    ends: dict[PhaseName, float] = {}
    for event in events:
        name = _phase(event.text("phase"))
        if event.event == "phase_started" and name and name not in dict(starts):
            starts.append((name, event.at))
        elif event.event == "phase_ended" and name:
            ends[name] = event.at
    limit = next((event.at for event in events if event.event == "load_ended"), events[-1].at if events else 0.0)
    windows = {}
    for index, (name, start) in enumerate(starts):
        following = starts[index + 1][1] if index + 1 < len(starts) else None
        end = following if following is not None else ends.get(name, limit)
        windows[name] = (start, max(start, end))
    return windows, frozenset(name for name, _ in starts if name not in ends)


def fault_records(
    events: tuple[Event, ...],
    windows: Mapping[PhaseName, tuple[float, float]],
    planned: tuple[PlannedFault, ...] = (),
) -> tuple[FaultRecord, ...]:
    """The faults in the order of their first mention; those planned and never mentioned come last, unapplied.

    A fault applied again after it was healed is a record of its own (``name``, then ``name#2``): each must
    prove itself. Effects "before" belong to the application that follows them.
    """
    rounds: dict[str, list[_Round]] = {}
    order: list[_Round] = []
    for event in events:
        name = event.text("fault")
        if not name or event.event not in ("fault_applied", "fault_effect", "fault_healed"):
            continue
        known = rounds.setdefault(name, [])
        begins = event.event == "fault_applied" or event.text("moment") == "before"
        if not known or (begins and known[-1].healed_at is not None):
            known.append(_Round(f"{name}#{len(known) + 1}" if known else name))
            order.append(known[-1])
        known[-1].take(event)
    found = [entry.record(windows) for entry in order]
    missing = [plan for plan in planned if plan.name not in rounds]
    return (*found, *(FaultRecord(name=plan.name, phase=plan.phase) for plan in missing))


@dataclass
class _Round:
    """One application of a fault while its events are collected."""

    name: str
    applied_at: float | None = None
    healed_at: float | None = None
    detail: JsonValue = None
    hides_revocations: bool = False
    stretches_caches: bool = True
    may_refuse_for: tuple[str, ...] | None = None
    effects: list[Effect] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if event.event == "fault_applied":
            self.applied_at = event.at if self.applied_at is None else self.applied_at
            self.detail = event.fields.get("detail")
            self.hides_revocations = event.fields.get("hides_revocations") is True
            self.stretches_caches = event.fields.get("stretches_caches") is not False
            told = event.fields.get("may_refuse_for")
            self.may_refuse_for = tuple(map(str, told)) if isinstance(told, list) else None
        elif event.event == "fault_healed":
            self.healed_at = event.at
        elif event.text("moment") in get_args(Moment) and event.text("source") in get_args(Source):
            fields = {key: event.fields.get(key) for key in ("moment", "source", "evidence")}
            ok = event.fields.get("ok") is True
            made_at = event.number("made_at")  # a proof is written down when all of it is there
            at = event.at if made_at is None else made_at
            self.effects.append(Effect.model_validate({**fields, "ok": ok, "at": at}))

    def record(self, windows: Mapping[PhaseName, tuple[float, float]]) -> FaultRecord:
        at = self.applied_at
        phase = next((name for name, (lo, hi) in windows.items() if at is not None and lo <= at < hi), None)
        return FaultRecord(
            name=self.name,
            phase=phase,
            applied_at=at,
            healed_at=self.healed_at,
            detail=self.detail,
            hides_revocations=self.hides_revocations,
            stretches_caches=self.stretches_caches,
            may_refuse_for=self.may_refuse_for,
            effects=tuple(self.effects),
        )


def _phase(text: str) -> PhaseName | None:
    try:
        return PhaseName(text)
    except ValueError:
        return None
