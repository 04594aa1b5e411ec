"""What components hold on to: read at rest, before the load and after it."""

from __future__ import annotations

from idchaos.indicators import Selector
from idchaos.record.record import Run, When, as_number
from idchaos.verdict import reconcile, wire
from idchaos.verdict.sli.base import Sli, counted, unknown
from idchaos.verdict.traffic import Reading, Traffic

_MIB = float(1 << 20)


def _left_open(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Files, and sockets that are no live connection, that were not open before the load; or, if they are more, live
    connections over one link beyond what was ever used there at once.
    """
    record, reading = traffic.record, _most_grown(traffic.record, "open_files", phase)
    idle = wire.idle_connections(record)
    worst = max(idle, key=lambda name: idle[name], default="")
    if phase == "all" and worst and not idle[worst] <= reading.value:
        note = f"most over {worst}: connections that were never all used at once" if idle[worst] > 0 else ""
        return counted(max(0.0, idle[worst]), max(1, reading.samples), note)
    return reading


def _memory(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Resident memory, in MiB. Whoever has issued tokens has to remember them, and is left out."""
    return _most_grown(traffic.record, "memory_bytes", phase, unit=_MIB, but="issued")


def _most_grown(record: Run, what: str, phase: When, unit: float = 1, but: str = "") -> Reading:
    """At the component where it has grown most since before the load. Who was restarted has let go of everything."""
    if phase != "all":
        return unknown("what a component holds on to is read before and after the load only")
    grown = {name: reconcile.growth(record, name, "process", what) for name in _telling(record, what, but)}
    known = {name: each.count / unit for name, each in grown.items() if each.count is not None}
    if not known:
        return unknown(next((each.note for each in grown.values()), "no component tells what it holds on to"))
    worst = max(known, key=lambda name: known[name])
    return counted(max(0.0, known[worst]), len(known), f"most at {worst}" if known[worst] > 0 else "")


def _telling(record: Run, what: str, but: str) -> list[str]:
    """Who told how much of it there is before the load and after it, without those who tell of ``but`` as well."""
    sides = [record.counts.get(side) for side in ("before", "after")]
    told = [
        {name for name, state in side.items() if _tells(state, what, but)} for side in sides if isinstance(side, dict)
    ]
    return sorted(set.intersection(*told)) if len(told) == len(sides) else []


def _tells(state: object, what: str, but: str) -> bool:
    process = state.get("process") if isinstance(state, dict) and but not in state else None
    return isinstance(process, dict) and as_number(process.get(what)) is not None


SLIS = (
    Sli("files_left_open", _left_open, "rate", "count", needs=("counts.process",), worsened_by_waiting=False),
    Sli("memory_growth", _memory, "rate", "MiB", needs=("counts.process",), worsened_by_waiting=False),
)
