"""Was the machine fit to judge by? Pure; :mod:`idchaos.run.host_watch` looks, this says what it means.

What a machine did to the measurement can't be told from what the system under test did, so:

- **Starved of CPU** (processes of the run were ready and had to wait, or a hypervisor took the time): slowness and
  time-outs may be ours. A FAIL of availability or latency stands only if it is a FAIL without the starved seconds too;
  else it is INCONCLUSIVE. A FAIL of a lag stands if it misses its bound by more than the machine can have moved its two
  ends (:func:`moved_s`). A PASS stands: the load generator's own lateness is judged apart, and a system that met its
  bounds on a starved machine met them. Rates of fetches stand: waiting makes nobody ask more often.
- **Suspended** (the harness was stopped, or the machine slept): no load for a while, then all of it at once. Neither
  PASS nor FAIL of an objective in a phase that it touched.
- **Clock jumped** (the system's clock was set): tokens live by that clock, in the system under test too, and lived
  shorter or longer than planned. Neither PASS nor FAIL of an objective in any phase that went on after it. Samples and
  phases themselves keep to the monotonic clock (:class:`idchaos.clock.Clock`), so they still belong together.
- **Unwatched** (the watch itself failed): nobody knows any of this. Neither PASS nor FAIL in any phase that it missed.

Invariants are never withheld: a token that was wrongly accepted is a breach on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from idchaos.record.journal import Event
from idchaos.values import Value

Kind = Literal["cpu_starved", "suspended", "clock_jumped", "host_unwatched"]
KINDS: tuple[Kind, ...] = ("cpu_starved", "suspended", "clock_jumped", "host_unwatched")
"""The names of the journal's events."""

JUMP_S = 0.05
"""Slewing (at most 0.5 ms per second, adjtime(3)) is no jump."""
GAP_S = 2.0
"""Longer between two looks, a second apart by plan, and the process did not run."""
SLEPT_S = 0.5
LEAST_S = 0.5
"""Shares of less than that tell nothing."""
WAITED = 0.25
"""A process that was ready to run for this share of a second and had no CPU: a wake-up then costs milliseconds."""
STOLEN = 0.1
SATURATED = 0.95
"""Of one CPU: the load generator has one thread, and no time left."""
SLACK_S = 1.0
"""Requests due just before and after are touched too."""
HUNG = ("read_timeout", "connect_timeout", "dropped")
"""Of requests whose wait had no end that was seen. An error that came, however it came, tells how long it took."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the machine. Counters only grow; ``None`` where the system does not tell."""

    at: float
    """Unix time by the run's clock, which runs with the monotonic clock."""
    wall: float
    """Unix time by the system's clock."""
    doubt_s: float = 0.0
    """How far apart the two clocks were read at most."""
    asleep_s: float = 0.0
    """How long the machine has slept since it was started: boot time minus monotonic time."""
    busy_s: float | None = None
    stolen_s: float | None = None
    total_s: float | None = None
    """CPU time of all CPUs together: used, taken by a hypervisor, and all there was."""
    stalled_s: float | None = None
    """Time in which any process at all had to wait for a CPU (``some`` of /proc/pressure/cpu)."""
    waited_s: Mapping[int, float] = field(default_factory=dict)
    """By process of the run: how long it was ready to run and had to wait."""
    generator_s: float | None = None
    """CPU time of the load generator."""


class Span(Value):
    """Something that happened to the machine, between two Unix times."""

    kind: Kind
    since: float
    until: float
    why: str

    def touches(self, start: float, end: float) -> bool:
        """Whether it can have changed what was measured in a phase of these times."""
        if self.kind in ("clock_jumped", "host_unwatched"):
            return self.since < end
        return self.since - SLACK_S < end and start < self.until + SLACK_S


@dataclass(frozen=True, slots=True)
class Shares:
    """What a machine did between two looks, as shares of the time between them; for telemetry, and for ``troubles``."""

    cpu: float | None
    stolen: float | None
    stalled: float | None
    waited: float | None
    """Of the process that waited most."""
    generator: float | None


def shares(before: Reading, after: Reading) -> Shares:
    """What happened between two looks."""
    seconds = max(after.at - before.at, 1e-9)
    all_cpus = _grown(before.total_s, after.total_s)
    waits = [
        (waited - before.waited_s[process]) / seconds
        for process, waited in after.waited_s.items()
        if process in before.waited_s
    ]
    return Shares(
        cpu=_share(_grown(before.busy_s, after.busy_s), all_cpus),
        stolen=_share(_grown(before.stolen_s, after.stolen_s), all_cpus),
        stalled=_share(_grown(before.stalled_s, after.stalled_s), seconds),
        waited=round(max(waits), 4) if waits else None,
        generator=_share(_grown(before.generator_s, after.generator_s), seconds),
    )


