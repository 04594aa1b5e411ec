"""A stored run, read back: everything that the judge and the reports need, and nothing else.

::

    run directory                RunRecord
    ├── manifest.json     ──►    manifest (plan, settings, seed, versions)
    ├── journal.jsonl     ──►    events ──► windows, faults, counts, generator, cleanup, status
    ├── telemetry.jsonl   ──►    telemetry (state of each component, about twice a second)
    └── samples.parquet   ──►    samples, with the phase in which each was due
        (samples.stream: of a run that was cut short)

A run may have been cut short at any byte: a torn line is skipped and noted in ``damage`` when it is not the
last one, a missing ``run_ended`` is status ``unfinished``, and missing samples are no samples. The judge
takes all of that as a reason to withhold PASS; it is never a reason to refuse reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
from pydantic import JsonValue

from idchaos.errors import StoreError
from idchaos.experiment import PhaseName, Plan
from idchaos.record import samples as sample_store
from idchaos.record.journal import (
    Effect,
    Event,
    FaultRecord,
    Json,
    PlannedFault,
    Telemetry,
    as_number,
    fault_records,
    phase_windows,
    read_events,
    read_telemetry,
)
from idchaos.record.manifest import SCHEMA, Manifest, read_manifest
from idchaos.record.rejudge import UNDER_WAY_S, Disturbance, Facts, Withdrawal, rejudge
from idchaos.record.soundness import impossible, lost
from idchaos.topologies import TOPOLOGIES
from idchaos.values import Value

__all__ = [
    "SCHEMA",
    "Cleanup",
    "Effect",
    "Event",
    "FaultRecord",
    "Json",
    "Manifest",
    "PlannedFault",
    "Run",
    "RunRecord",
    "RunStatus",
    "Telemetry",
    "When",
    "as_number",
    "facts",
    "fault_records",
    "load",
    "phase_windows",
    "read_manifest",
    "read_samples",
    "with_phase",
]

When = PhaseName | Literal["all"]
"""A phase, or everything after the warm-up."""
RunStatus = Literal["completed", "failed", "aborted", "interrupted", "unfinished"]
"""``unfinished``: the journal has no ``run_ended``, so the runner was killed."""


class Cleanup(Value):
    """Whether everything that was started and applied is gone. ``clean`` is ``None`` when nobody looked."""

    clean: bool | None = None
    left: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """What was left behind, and what to do about it; empty when nothing was, or nobody looked."""
        if self.clean is not False:
            return ""
        left = ", ".join(self.left) or "not said what"
        return f"the clean-up was not clean (to finish it: idchaos recover); left behind: {left}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """One run, as stored, but for its samples: all that a judgement and a report need beside what was measured."""

    run_dir: str
    """As given to :func:`load`."""
    manifest: Manifest
    status: RunStatus
    windows: Mapping[PhaseName, tuple[float, float]]
    """Actual phases, Unix times, gapless: each lasts until the next begins. A phase that never began is
    absent.
    """
    open_phases: frozenset[PhaseName]
    """Phases whose end was not recorded."""
    faults: tuple[FaultRecord, ...]
    events: tuple[Event, ...]
    telemetry: tuple[Telemetry, ...] = ()
    counts: Json = field(default_factory=dict)
    """See :mod:`idchaos.verdict.reconcile`."""
    generator: Json = field(default_factory=dict)
    """The load generator's own summary, from ``load_ended``."""
    cleanup: Cleanup = field(default_factory=Cleanup)
    damage: tuple[str, ...] = ()
    """Parts of the directory that could not be read, other than a torn last line."""

    @property
    def plan(self) -> Plan:
        """What was asked for."""
        return self.manifest.plan

    @property
    def started_at(self) -> float | None:
        """When the run began, Unix time."""
        return self.events[0].at if self.events else None

    @property
    def load_started_at(self) -> float | None:
        """Zero of the load's time axis (``t0`` of ``load_started``), Unix time; the run's start when there
        was no load.
        """
        for event in self.named("load_started"):
            return event.number("t0") or event.at
        return self.started_at

    @property
    def ended_at(self) -> float:
        """The last moment of which anything is known: bounds what is still open when a run was cut short."""
        ends = [end for _, end in self.windows.values()]
        return max(ends) if ends else (self.events[-1].at if self.events else 0.0)

    @property
    def lasted_s(self) -> float:
        """How long its phases went on together, in seconds."""
        return self.ended_at - min((start for start, _ in self.windows.values()), default=self.ended_at)

    def named(self, *names: str) -> Iterator[Event]:
        """Journal events of these names, in order."""
        return (event for event in self.events if event.event in names)

    def window(self, phase: When) -> tuple[float, float] | None:
        """Start and end of a phase, ``None`` when it never began.

        ``all`` is everything after the warm-up: caches are cold and sessions still log in during it.
        """
        if phase != "all":
            return self.windows.get(phase)
        judged = [window for name, window in self.windows.items() if name is not PhaseName.WARMUP]
        return (min(start for start, _ in judged), max(end for _, end in judged)) if judged else None

    def series(self, component: str, *path: str) -> list[tuple[float, float]]:
        """A number of a component's state over time: ``series("gateway-1", "jwks", "fetches")`` → [(Unix
        time, value)].
        """
        found = []
        for point in self.telemetry:
            if point.component == component:
                value: JsonValue = point.state
                for key in path:
                    value = value.get(key) if isinstance(value, dict) else None
                number = as_number(value)
                if number is not None:
                    found.append((point.at, number))
        return found


