"""One document of several runs, out of the documents that each of them has: for a CI that wants one file."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as Xml

TOTALS = ("tests", "failures", "errors", "skipped")


def junit(documents: Iterable[str], error: str | None = None) -> str:
    """The suites of these ``junit.xml`` as one document. An ``error``, which left a run without a verdict, is an error
    of a suite of its own: no CI takes what is missing for passed.
    """
    suites = [suite for document in documents for suite in Xml.fromstring(document).iter("testsuite")]  # noqa: S314 - our own
    if error is not None:
        suites.append(_failed(error))
    root = Xml.Element("testsuites", {"name": "idchaos"})
    for total in TOTALS:
        root.set(total, str(sum(int(suite.get(total, 0)) for suite in suites)))
    root.set("time", f"{sum(float(suite.get('time', 0)) for suite in suites):.3f}")
    root.extend(suites)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def summary(documents: Iterable[str], error: str | None = None) -> str:
    """These ``summary.md`` below each other, and last what left a run without a verdict."""
    parts = [document.strip() for document in documents]
    if error is not None:
        parts.append(f"### ✕ not completed\n\n    {' '.join(error.split())}")
    return "\n\n".join(parts) + "\n"


def _failed(error: str) -> Xml.Element:
    line = " ".join(error.split())
    suite = Xml.Element("testsuite", {"name": "idchaos", "tests": "1", "failures": "0", "errors": "1", "time": "0.000"})
    case = Xml.SubElement(suite, "testcase", {"classname": "idchaos", "name": "run completed", "time": "0.000"})
    Xml.SubElement(case, "error", {"type": "error", "message": line}).text = line
    return suite