def troubles(before: Reading, after: Reading) -> list[Span]:
    """What between two looks makes the measurement doubtful."""
    return [*_suspended(before, after), *_jumped(before, after), *_starved(before, after)]


def _suspended(before: Reading, after: Reading) -> list[Span]:
    slept = after.asleep_s - before.asleep_s
    gap = after.at - before.at
    if slept > SLEPT_S:
        return [_span("suspended", before, after, f"the machine slept for {slept:.1f} s")]
    if gap > GAP_S:
        return [_span("suspended", before, after, f"the harness stood still for up to {gap:.1f} s")]
    return []


def _jumped(before: Reading, after: Reading) -> list[Span]:
    jump = (after.wall - before.wall) - (after.at - before.at) - (after.asleep_s - before.asleep_s)
    if abs(jump) <= JUMP_S + before.doubt_s + after.doubt_s:
        return []
    return [_span("clock_jumped", before, after, f"the system's clock jumped by {jump:+.3f} s")]


def _starved(before: Reading, after: Reading) -> list[Span]:
    if after.at - before.at < LEAST_S:
        return []
    found = shares(before, after)
    if found.waited is not None and found.waited >= WAITED:
        why = "a process of the run waited for a CPU"
    elif found.stolen is not None and found.stolen >= STOLEN:
        why = "the hypervisor gave CPU time to others"
    elif found.generator is not None and found.generator >= SATURATED:
        why = "the load generator used all of one CPU"
    else:
        return []
    return [_span("cpu_starved", before, after, why)]


def _span(kind: Kind, before: Reading, after: Reading, why: str) -> Span:
    return Span(kind=kind, since=before.at, until=after.at, why=why)


def joined(open_span: Span, following: Span) -> Span | None:
    """One span for two of the same kind without a pause between them; ``None`` when they are two."""
    if open_span.kind != following.kind or open_span.kind == "clock_jumped":
        return None
    if open_span.why != following.why or following.since > open_span.until + SLACK_S:
        return None
    return open_span.model_copy(update={"until": following.until})


def spans(events: Iterable[Event]) -> tuple[Span, ...]:
    """What the journal of a run says of the machine."""
    found = []
    for event in events:
        for kind in (kind for kind in KINDS if event.event == kind):
            # Whatever is not told may have been all of the time until it was noticed.
            told = event.number("since"), event.number("until")
            since, until = (0.0 if told[0] is None else told[0], event.at if told[1] is None else told[1])
            found.append(
                Span(kind=kind, since=min(since, until), until=max(since, until), why=event.text("why") or kind)
            )
    return tuple(found)


def withheld(found: Iterable[Span], window: tuple[float, float]) -> list[str]:
    """Why neither PASS nor FAIL of an objective in this window can be trusted; empty when they can."""
    return [span.why for span in found if span.kind != "cpu_starved" and span.touches(*window)]


def starved(found: Iterable[Span], window: tuple[float, float]) -> tuple[Span, ...]:
    """When the run was starved of CPU in this window."""
    return tuple(span for span in found if span.kind == "cpu_starved" and span.touches(*window))


def starved_s(found: Iterable[Span]) -> float:
    """For how long together."""
    return sum(span.until - span.since for span in found)


def unstarved(samples: pd.DataFrame, found: Iterable[Span]) -> pd.DataFrame:
    """The samples that were not due while, or right before or after, the run was starved of CPU."""
    touched = pd.Series(False, index=samples.index)
    for span in found:
        touched |= samples["due_at"].between(span.since - SLACK_S, span.until + SLACK_S)
    return samples[~touched]


def moved_s(samples: pd.DataFrame, found: Sequence[Span]) -> float:
    """How much longer a lag can look, in seconds, for the run having been starved of CPU.

    Both ends of a lag are seen by answers, each of them late by no more than the slowest one of the starved seconds;
    errors are answers too. Where one never came, whatever waited may have waited for all of the time.
    """
    touched = samples[~samples.index.isin(unstarved(samples, found).index)]
    if touched.empty or touched["error_code"].isin(HUNG).any() or touched["latency_s"].isna().all():
        return starved_s(found)
    return min(starved_s(found), 2 * float(touched["latency_s"].max()))


def _grown(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else round(part / whole, 4)
