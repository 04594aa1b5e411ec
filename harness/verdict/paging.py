"""Would it have paged? Burn-rate alerts on an SLO, evaluated over a run whose length stands for days. Pure.

The rules are those of the Google SRE workbook (Beyer et al., The Site Reliability Workbook, 2018, chapter 5, "Alerting
on SLOs", section 6, "Multiwindow, Multi-Burn-Rate Alerts"). A burn rate of 1 spends exactly the error budget, 1 - SLO,
over the SLO's period of 30 days. A rule fires while the share of errors exceeds its factor times the budget over a long
window, so that it matters, and over a short one, so that it still goes on.

A run lasts seconds or minutes, so windows are scaled: the longest, 3 days, is the run from the baseline to the end.
Nothing is looked at more closely than a second, so no window is shorter. What was asked before the baseline is not
known: at first, windows hold what there is of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from idchaos.experiment import PhaseName
from idchaos.record.record import Run, as_number
from idchaos.values import Value, number
from idchaos.verdict.measurements import Measurements
from idchaos.verdict.served import Counts

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
LONGEST_S = 3 * DAY
DEFAULT_SLO = 0.999
"""The guide's starting target for the validation of tokens."""

Severity = Literal["page", "ticket"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Fires while errors exceed ``factor`` times the budget over both windows (seconds)."""

    name: str
    severity: Severity
    factor: float
    long_s: float
    short_s: float


RULES = (
    Rule("14.4x", "page", 14.4, HOUR, 5 * MINUTE),
    Rule("6x", "page", 6.0, 6 * HOUR, 30 * MINUTE),
    Rule("3x", "ticket", 3.0, DAY, 2 * HOUR),
    Rule("1x", "ticket", 1.0, 3 * DAY, 6 * HOUR),
)


class ScaledRule(Value):
    """A rule as it was evaluated. ``stands_for_s``: the windows of the original, in its seconds."""

    name: str
    severity: Severity
    error_share: float
    """Above this it fires; from 1 on it can't."""
    long_s: int
    short_s: int
    stands_for_s: tuple[float, float]


class Alert(Value):
    """One alert, in Unix time, by the ends of the seconds that made it fire and clear. ``cleared_at`` is ``null`` for
    one that was still firing at the end.
    """

    rule: str
    severity: Severity
    phase: str
    """In which it fired."""
    fired_at: float
    cleared_at: float | None


class Paging(Value):
    """What the rules would have made of a run's good API traffic."""

    slo: float
    seconds_per_second: float
    """How much time a second of the run stands for."""
    requests: int
    rules: tuple[ScaledRule, ...]
    alerts: tuple[Alert, ...]
    paged_at: float | None
    """When the first page came."""
    quiet_at: float | None
    """When the last page was over; ``null`` without a page, and while one was still firing at the end."""
    paged_in_baseline: bool
    """Before any fault: either the target was not sound, or the rules are too nervous for so little traffic."""
    note: str = ""


def paging(measured: Measurements) -> Paging | None:
    """Evaluate all rules over a run; ``None`` without a phase after the warm-up."""
    run = measured.run
    window = run.window("all")
    if window is None:
        return None
    start, end = window
    good, total = measured.served
    if not len(total):  # cut short in the moment in which the first phase began
        return None
    slo = slo_of(run)
    rules = [scaled(rule, end - start, slo) for rule in RULES]
    alerts = [
        Alert(
            rule=rule.name,
            severity=rule.severity,
            phase=_phase(run, start + first + 0.5),
            fired_at=number(start + first + 1, 3) or 0.0,
            cleared_at=None if last is None else number(start + last + 1, 3),
        )
        for rule in rules
        for first, last in firing(good, total, rule)
    ]
    pages = [alert for alert in alerts if alert.severity == "page"]
    over = [alert.cleared_at for alert in pages if alert.cleared_at is not None]
    late = any(each.reasons for phase, each in measured.health.items() if phase is not PhaseName.WARMUP)
    return Paging(
        slo=slo,
        seconds_per_second=number(LONGEST_S / (end - start), 1) or 0.0,
        requests=int(total.sum()),
        rules=tuple(rules),
        alerts=tuple(sorted(alerts, key=lambda alert: alert.fired_at)),
        paged_at=min((alert.fired_at for alert in pages), default=None),
        quiet_at=max(over) if over and len(over) == len(pages) else None,
        paged_in_baseline=any(alert.phase == PhaseName.BASELINE for alert in pages),
        note="the load generator did not keep its schedule, so errors may be its own" if late else "",
    )


def slo_of(record: Run) -> float:
    """The run's own setting ``slo.success``; :data:`DEFAULT_SLO` for a scenario without it."""
    group = record.manifest.settings.get("slo")
    found = as_number(group.get("success")) if isinstance(group, dict) else None
    return found if found is not None and 0 < found < 1 else DEFAULT_SLO


def scaled(rule: Rule, run_s: float, slo: float) -> ScaledRule:
    """A rule with windows in whole seconds of a run of this length, and its threshold as a share of errors."""
    long_s, short_s = (max(1, round(window / LONGEST_S * run_s)) for window in (rule.long_s, rule.short_s))
    return ScaledRule(
        name=rule.name,
        severity=rule.severity,
        error_share=number(rule.factor * (1 - slo)) or 0.0,
        long_s=long_s,
        short_s=short_s,
        stands_for_s=(rule.long_s, rule.short_s),
    )


def firing(good: Counts, total: Counts, rule: ScaledRule) -> list[tuple[int, int | None]]:
    """When a rule fires: the first second in which it does, the first in which it does no more (``None``: the end)."""
    burns = [_error_share(good, total, window) > rule.error_share for window in (rule.long_s, rule.short_s)]
    fires = np.concatenate(([False], burns[0] & burns[1], [False])).astype(np.int8)
    turns = np.diff(fires)
    spans = zip(np.flatnonzero(turns == 1).tolist(), np.flatnonzero(turns == -1).tolist(), strict=True)
    return [(first, last if last < len(total) else None) for first, last in spans]


def _error_share(good: Counts, total: Counts, window: int) -> npt.NDArray[np.float64]:
    """The share of errors over the last ``window`` seconds, at the end of each second; 0 where nothing was asked."""
    errors, asked = (
        np.convolve(counts, np.ones(window, dtype=np.int64))[: len(total)] for counts in (total - good, total)
    )
    return errors / np.maximum(asked, 1)


def _phase(record: Run, at: float) -> str:
    return next((name.value for name, (start, end) in record.windows.items() if start <= at < end), "")
