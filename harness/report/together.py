"""One document of several runs, out of the documents that each of them has: for a CI that wants one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from idchaos.report.junit import clean

TOTALS = ("tests", "failures", "errors", "skipped")


@dataclass(frozen=True)
class Unjudged:
    """What came to no verdict: a run, or without a ``scenario`` all that was still to be run."""

    error: str
    scenario: str = ""
    variant: str = ""
    run_dir: str | None = None
    """Where what was recorded until then is, if anything was."""

    @property
    def line(self) -> str:
        """What it was, and why."""
        error = " ".join(self.error.split())
        return f"{self.scenario} ({self.variant}): {error}" if self.scenario else error


def junit(documents: Iterable[str], unjudged: Sequence[Unjudged] = ()) -> str:
    """The suites of these ``junit.xml`` as one document. What came to no verdict is an error of a suite of its own: no
    CI takes what is missing for passed.
    """
    suites = [suite for document in documents for suite in Xml.fromstring(document).iter("testsuite")]  # noqa: S314 - our own
    suites += map(_failed, unjudged)
    root = Xml.Element("testsuites", {"name": "idchaos"})
    for total in TOTALS:
        root.set(total, str(sum(int(suite.get(total, 0)) for suite in suites)))
    root.set("time", f"{sum(float(suite.get('time', 0)) for suite in suites):.3f}")
    root.extend(suites)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def summary(documents: Iterable[str], unjudged: Sequence[Unjudged] = ()) -> str:
    """These ``summary.md`` below each other, and last what came to no verdict."""
    parts = [document.strip() for document in documents]
    parts += [f"### ✕ not completed\n\n    {each.line}" for each in unjudged]
    return "\n\n".join(parts) + "\n"


def made_again(document: str) -> str:
    """The ``summary.md`` of a run that was made again, marked as one that does not count."""
    headline, *rest = document.strip().split("\n", 1)
    return "\n".join((f"{headline}: does not count", "", "**This run was made again; what came then counts.**", *rest))


def _failed(unjudged: Unjudged) -> Xml.Element:
    line = clean(unjudged.line)
    name = f"idchaos.{unjudged.scenario}[{unjudged.variant}]" if unjudged.scenario else "idchaos"
    suite = Xml.Element("testsuite", {"name": name, "tests": "1", "failures": "0", "errors": "1", "time": "0.000"})
    case = Xml.SubElement(suite, "testcase", {"classname": name, "name": "run completed", "time": "0.000"})
    Xml.SubElement(case, "error", {"type": "error", "message": line}).text = line
    return suite
