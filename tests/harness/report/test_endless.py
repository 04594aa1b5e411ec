"""Where no end was seen, every table says ∞: a dash would hide the worst of all runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from idchaos.commands.terminal import show_comparison, show_joint
from idchaos.report import compared, repeated
from idchaos.studies.repeated import Joint
from idchaos.verdict.comparison import Comparison, ObjectiveChange
from idchaos.verdict.repeats import Repeats


def lag(first: float | None, second: float | None, *, endless: tuple[bool, bool]) -> ObjectiveChange:
    known = None not in (first, second)
    return ObjectiveChange(
        name="lag", sli="revocation_lag_p95", phase="fault", unit="s", first=first, second=second, endless=endless,
        difference=cast(float, second) - cast(float, first) if known else None, interval=(6.8, None), tolerance=0.3,
        verdicts=(None, None), change=compared.Change.WORSE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (lag(1.2, None, endless=(False, True)), ("1.20 s", "∞", "+∞")),
        (lag(None, 1.2, endless=(True, False)), ("∞", "1.20 s", "−∞")),
        (lag(None, None, endless=(True, True)), ("∞", "∞", "–")),
        (lag(None, None, endless=(False, True)), ("–", "∞", "–")),
        (lag(1.2, 1.5, endless=(False, False)), ("1.20 s", "1.50 s", "+300 ms")),
    ],
)
def test_of_two_runs_each_value_and_the_difference(row: ObjectiveChange, told: tuple[str, str, str]) -> None:
    assert compared.values(row) == told


def test_two_runs_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    row = lag(1.2, None, endless=(False, True))
    found = Comparison(
        scenario="revocation_lag", variants=("a", "a"), run_dirs=("1", "2"), verdicts=("PASS", "FAIL"),
        change=row.change, reasons=(), objectives=(row,), invariants=(),
    )  # fmt: skip
    show_comparison(found, Path("page.html"))
    assert "fault: 1.20 s → ∞, +∞ (+6.80 s to ∞)" in capsys.readouterr().out


@pytest.fixture
def judged() -> Repeats:
    row: dict[str, Any] = {
        "name": "lag", "sli": "revocation_lag_p95", "phase": "fault", "bound": "<= 5 s", "value": None,
        "interval": (6.8, None), "endless": True, "samples": 70, "unit": "s", "verdicts": ("FAIL", "FAIL"),
        "verdict": "FAIL",
    }  # fmt: skip
    return Repeats.model_validate(
        {"scenario": "revocation_lag", "variant": "a", "seeds": (1, 2), "verdict": "FAIL", "reasons": (),
         "objectives": (row,), "invariants": ()}
    )  # fmt: skip


def test_several_runs_on_a_page_and_on_a_terminal(judged: Repeats, capsys: pytest.CaptureFixture[str]) -> None:
    assert "<strong>∞</strong>" in repeated.page(judged, (), ())
    show_joint(cast(Joint, SimpleNamespace(judged=judged, report="page.html")))
    assert "fault: ∞ (6.80 s to ∞) of 70" in capsys.readouterr().out