@dataclass(frozen=True, eq=False, kw_only=True)
class RunRecord(Run):
    """One run, as stored. Only what measures it sees the samples."""

    samples: pd.DataFrame
    """One row a request, see :mod:`idchaos.record.samples`, plus ``phase`` (``""`` outside all phases)."""

    def in_phase(self, phase: When) -> pd.DataFrame:
        """Samples due in a phase; none when it never began."""
        window = self.window(phase)
        if window is None:
            return self.samples.iloc[0:0]
        return self.samples[self.samples["due_at"].between(*window, inclusive="left")]


def load(run_dir: Path | str) -> RunRecord:
    """Read a run directory.

    Raises:
        StoreError: it is no run directory, its layout is foreign or newer, or a file cannot be read at all.
    """
    directory = Path(run_dir)
    manifest = read_manifest(directory)
    events, damage = read_events(directory / "journal.jsonl")
    telemetry, more = read_telemetry(directory / "telemetry.jsonl")
    windows, open_phases = phase_windows(events)
    faults = fault_records(events, windows, manifest.faults)
    stored = read_samples(directory)
    frame = by_decider(stored, (manifest.model_extra or {}).get("topology"))
    frame = rejudge(frame, facts(events, manifest.plan, faults))
    ended = [event for event in events if event.event == "run_ended"]
    planned_s = sum(phase.duration_s for phase in manifest.plan.phases)
    return RunRecord(
        run_dir=str(run_dir),
        manifest=manifest,
        status=_status(ended[-1].text("status")) if ended else "unfinished",
        windows=windows,
        open_phases=open_phases,
        faults=faults,
        events=events,
        samples=with_phase(frame, windows),
        telemetry=telemetry,
        counts=_last_fields(events, "counts"),
        generator=_summary(events),
        cleanup=_cleanup(events),
        damage=damage + more + lost(events, stored, telemetry, planned_s),
    )


def by_decider(samples: pd.DataFrame, topology: JsonValue) -> pd.DataFrame:
    """Samples whose ``replica`` is who decided. Where services do, that is the service; ``via`` keeps the gateway that
    passed the request on.
    """
    found = next((each for each in TOPOLOGIES.values() if each.name == topology), None)
    if found is None or not found.services_decide:
        return samples
    paths = [str(each).startswith("/") for each in samples["endpoint"].cat.categories]
    called = np.append(paths, False).astype(bool)[samples["endpoint"].cat.codes] & (samples["replica"] != "").to_numpy()
    names = sorted({*samples["replica"].cat.categories, *samples["service"].cat.categories})
    asked, served = (samples[name].cat.set_categories(names).cat.codes for name in ("replica", "service"))
    decider = pd.Categorical.from_codes(np.where(called, served, asked).astype(np.int64), categories=pd.Index(names))
    return samples.assign(via=samples["replica"], replica=pd.Series(decider, index=samples.index))


