"""What no sample can say, and no whole run can leave: a store that holds such a thing was changed, or is damaged. Pure.

The load generator writes samples that agree with themselves: an outcome follows from what was expected and decided, a
latency from the times beside it. A judge that took others at their word would lose whatever they hide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import JsonValue

from idchaos.record.journal import Event, Telemetry, as_number
from idchaos.record.samples import DECISIONS, EXPECTED, OUTCOME_OF, OUTCOMES

Bools = npt.NDArray[np.bool_]

ROUNDED_S: Final = 0.001
"""By so much may times that were computed from each other differ."""
LAST_STATUS: Final = 999
"""Of three digits, which is all that a status line has room for (RFC 9112 section 4)."""
OVERTAKEN_S: Final = 0.5
"""Several threads write down what they see: one may have looked at the clock before another, and come after it."""
WHOLE: Final = 0.95
"""A completed run lasts for at least this share of its plan."""
SILENT_S: Final = 10.0
"""States are told twice a second; what was asked at a stopped or starved machine comes a few seconds late."""
TOLD_ONCE: Final = ("run_started", "load_started", "load_ended", "cleanup", "run_ended")
"""Events of which the journal of a run that was completed has one each."""
AT_MOST_ONCE: Final = ("counts", "logs_searched")
"""That these are missing is for those to say who judge by them."""
COUNTED: Final = (
    "unsampled", "unsampled_unsure", "resent", "skipped", "echoed", "unechoed", "refusals_searched",
    "refusals_quoting", "answers_searched", "answers_quoting", "clients_tried",
)  # fmt: skip
"""Parts of the load generator's summary that are counts by name."""
WORDS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("decision", DECISIONS),
    ("expected", EXPECTED),
    ("outcome", tuple(map(str, OUTCOMES))),
)


def impossible(samples: pd.DataFrame) -> str:
    """What some samples say that none can, how many, and the first of them; empty when all are sound."""
    for what, mask in _wrong(samples):
        if count := int(mask.sum()):
            return f"{count:,} of {len(samples):,} samples can't be: {what} (the first: row {int(mask.argmax()) + 1:,})"
    return ""


def _wrong(samples: pd.DataFrame) -> Iterator[tuple[str, Bools]]:
    for column, words in WORDS:
        strange = ~samples[column].isin(words).to_numpy()
        yield f"{column} is none of {', '.join(words)}", strange
        if strange.any():
            return  # the next question needs all words
    yield "outcome does not follow from expected and decision", _misjudged(samples)
    due, sent, latency, service = (
        samples[name].to_numpy(dtype=np.float64) for name in ("due_at", "sent_at", "latency_s", "service_time_s")
    )
    left, told = ~np.isnan(sent), ~(np.isnan(latency) & np.isnan(service))
    yield "due_at is no time", ~np.isfinite(due)
    yield "sent_at is no time", np.isinf(sent)
    yield "sent_at is before due_at", sent < due - ROUNDED_S
    yield "latency_s or service_time_s of a request that was never sent", ~left & told
    yield "a decision on a request that was never sent", ~left & (samples["decision"] != "undecided").to_numpy()
    yield "service_time_s is no time that a request takes", left & ~(np.isfinite(service) & (service >= 0))
    yield "latency_s is no time that a request takes", left & ~(np.isfinite(latency) & (latency >= 0))
    apart = np.abs(np.subtract(latency, sent - due + service, where=left, out=np.zeros_like(due)))
    yield "latency_s is not from due_at to the end of service_time_s", apart > ROUNDED_S
    status, retry = (samples[name].to_numpy() for name in ("status", "retry"))
    yield "status is no status code", (status < 0) | (status > LAST_STATUS)
    yield "retry is below 0", retry < 0
    for name in ("token_iat", "token_exp", "token_obtained_at"):
        yield f"{name} is no time", np.isinf(samples[name].to_numpy(dtype=np.float64))


def _misjudged(samples: pd.DataFrame) -> Bools:
    table = np.array([[OUTCOMES.index(OUTCOME_OF[want, met]) for met in DECISIONS] for want in EXPECTED])
    expected, decided, outcome = (
        pd.Categorical(samples[name], categories=pd.Index(words)).codes
        for name, words in (("expected", EXPECTED), ("decision", DECISIONS), ("outcome", tuple(map(str, OUTCOMES))))
    )
    wrong: Bools = table[expected, decided] != outcome
    return wrong


