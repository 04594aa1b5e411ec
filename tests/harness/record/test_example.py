"""The run that is shown as an example: it passes, and judging it again gives the same verdict, byte for byte."""

from __future__ import annotations

from pathlib import Path

from idchaos.experiment import Verdict
from idchaos.studies.single import judge

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"


def test_the_example_is_judged_today_as_it_was_when_it_was_made() -> None:
    _, verdict = judge(EXAMPLE)
    assert verdict.verdict is Verdict.PASS
    assert verdict.to_json() == (EXAMPLE / "verdict.json").read_text()
