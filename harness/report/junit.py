"""``junit.xml``: one test suite a run. FAIL is a failure, INCONCLUSIVE an error: no CI takes either for passed.

The attributes are those that the common readers ask for (``name``, ``tests``, ``failures``, ``errors``, ``skipped``,
``time``, ``timestamp``; ``classname`` and ``name`` of each case), in the order of elements of the Ant schema.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from idchaos.experiment import Verdict
from idchaos.record.record import Run
from idchaos.report import words
from idchaos.report.breaches import Group, groups
from idchaos.report.summary import command_line, own_reason, reasons, variant
from idchaos.verdict.series.series import Series
from idchaos.verdict.verdict import RunVerdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) cannot hold, even escaped."""


@dataclass(frozen=True)
class Case:
    """One thing that was judged."""

    group: str
    name: str
    verdict: Verdict
    message: str
    took: float = 0.0
    """Seconds of the run that it is about."""


def cases(run: Run, verdict: RunVerdict, series: Series) -> Iterator[Case]:
    """The verdict, which has the cause first; then every objective, invariant, fault, and the clean-up."""
    whole = max(0.0, run.ended_at - (run.started_at or run.ended_at))
    yield Case("run", "verdict", verdict.verdict, "\n".join(reason.text for reason in reasons(verdict)), whole)
    lasted = {str(phase): end - start for phase, (start, end) in run.windows.items()}
    load = sum(lasted.values())
    for row in verdict.objectives:
        text = f"{row.sli} in {row.phase}: {words.value(row.value, row.unit, endless=row.endless)}, "
        text += f"bound {words.bound(row.bound, row.unit)}, interval {words.interval(row.interval, row.unit)}, "
        text += f"n = {row.samples:,}"
        told = "\n".join(filter(None, (own_reason(row), text, row.why)))
        yield Case("objective", row.name, row.verdict, told, lasted.get(row.phase, load))
    for held in verdict.invariants:
        text = f"{held.breaches:,} of {held.attempts:,} {held.counted}"
        told = "\n".join(filter(None, (held.reason, text, *map(_told, groups(run, series, held)))))
        yield Case("invariant", held.name, held.verdict, told, load)
    for fault in verdict.faults:
        proved = Verdict.PASS if fault.effect_proved else Verdict.INCONCLUSIVE
        lasts = lasted.get(fault.phase or "", 0.0)
        yield Case("fault", f"{fault.name}: effect proved", proved, fault.reason or "not proved", lasts)
    clean, left = verdict.cleanup.clean, verdict.cleanup.left
    tidy = Verdict.PASS if clean else Verdict.INCONCLUSIVE if clean is None else Verdict.FAIL
    yield Case("cleanup", "nothing is left behind", tidy, f"left: {', '.join(left)}" if left else "nobody looked")


def _told(group: Group) -> str:
    return f"{group.what}, by {group.replica}, {group.route}: {group.count} of {group.of}, first at {group.first}"


def suite(run: Run, verdict: RunVerdict, series: Series) -> str:
    """The XML document, with its declaration."""
    found = list(cases(run, verdict, series))
    follows = f"follows from: {reasons(verdict)[0].text}" if verdict.status != "completed" else ""
    name, which = f"idchaos.{verdict.scenario}", variant(run, verdict)
    took = max(0.0, run.ended_at - (run.started_at or run.ended_at))
    totals = {
        "tests": str(len(found)),
        "failures": str(sum(case.verdict is Verdict.FAIL for case in found)),
        "errors": str(sum(_tag(case, follows) == "error" for case in found)),
        "skipped": str(sum(_tag(case, follows) == "skipped" for case in found)),
    }
    root = Xml.Element("testsuites", {"name": "idchaos", **totals, "time": f"{took:.3f}"})
    element = Xml.SubElement(
        root,
        "testsuite",
        {
            "name": clean(f"{name}[{which}]" if which else name),
            **totals,
            "time": f"{took:.3f}",
            "timestamp": _timestamp(verdict.started_at),
            "hostname": "localhost",
        },
    )
    properties = Xml.SubElement(element, "properties")
    for key, value in (
        ("profile", verdict.profile),
        ("seed", str(verdict.seed)),
        ("run_dir", verdict.run_dir),
        ("report", f"{verdict.run_dir}/report.html"),
        ("command", command_line(run)),
    ):
        Xml.SubElement(properties, "property", {"name": key, "value": clean(value)})
    for case in found:
        _add(element, name, case, follows)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def clean(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _tag(case: Case, follows: str) -> str:
    """What became of a case. Where a run was not completed, what stayed undecided ``follows`` from what ended it: one
    error, not thirty.
    """
    if case.verdict is Verdict.PASS:
        return ""
    if case.verdict is Verdict.FAIL:
        return "failure"
    return "skipped" if follows and case.group not in ("run", "cleanup") else "error"


def _add(suite_element: Xml.Element, name: str, case: Case, follows: str) -> None:
    element = Xml.SubElement(
        suite_element,
        "testcase",
        {"classname": clean(f"{name}.{case.group}"), "name": clean(case.name), "time": f"{case.took:.3f}"},
    )
    tag = _tag(case, follows)
    if tag == "skipped":
        Xml.SubElement(element, tag, {"message": clean(follows)})
    elif tag:
        message = clean(case.message)
        first = Xml.SubElement(element, tag, {"type": case.verdict.value, "message": message.partition("\n")[0]})
        first.text = message


def _timestamp(at: float | None) -> str:
    """ISO 8601 in UTC without an offset, as the schema of JUnit's readers wants it."""
    return dt.datetime.fromtimestamp(at or 0.0, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
