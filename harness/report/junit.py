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
from idchaos.record.record import RunRecord
from idchaos.report import words
from idchaos.report.summary import command_line, own_reason, reasons, variant
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


def cases(verdict: RunVerdict) -> Iterator[Case]:
    """Every objective, invariant, fault and the clean-up; last the verdict, which may have reasons of its own."""
    for row in verdict.objectives:
        text = f"{row.sli} in {row.phase}: {words.value(row.value, row.unit, endless=row.endless)}, "
        text += f"bound {words.bound(row.bound, row.unit)}, interval {words.interval(row.interval, row.unit)}, "
        text += f"n = {row.samples:,}"
        yield Case("objective", row.name, row.verdict, "\n".join(filter(None, (own_reason(row), text, row.why))))
    for held in verdict.invariants:
        text = f"{held.breaches:,} of {held.attempts:,} {held.counted}"
        breaches = [words.plain(dict(breach)) for breach in held.evidence]
        yield Case("invariant", held.name, held.verdict, "\n".join(filter(None, (held.reason, text, *breaches))))
    for fault in verdict.faults:
        proved = Verdict.PASS if fault.effect_proved else Verdict.INCONCLUSIVE
        yield Case("fault", f"{fault.name}: effect proved", proved, fault.reason or "not proved")
    clean, left = verdict.cleanup.clean, verdict.cleanup.left
    tidy = Verdict.PASS if clean else Verdict.INCONCLUSIVE if clean is None else Verdict.FAIL
    yield Case("cleanup", "nothing is left behind", tidy, f"left: {', '.join(left)}" if left else "nobody looked")
    yield Case("run", "verdict", verdict.verdict, "\n".join(reason.text for reason in reasons(verdict)))


def suite(record: RunRecord, verdict: RunVerdict) -> str:
    """The XML document, with its declaration."""
    found = list(cases(verdict))
    name, which = f"idchaos.{verdict.scenario}", variant(record, verdict)
    took = max(0.0, record.ended_at - (record.started_at or record.ended_at))
    totals = {
        "tests": str(len(found)),
        "failures": str(sum(case.verdict is Verdict.FAIL for case in found)),
        "errors": str(sum(case.verdict is Verdict.INCONCLUSIVE for case in found)),
    }
    root = Xml.Element("testsuites", {"name": "idchaos", **totals, "time": f"{took:.3f}"})
    element = Xml.SubElement(
        root,
        "testsuite",
        {
            "name": clean(f"{name}[{which}]" if which else name),
            **totals,
            "skipped": "0",
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
        ("command", command_line(record)),
    ):
        Xml.SubElement(properties, "property", {"name": key, "value": clean(value)})
    for case in found:
        _add(element, name, case)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def clean(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _add(suite_element: Xml.Element, name: str, case: Case) -> None:
    element = Xml.SubElement(
        suite_element,
        "testcase",
        {"classname": clean(f"{name}.{case.group}"), "name": clean(case.name), "time": "0.000"},
    )
    if case.verdict is Verdict.PASS:
        return
    tag = "failure" if case.verdict is Verdict.FAIL else "error"
    message = clean(case.message)
    first = Xml.SubElement(element, tag, {"type": case.verdict.value, "message": message.partition("\n")[0]})
    first.text = message


def _timestamp(at: float | None) -> str:
    """ISO 8601 in UTC without an offset, as the schema of JUnit's readers wants it."""
    return dt.datetime.fromtimestamp(at or 0.0, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