def lost(
    events: tuple[Event, ...],
    samples: pd.DataFrame,
    telemetry: tuple[Telemetry, ...] = (),
    planned_s: float = 0.0,
) -> tuple[str, ...]:
    """What of a run that says it was completed is not there any more, is there twice, or speaks against it: a reason
    each. Of one that was cut short nothing is said here: that it was is reason enough.
    """
    if not any(event.event == "run_ended" and event.text("status") == "completed" for event in events):
        return ()
    whole = (*_untold(events), *_cut(events, planned_s), *_against(events))
    return (*whole, *_amiss(events, samples), *_silent(events, telemetry))


def _untold(events: tuple[Event, ...]) -> Iterator[str]:
    told = Counter(event.event for event in events)
    for name in TOLD_ONCE:
        if told[name] != 1:
            yield f"the journal tells {told[name]:,} times of {name}, where a whole run tells once"
    for name in AT_MOST_ONCE:
        if told[name] > 1:
            yield f"the journal tells {told[name]:,} times of {name}"
    began, ended = ([e.text("phase") for e in events if e.event == name] for name in ("phase_started", "phase_ended"))
    if began != ended or len(set(began)) < len(began):
        yield "the journal does not tell of each phase once that it began and that it ended"
    if any(later.at < earlier.at - OVERTAKEN_S for earlier, later in pairwise(events)):
        yield "the journal is not in the order of time"


def _cut(events: tuple[Event, ...], planned_s: float) -> Iterator[str]:
    """Whether the phases went on together for about as long as was planned: one may begin late, and ends on time."""
    times = [event.at for event in events if event.event in ("phase_started", "phase_ended")]
    lasted_s = max(times) - min(times) if times else 0.0
    if lasted_s < WHOLE * planned_s:
        yield f"its phases went on for {lasted_s:,.0f} s, of {planned_s:,.0f} s that were planned"


def _against(events: tuple[Event, ...]) -> Iterator[str]:
    """What ends a run early, and yet is told of one that was completed."""
    for event in events:
        if event.event == "error":
            yield f"the journal tells of an error: {event.text('message') or 'not said which'}"
        elif event.event == "link_checked" and event.fields.get("ok") is not True:
            yield f"the link {event.text('link')} was not shown to be the only way: {event.text('detail')}"


def _amiss(events: tuple[Event, ...], samples: pd.DataFrame) -> Iterator[str]:
    """Whether the samples are those that the load generator wrote down, and of the time in which it ran."""
    ended = next((event for event in events if event.event == "load_ended"), None)
    if ended is None:
        return
    found = ended.fields.get("summary")
    summary = found if isinstance(found, dict) else {}
    recorded = as_number(summary.get("recorded"))
    if recorded is None:
        yield "the load generator's summary does not tell how many samples it recorded"
    elif recorded != len(samples):
        yield f"{recorded:,.0f} samples were recorded, and {len(samples):,} are there"
    if summary.get("interrupted"):
        yield "the load generator was interrupted"
    strange = [name for name in COUNTED if name in summary and not _counts(summary[name])]
    if strange:
        yield f"the load generator's summary tells no counts under {', '.join(strange)}"
    due = samples["due_at"]
    if outside := int(((due < events[0].at) | (due > ended.at)).sum()):
        yield f"{outside:,} samples are due before the run began or after its load ended"


def _counts(told: JsonValue) -> bool:
    """Whether that is counts by name, or by name and name."""
    if not isinstance(told, dict):
        return False
    numbers = (as_number(each) for each in told.values() if not isinstance(each, dict))
    return all(each is not None and each >= 0 for each in numbers) and all(
        _counts(each) for each in told.values() if isinstance(each, dict)
    )


def _silent(events: tuple[Event, ...], telemetry: tuple[Telemetry, ...]) -> Iterator[str]:
    """Who was asked for counts, and was not asked for its state all the time, in order of their names. One that does
    not answer is told, too.
    """
    times = [event.at for event in events if event.event in ("phase_started", "phase_ended")]
    sides = [event.fields.get(side) for event in events if event.event == "counts" for side in ("before", "after")]
    asked = sorted({name for side in sides if isinstance(side, dict) for name in side})
    for name in asked if times else ():
        told = [point.at for point in telemetry if point.component == name]
        whole = sorted([min(times), *(at for at in told if min(times) <= at <= max(times)), max(times)])
        longest = max(later - earlier for earlier, later in pairwise(whole))
        if not told or longest > SILENT_S:
            yield f"the telemetry tells nothing of {name} for {longest:.0f} s"
