"""What components hold on to: read at rest, before the load and after it."""

from __future__ import annotations

from idchaos.indicators import Selector
from idchaos.record.record import Run, When, as_number
from idchaos.verdict import reconcile
from idchaos.verdict.sli.base import Sli, counted, unknown
from idchaos.verdict.traffic import Reading, Traffic


def _left_open(traffic: Traffic, selector: Selector, phase: When) -> Reading:
    """Of the component that has the most of them: files, and sockets that are no live connection, that were not open
    before the load. Who was restarted has let go of everything.
    """
    if phase != "all":
        return unknown("what is held open is read before and after the load only")
    record = traffic.record
    grown = {name: reconcile.growth(record, name, "process", "open_files") for name in _telling(record)}
    known = {name: each.count for name, each in grown.items() if each.count is not None}
    if not known:
        return unknown(next((each.note for each in grown.values()), "no component tells what it holds open"))
    worst = max(known, key=lambda name: known[name])
    return counted(float(max(0, known[worst])), len(known), f"most at {worst}" if known[worst] > 0 else "")


def _telling(record: Run) -> list[str]:
    """Who told how much it holds open before the load and after it."""
    sides = [record.counts.get(side) for side in ("before", "after")]
    told = [{name for name, state in side.items() if _tells(state)} for side in sides if isinstance(side, dict)]
    return sorted(set.intersection(*told)) if len(told) == len(sides) else []


def _tells(state: object) -> bool:
    process = state.get("process") if isinstance(state, dict) else None
    return isinstance(process, dict) and as_number(process.get("open_files")) is not None


SLIS = (Sli("files_left_open", _left_open, "rate", "count", needs=("counts.process",), worsened_by_waiting=False),)
