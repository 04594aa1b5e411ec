"""What is seen while a run goes on, at three widths, and the line before it begins."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.console import Console

from idchaos.commands.live import _ahead, ahead, bar, fitness, standing, view
from idchaos.experiment import Bound, Objective, Phase, PhaseName
from idchaos.run.cores import Cores
from idchaos.run.launch import Request, prepare
from idchaos.run.progress import Progress
from idchaos.settings import CORES, PROFILES
from idchaos.verdict.power import Forecast

PHASES = tuple(
    Phase(name=name, duration_s=duration)
    for name, duration in (
        (PhaseName.WARMUP, 3), (PhaseName.BASELINE, 7), (PhaseName.FAULT, 12), (PhaseName.RECOVERY, 6),
    )
)  # fmt: skip
LOAD = {"rate": 251.4, "ok": 990, "bad": 10, "p95_s": 0.0123, "by_outcome": {"wrongly_accepted": 2}}


def drawn(progress: Progress, width: int) -> list[str]:
    shown = StringIO()
    Console(width=width, file=shown).print(view("jwks_outage · refused · quick", progress, PHASES, width))
    return shown.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_everything_is_there_and_no_line_is_too_long(width: int) -> None:
    lines = drawn(Progress("fault", 14.0, LOAD, ("gateway-to-idp refused",)), width)
    assert all(len(line.rstrip()) <= width for line in lines)
    text = "\n".join(lines)
    for part in ("jwks_outage · refused · quick", "14 s left", "251 requests/s", "99.00% ok", "p95 12 ms",
                 "2 bad tokens accepted", "in force: gateway-to-idp refused"):  # fmt: skip
        assert part in text


def asked(name: str, sli: str, bound: Bound) -> Objective:
    return Objective(name=name, sli=sli, phase=PhaseName.FAULT, bound=bound, why="")


def test_each_objective_of_the_phase_is_shown_as_it_stands() -> None:
    served = asked("served", "success_rate{flow=api}", Bound(op=">=", limit=0.995))
    soon = asked("soon", "latency_p95{flow=api}", Bound(op="<=", limit=0.5, unit="s"))
    lag = asked("lag", "revocation_lag_p95", Bound(op="<=", limit=30, unit="s"))
    assert [standing(each, LOAD).plain.strip() for each in (served, soon, lag)] == [
        "served ≥ 99.5 %: 99 % now", "soon ≤ 500 ms: 12.3 ms now", "lag ≤ 30.0 s: judged at the end",
    ]  # fmt: skip
    assert standing(served, {}).plain.endswith("judged at the end")
    assert standing(served, LOAD).spans[-1].style == "red"
    shown = StringIO()
    progress = Progress("recovery", 3.0, LOAD)
    Console(width=80, file=shown).print(view("a run", progress, PHASES, 80, [served]))
    assert "served" not in shown.getvalue()


def test_before_the_first_answer_nothing_is_made_up() -> None:
    text = "\n".join(drawn(Progress("starting the target", 28.0), 80))
    assert "no fault in force" in text
    assert "%" not in text


def test_the_bar_is_filled_as_far_as_the_phases_are_over() -> None:
    def done(left_s: float) -> int:
        return sum(span.end - span.start for span in bar(PHASES, left_s, 60).spans if span.style == "reverse")

    whole = len(bar(PHASES, 0.0, 60).plain) - len(PHASES)
    assert [done(28.0), done(0.0)] == [0, whole]
    assert 0 < done(20.0) < done(10.0) < whole


def forecast(decidable: str) -> Forecast:
    objective = {
        "name": "api_success_fault", "sli": "success_rate", "phase": "fault", "bound": ">= 0.99",
        "decidable": decidable, "planned": {"mean": 9, "at_least": 5, "at_most": 14}, "needed": 3,
        "tolerates": 1, "reason": "",
        "phase_s": None, "rate": None,
    }  # fmt: skip
    return Forecast.model_validate(
        {
            "scenario": "s", "variant": "v", "duration_s": 28, "rate": 300, "decidable": decidable,
            "objectives": [objective], "invariants": [],
        }
    )  # fmt: skip


def test_the_line_before_a_run_says_how_long_and_what_it_decides() -> None:
    assert ahead(forecast("yes")) == "about 28 s of load; can decide all 1 objectives and invariants"
    assert "can surely decide 0 of 1" in ahead(forecast("no"))


@pytest.mark.parametrize(
    ("cores", "busy", "says"),
    [
        (Cores(2, 2), 0.2, "2 cores are free enough"),
        (Cores(2, 2), 3.0, "this machine is busy (load 3.0 on 2 cores), which may make it INCONCLUSIVE"),
        (Cores(2, 64), 20.0, "2 of 64 cores may be used, and are free enough"),
        (Cores(2, 64), 60.0, "this machine is busy (load 60.0 on 64 cores), which may make it INCONCLUSIVE"),
        (Cores(1.5, 64), 0.2, "it wants 2 cores and may use 1.5 of 64, which may make it INCONCLUSIVE"),
        (Cores(1, 1), 0.0, "it wants 2 cores and may use 1, which may make it INCONCLUSIVE"),
    ],
)
def test_whether_this_machine_is_fit_goes_by_the_cores_that_may_be_used(cores: Cores, busy: float, says: str) -> None:
    assert fitness(cores, busy, wanted=2) == says


def test_before_a_run_it_is_said_all_together() -> None:
    line = _ahead(prepare(Request("jwks_outage", profile="gameday")))
    assert line.startswith("about 870 s of load; can decide all")
    assert re.search(
        r"; (it wants 4 cores and may use|this machine is busy|\d+ cores are free|\S+ of \d+ cores may)", line
    )


def test_every_profile_says_how_many_cores_it_wants() -> None:
    assert set(CORES) == set(PROFILES)
