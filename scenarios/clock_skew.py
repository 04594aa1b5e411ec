"""A clock is wrong: within the leeway nobody notices; where does it break, on both sides?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from idchaos.errors import UsageError
from idchaos.experiment import Bound, Objective, PhaseName, Plan
from idchaos.faults.clock import ClockSkew
from idchaos.run.building import (
    api_latency,
    api_success,
    at_most,
    every_run,
    everyday_load,
    invariants,
    phases,
    recovers,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import TOPOLOGIES, Need
from idchaos.values import Value

SWEEP_MARGIN_S = 3.0
SWEEP_STEPS = 6
SEEN_S = 0.1
"""The least clock error that can be told from the time that a question takes."""
SHOWS_WITHIN_S = 5.0
"""A clock error must show this soon after it was set, or the fault can't be proved."""


class SkewSettings(Value):
    """Whose clock is wrong, and by how much."""

    mode: Literal["step", "sweep"] = Field("step", description="one offset, or a series that finds the threshold")
    component: Literal["idp", "gateway-1", "gateway-2", "orders", "accounts"] = Field("idp", description="whose clock")
    offset_s: float = Field(3, ge=-86_400, le=86_400, description="with step: seconds ahead (or behind, below zero)")
    drift_ppm: float = Field(0, ge=-100_000, le=100_000, description="drift on top of the offset, parts per million")
    dwell_s: float = seconds(2.5, at_least=0.5, why="with sweep: how long each offset lasts")
    tolerance_s: float = seconds(2, at_least=0.1, why="with sweep: how far a threshold may lie from what was set")


class SkewFault(Value):
    """How long the clock is wrong."""

    duration_s: float = seconds(12, at_least=1, why="with step: how long the clock is wrong")


class ClockSkewSettings(CommonSettings):
    """All settings."""

    skew: SkewSettings = SkewSettings()
    fault: SkewFault = SkewFault()


def sweep(settings: ClockSkewSettings) -> tuple[float, ...]:
    """Offsets around both expected thresholds, the mildest first on each side.

    An IdP ahead by more than the leeway signs tokens from the future; behind by more than a token's life plus the
    leeway, it signs tokens that have expired. At a gateway it is the other way round.
    """
    ahead, behind = thresholds(settings)
    spread = [2 * SWEEP_MARGIN_S * step / (SWEEP_STEPS - 1) - SWEEP_MARGIN_S for step in range(SWEEP_STEPS)]
    return tuple(round(max(0.0, ahead + d), 3) for d in spread) + tuple(round(-max(0.0, behind + d), 3) for d in spread)


def thresholds(settings: ClockSkewSettings) -> tuple[float, float]:
    """Where refusals must begin: seconds ahead, and seconds behind (both positive)."""
    future, past = settings.gateway.early_leeway_s, settings.tokens.access_ttl_s + settings.gateway.leeway_s
    return (future, past) if settings.skew.component == "idp" else (past, future)


def fault(settings: ClockSkewSettings) -> ClockSkew:
    """The skew as a fault."""
    skew = settings.skew
    if skew.mode == "sweep":
        return ClockSkew(component=skew.component, offsets_s=sweep(settings), dwell_s=skew.dwell_s)
    return ClockSkew(component=skew.component, offsets_s=(skew.offset_s,), drift_ppm=skew.drift_ppm)


def check(settings: ClockSkewSettings) -> None:
    """Refuse an error of a clock that nobody could see.

    Raises:
        UsageError: which setting is too small, and what would be enough.
    """
    skew, duration = settings.skew, settings.fault.duration_s
    graph = TOPOLOGIES[settings.topology].graph
    having = (*graph.idps, *graph.keepers_of_keys)
    if skew.component not in having:
        raise UsageError(
            f"skew.component={skew.component}: nothing in the topology {settings.topology} goes by its clock;"
            f" there are {', '.join(having)}"
        )
    if skew.mode == "sweep":
        if skew.drift_ppm:
            raise UsageError(f"skew.drift_ppm={skew.drift_ppm:g}: a sweep sets offsets; a drift is for skew.mode=step")
        return
    shows_within = duration if abs(skew.offset_s) >= SEEN_S else min(SHOWS_WITHIN_S, duration)
    if skew.drift_ppm and abs(skew.drift_ppm) * 1e-6 * shows_within < SEEN_S:
        raise UsageError(
            f"skew.drift_ppm={skew.drift_ppm:g}: too slow to be seen within {shows_within:g} s;"
            f" at least {SEEN_S / shows_within * 1e6:,.0f} ppm would be"
        )
    if not skew.drift_ppm and abs(skew.offset_s) < SEEN_S:
        raise UsageError(f"skew.offset_s={skew.offset_s:g}: too small to be seen; at least {SEEN_S:g} s would be")


def objectives(settings: ClockSkewSettings) -> tuple[Objective, ...]:
    """A step must not be noticed. A sweep must find the thresholds where the settings put them; it leaves tokens of a
    wrong clock in use, which must be gone as soon as the longest of them can live.
    """
    if settings.skew.mode == "step":
        during = api_success(settings, PhaseName.FAULT), api_latency(settings, PhaseName.FAULT)
        return *during, api_success(settings, PhaseName.RECOVERY)
    recovery = recovers(
        min(settings.tokens.access_ttl_s, settings.slo.refusals_s),
        "api",
        why="Good tokens are refused for longer than tokens of the wrong clock can be in use.",
    )
    found: list[Objective] = []
    for side, threshold in zip(("ahead", "behind"), thresholds(settings), strict=True):
        tolerance = settings.skew.tolerance_s
        least = Bound(op=">=", limit=max(0.0, threshold - tolerance), unit="s")
        found.append(
            Objective(
                name=f"tolerated_{side}", sli=f"skew_threshold_min{{side={side}}}", phase=PhaseName.FAULT, bound=least,
                why="Good tokens are refused although the clocks differ by less than the leeway.",
            )
        )  # fmt: skip
        found.append(
            at_most(
                threshold + tolerance,
                "s",
                f"skew_threshold_max{{side={side}}}",
                name=f"refused_{side}",
                phase=PhaseName.FAULT,
                why="Tokens are still accepted although the clocks differ by more than the leeway.",
            )
        )
    return (*found, recovery)


def design(settings: ClockSkewSettings) -> Experiment:
    """Traffic goes on under the wrong clock; then the clock is right again.

    Raises:
        UsageError: the clock would be wrong by less than anyone can see.
    """
    check(settings)
    skew = fault(settings)
    sweeping = settings.skew.mode == "sweep"
    duration = len(skew.offsets_s) * skew.dwell_s if sweeping else settings.fault.duration_s
    # Tokens of the wrong clock stay in use until they are refreshed; the recovery must outlast them.
    recovery = settings.phases.recovery_s + (settings.tokens.access_ttl_s if sweeping else 0.0)
    spans = phases(settings, duration, recovery)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant=settings.skew.mode,
            phases=spans,
            load=everyday_load(settings, clock_error_s=skew.clock_error_s(duration)),
            objectives=(*objectives(settings), *every_run(settings, spans)),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (skew,)},
    )


SCENARIO = Scenario(
    name="clock_skew",
    summary="A component's clock is ahead or behind, by a step or a drift; a sweep finds where refusals begin.",
    covers=("F4", "M1"),
    settings=ClockSkewSettings,
    variants={"step": {"skew.mode": "step"}, "sweep": {"skew.mode": "sweep"}},
    variant_of=lambda settings: settings.skew.mode,
    design=design,
    needs=(Need.KEYS,),
)
