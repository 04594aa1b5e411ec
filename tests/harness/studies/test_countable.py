"""Which runs a model may be held against, by what their verdicts say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from idchaos.experiment import PhaseName, Verdict
from idchaos.record.record import Cleanup
from idchaos.run.launch import Prepared
from idchaos.studies.countable import why_uncountable
from idchaos.studies.lifetimes import study as lifetimes
from idchaos.studies.lifetimes.choosing import Constraints
from idchaos.studies.lifetimes.model import World
from idchaos.studies.lifetimes.page import page
from idchaos.studies.scale import measured as scale
from idchaos.verdict.document import Count, FaultVerdict, Generator
from idchaos.verdict.verdict import RunVerdict

BASELINE, FAULT = PhaseName.BASELINE, PhaseName.FAULT


def came(*, late: str = "", agrees: bool = True, proved: bool = True, status: str = "completed") -> RunVerdict:
    """A run without a decided verdict, as those of a study are: hardly a canary was sent."""
    return RunVerdict(
        scenario="refresh_herd", variant="x", profile="quick", seed=1, verdict=Verdict.INCONCLUSIVE,
        reasons=("too few canaries",), run_dir="reports/refresh_herd/x", started_at=0.0, status=status, objectives=(),
        invariants=(), cleanup=Cleanup(clean=True), slis=(), revocation_lag=(),
        faults=(
            FaultVerdict(
                name="refused", phase="fault", applied_at=1.0, healed_at=2.0, effect_proved=proved, evidence=(),
                reason="",
            ),
        ),
        reconciliation=(Count(what="sent and seen", expected=(9, 9), seen=9, agrees=agrees, by_flow={}),),
        generator=tuple(
            Generator(
                phase=phase, late_p99_s=0, late_limit_s=1, due=9, own_dropped=0, target_dropped=0, healthy=phase != late
            )
            for phase in ("warmup", "baseline", "fault", "recovery")
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (came(), ""),
        (came(late="recovery"), ""),
        (came(late="fault"), "the load generator did not keep its schedule in fault"),
        (came(agrees=False), "counts do not agree: sent and seen"),
        (came(proved=False), "refused was not seen to be in force"),
        (came(status="aborted"), "it was aborted"),
    ],
)
def test_what_was_counted_is_good_or_it_is_said_why_not(run: RunVerdict, why: str) -> None:
    assert why_uncountable(run, (BASELINE, FAULT)) == why


def test_a_fault_after_what_is_counted_does_not_matter() -> None:
    assert why_uncountable(came(proved=False, late="fault"), (BASELINE,)) == ""


def test_a_run_that_counts_for_nothing_is_told_and_is_no_check_of_lifetimes(tmp_path: Path) -> None:
    found = lifetimes.study(World(sessions=600), Constraints(revocation_within_s=30))
    found = lifetimes.measured(found, [cast(Prepared, None)], lambda _prepared: came(late="baseline"))
    said = "a run counts for nothing: the load generator did not keep its schedule in baseline (reports/refresh_herd/x)"
    assert found.checks == ()
    assert said in found.doubts
    assert said in page(found, "idchaos study ttl")


def test_nor_of_a_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter([came(late="baseline"), came()])
    prepared: Any = SimpleNamespace(settings=SimpleNamespace(model_dump=dict))
    monkeypatch.setattr(scale, "load", lambda _path: None)
    monkeypatch.setattr(scale, "check", lambda _record, _settings: "a check")
    checks, uncounted = scale.measure([prepared, prepared], lambda _prepared: next(runs))
    assert checks == ("a check",)
    assert [each.why for each in uncounted] == ["the load generator did not keep its schedule in baseline"]
