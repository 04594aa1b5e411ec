"""The single entry: all reports of a run, each written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from idchaos.record.record import Run
from idchaos.record.rundir import write_atomically
from idchaos.report import html, junit, markdown
from idchaos.report.gallery import gallery
from idchaos.verdict.series.series import Series
from idchaos.verdict.verdict import RunVerdict

HTML, MARKDOWN, JUNIT = "report.html", "summary.md", "junit.xml"


def write(run_dir: Path, run: Run, verdict: RunVerdict, series: Series) -> None:
    """Write ``report.html``, ``summary.md`` and ``junit.xml`` into the run directory.

    All are made before the first is written, so that a run never has reports of two verdicts beside each other.

    Raises:
        StoreError: a file cannot be written.
    """
    files = {
        HTML: html.page(run, verdict, series, gallery(run, verdict, series)),
        MARKDOWN: markdown.summary(run, verdict),
        JUNIT: junit.suite(run, verdict, series),
    }
    for name, text in files.items():
        write_atomically(run_dir / name, text)