def read_samples(directory: Path) -> pd.DataFrame:
    """The samples of a run: compacted, or as far as the stream goes when the run was cut short; none
    without either.

    Raises:
        StoreError: they are damaged, or of another schema.
    """
    if (directory / "samples.parquet").exists():
        return _possible(directory / "samples.parquet", sample_store.load(directory / "samples.parquet"))
    if not _has_line(directory / "samples.stream"):
        return sample_store.frame_of([])
    stream = sample_store.read_stream(directory / "samples.stream")
    try:
        rows = [dict(zip(sample_store.COLUMNS, row, strict=True)) for row in stream]
        frame = sample_store.frame_of(rows)
    except (ValueError, TypeError, OverflowError) as error:
        raise StoreError(f"{directory / 'samples.stream'}: a value does not fit its column: {error}") from error
    return _possible(directory / "samples.stream", frame)


def _possible(path: Path, samples: pd.DataFrame) -> pd.DataFrame:
    if reason := impossible(samples):
        raise StoreError(f"{path}: {reason}")
    return samples


def _has_line(path: Path) -> bool:
    """Whether anything was written whole; a run may be killed before that."""
    try:
        with path.open("rb") as file:
            return file.readline().endswith(b"\n")
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error


def facts(events: tuple[Event, ...], plan: Plan, faults: tuple[FaultRecord, ...] = ()) -> Facts:
    """What the journal knows: from when on a good token's key was withdrawn, and when a fault may have kept the news
    of a revocation from a replica; and for how long caches may lag behind either.

    The lag of a key is the event's own ``allowed_lag_s``, else the plan's ``retired_after_s``. Publishing a key
    again ends it.
    """
    canaries = plan.load.canaries
    default = canaries.retired_after_s if canaries else 0.0
    found = []
    for index, event in enumerate(events):
        if event.event == "key_withdrawn":
            kid, lag = event.text("kid"), event.number("allowed_lag_s")
            later = [e.at for e in events[index + 1 :] if e.event == "key_published" and e.text("kid") == kid]
            found.append(
                Withdrawal(
                    kid=kid,
                    at=event.at,
                    allowed_lag_s=default if lag is None else lag,
                    restored_at=later[0] if later else None,
                )
            )
    lag = canaries.revoked_after_s if canaries else 0.0
    disturbances = tuple(
        Disturbance(
            start=fault.applied_at,
            end=None if fault.healed_at is None else fault.healed_at + lag,
            # Samples of before tell when a token was obtained, and it was revoked within the time limit.
            known_before=fault.applied_at - lag - plan.load.timeout_s,
            asked_anew_s=None if fault.stretches_caches else lag + UNDER_WAY_S,
        )
        for fault in faults
        if fault.applied_at is not None and fault.hides_revocations
    )
    return Facts(withdrawals=tuple(found), disturbances=disturbances)


def with_phase(frame: pd.DataFrame, windows: Mapping[PhaseName, tuple[float, float]]) -> pd.DataFrame:
    """The samples with a ``phase`` column: the phase in which each was due, ``""`` outside all."""
    spans = sorted((start, end, name.value) for name, (start, end) in windows.items())
    names = ["", *(name.value for name in PhaseName)]
    due = frame["due_at"].to_numpy(dtype=float)
    # Place 0 is before all of them.
    ends = np.array([-np.inf, *(end for _, end, _ in spans)])
    codes = np.array([0, *(names.index(name) for _, _, name in spans)], dtype=np.int8)
    place = np.searchsorted([start for start, _, _ in spans], due, side="right")
    phase = pd.Categorical.from_codes(np.where(due < ends[place], codes[place], 0), categories=pd.Index(names))
    return frame.assign(phase=pd.Series(phase, index=frame.index))


def _status(text: str) -> RunStatus:
    for known in get_args(RunStatus):
        if text == known:
            status: RunStatus = known
            return status
    return "unfinished"


def _last_fields(events: tuple[Event, ...], name: str) -> Json:
    found = [event.fields for event in events if event.event == name]
    return found[-1] if found else {}


def _summary(events: tuple[Event, ...]) -> Json:
    summary = _last_fields(events, "load_ended").get("summary")
    return summary if isinstance(summary, dict) else {}


def _cleanup(events: tuple[Event, ...]) -> Cleanup:
    fields = _last_fields(events, "cleanup")
    clean, left = fields.get("clean"), fields.get("left")
    return Cleanup(
        clean=clean if isinstance(clean, bool) else None,
        left=tuple(str(item) for item in left) if isinstance(left, list) else (),
    )
