"""The simulation held against runs: sessions of the load generator through an outage of the token endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from idchaos.experiment import PhaseName
from idchaos.record.record import RunRecord, load
from idchaos.run.launch import Prepared, Request, prepare
from idchaos.studies.countable import Uncounted, why_uncountable
from idchaos.studies.lifetimes.measured import Compared
from idchaos.studies.scale.fleet import Idp, Outage, Sessions, Waiting
from idchaos.studies.scale.herd import simulate
from idchaos.values import Value
from idchaos.verdict.verdict import RunVerdict

SCENARIO = "refresh_herd"
SESSIONS = (100, 200, 400)
PLAN = {"load.rate": 40.0, "load.login_rate": 0.05, "load.machine_rate": 0.5, "phases.warmup_s": 14.0,
        "phases.baseline_s": 14.0, "load.canaries_per_kind": 0.05}  # fmt: skip
"""Little beside refreshes, and a warm-up long enough that sessions, which begin within seconds, are spread."""
COUNTED = (PhaseName.BASELINE, PhaseName.FAULT, PhaseName.RECOVERY)
"""Where what came of it is counted."""
STEP_S = 0.1
SEEDS = 20
HERD_S = 3.0
"""What comes in the first seconds after healing is looked at by itself."""
ENDLESS_RPS = 1e9


class HerdCheck(Value):
    """One run beside what was simulated for it."""

    sessions: int
    run_dir: str
    compared: tuple[Compared, ...]


def points(request: Request, number: int) -> tuple[Prepared, ...]:
    """The runs that the simulation is held against; checked before anything starts.

    Raises:
        UsageError: the request makes no sound run.
    """
    return tuple(
        prepare(replace(request, scenario=SCENARIO, overrides={**PLAN, **request.overrides, "load.sessions": sessions}))
        for sessions in SESSIONS[:number]
    )


def measure(
    prepared: Sequence[Prepared], execute: Callable[[Prepared], RunVerdict]
) -> tuple[tuple[HerdCheck, ...], tuple[Uncounted, ...]]:
    """Make the runs, and simulate each that can be counted in; and the others.

    Raises:
        IdchaosError: a run could not be completed.
    """
    checks, uncounted = [], []
    for each in prepared:
        verdict = execute(each)
        if why := why_uncountable(verdict, COUNTED):
            uncounted.append(Uncounted(run_dir=verdict.run_dir, why=why))
        else:
            checks.append(check(load(Path(verdict.run_dir)), each.settings.model_dump()))
    return tuple(checks), tuple(uncounted)


def check(record: RunRecord, settings: dict[str, Any]) -> HerdCheck:
    """Attempts per second before the outage, in it, and in the first seconds after it: simulated, and counted."""
    traffic = settings["load"]
    sessions = Sessions(
        number=traffic["sessions"],
        access_ttl_s=settings["tokens"]["access_ttl_s"],
        refresh_at=traffic["refresh_at"],
        refresh_jitter=traffic["refresh_jitter"],
        waiting=Waiting(first_s=traffic["retry_s"], jitter=0.5),
    )
    (fault,) = record.faults[:1]
    assert fault.applied_at is not None
    assert fault.healed_at is not None
    begin, _ = record.windows[PhaseName.BASELINE]
    spans = {
        "refreshes before the outage": (begin, fault.applied_at),
        "attempts in the outage": (fault.applied_at, fault.healed_at),
        f"attempts in the {HERD_S:g} s after it": (fault.healed_at, fault.healed_at + HERD_S),
    }
    due = record.samples.loc[record.samples["flow"] == "refresh", "due_at"].to_numpy()
    offered = _simulated(sessions, fault.applied_at - begin, fault.healed_at - fault.applied_at)
    found = []
    for what, (starts, ends) in spans.items():
        window = slice(round((starts - begin) / STEP_S), round((ends - begin) / STEP_S))
        found.append(
            Compared(
                what=what,
                foretold=float(offered[window].mean()) / STEP_S,
                counted=float(((due >= starts) & (due < ends)).sum()) / (ends - starts),
                seconds=ends - starts,
            )
        )
    return HerdCheck(sessions=sessions.number, run_dir=record.run_dir, compared=tuple(found))


def unsure(checks: Sequence[HerdCheck]) -> tuple[str, ...]:
    """Where the simulation was not what was counted, as sentences; empty: nowhere."""
    return tuple(
        f"{each.what} of {point.sessions} sessions: {each.counted:.3g}/s counted, {each.foretold:.3g}/s simulated "
        f"({each.error:+.0%})"
        for point in checks
        for each in point.compared
        if not each.agrees
    )


def _simulated(sessions: Sessions, before_s: float, outage_s: float) -> Any:
    """Attempts in each step, the mean of many seeds."""
    outage = Outage(at_s=before_s, length_s=outage_s)
    lasts_s = outage.ends_s + HERD_S + 1
    idp = Idp(capacity_rps=ENDLESS_RPS)
    return np.mean(
        [simulate(sessions, idp, outage, lasts_s=lasts_s, seed=seed, step_s=STEP_S).offered for seed in range(SEEDS)],
        axis=0,
    )
