"""The guide's ten measures M1-M10 of a run, against its starting targets. Pure.

The guide is "What is OpenID Connect Security?" (2026); the table in its section on metrics gives names, how to compute
them, and starting targets. Here each is an SLI (:mod:`idchaos.verdict.sli`), taken over the whole run after the
warm-up, faults and all, and judged as an objective would be. Measures inform: they never change a verdict. Whoever
wants one to decide asks for its SLI in an objective.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from idchaos.experiment import Bound, Objective, PhaseName, Verdict
from idchaos.record.record import RunRecord
from idchaos.values import Interval, Value, number
from idchaos.verdict import sli
from idchaos.verdict.generator_health import GeneratorHealth
from idchaos.verdict.objectives import judge
from idchaos.verdict.sli.tokens import token_uses
from idchaos.verdict.stats import Ints
from idchaos.verdict.traffic import traffic_of

MINUTE, HOUR = 60.0, 3600.0
LIFETIME_EDGES_S = (
    *(0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0),
    *(minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 4, 8, 12, 24)),
    math.inf,
)
"""Fixed, so that runs can be compared."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A row of the guide's table."""

    id: str
    name: str
    sli: str
    target: Bound | None
    """``None``: the guide gives no figure."""


DEFINITIONS = (
    Definition("M1", "Token validation success rate", "token_validation_success_rate", Bound(op=">=", limit=0.999)),
    Definition(
        "M2",
        "Auth request latency",
        "latency_p95{endpoint=authorize|login|token}",
        Bound(op="<=", limit=0.2, unit="s"),
    ),
    Definition("M3", "Token issuance error rate", "token_issuance_error_rate", Bound(op="<=", limit=0.001)),
    Definition("M4", "JWKS fetch failures", "jwks_fetch_failures", Bound(op="<=", limit=0, unit="count")),
    Definition("M5", "Refresh token error rate", "refresh_error_rate", Bound(op="<=", limit=0.005)),
    Definition("M6", "Token misuse alerts", "misuse_alerts", Bound(op="<=", limit=0, unit="count")),
    Definition("M7", "Revocation propagation", "revocation_lag_max", Bound(op="<=", limit=30, unit="s")),
    Definition("M8", "Client registration failures", "registration_error_rate", Bound(op="<=", limit=0.005)),
    Definition("M9", "Authentication retries", "login_retries", Bound(op="<=", limit=1.2, unit="count")),
    Definition("M10", "Token lifetime distribution", "token_lifetime_p95", None),
)


class LifetimeBin(Value):
    """Tokens whose life lies in ``(from_s, to_s]``; ``to_s`` is ``null`` in the last bin, which has no end."""

    from_s: float
    to_s: float | None
    issued: int
    """Tokens by their whole life."""
    in_use: int
    """Uses of tokens by the life that they had left."""


class Measure(Value):
    """A measure of a run. ``met`` is ``null`` where the run can't tell; ``note`` says why."""

    id: str
    name: str
    sli: str
    value: float | None
    interval: Interval
    endless: bool = False
    """Whether no end was seen."""
    samples: int
    unit: str
    target: str
    met: bool | None
    note: str
    histogram: tuple[LifetimeBin, ...] = ()
    """Of M10."""


def measures(record: RunRecord, health: Mapping[PhaseName, GeneratorHealth]) -> tuple[Measure, ...]:
    """All ten, in the guide's order. ``health``: of the load generator, by phase."""
    return tuple(_measure(record, definition, health) for definition in DEFINITIONS)


def _measure(record: RunRecord, definition: Definition, health: Mapping[PhaseName, GeneratorHealth]) -> Measure:
    measured = sli.measure(record, definition.sli, "all")
    met, note = _met(record, definition, measured, health)
    told = measured.samples > 0 and not math.isnan(measured.value)
    return Measure(
        id=definition.id,
        name=definition.name,
        sli=definition.sli,
        value=number(measured.value),
        interval=(number(measured.low), number(measured.high)) if told else (None, None),
        endless=measured.value == math.inf,
        samples=measured.samples,
        unit=measured.unit,
        target=definition.target.text if definition.target else "",
        met=met,
        note=note,
        histogram=lifetime_histogram(record) if definition.id == "M10" else (),
    )


def _met(
    record: RunRecord,
    definition: Definition,
    measured: sli.Measurement,
    health: Mapping[PhaseName, GeneratorHealth],
) -> tuple[bool | None, str]:
    """Whether the target was met, ``None`` where that is not known; and what there is to say about it."""
    target = definition.target
    if measured.samples == 0 or math.isnan(measured.value):
        return None, "no data" + (f": {measured.note}" if measured.note else "")
    if target is None:
        return None, "no target"
    objective = Objective(name=definition.id, sli=definition.sli, phase="all", bound=target)
    if doubt := _doubt(record, objective, measured, health):
        return None, f"undecided: {doubt}"
    window = record.window("all") or (0.0, 0.0)
    within = sli.within(record, definition.sli, "all", target.limit)
    judged = judge(objective, measured, window[1] - window[0], within)
    if judged.verdict is not Verdict.INCONCLUSIVE:
        return judged.verdict is Verdict.PASS, measured.note
    if judged.needed is not None and judged.needed > measured.samples:
        return None, f"not enough samples: {measured.samples:,}, it takes about {judged.needed:,}"
    return None, "undecided: the interval holds the target"


def _doubt(
    record: RunRecord, objective: Objective, measured: sli.Measurement, health: Mapping[PhaseName, GeneratorHealth]
) -> str:
    """Why the value can't be trusted, if so."""
    late = any(
        each.reasons or each.too_late_for(objective) for phase, each in health.items() if phase is not PhaseName.WARMUP
    )
    if record.status != "completed":
        return f"the run was not completed ({record.status})"
    return "the load generator did not keep its schedule" if late and measured.of_generator else ""


def lifetime_histogram(record: RunRecord) -> tuple[LifetimeBin, ...]:
    """M10: from the first bin that holds anything to the last."""
    uses = token_uses(traffic_of(record), "all")
    issued = _in_bins(uses.drop_duplicates("jti")["life_s"])
    in_use = _in_bins(uses["left_s"])
    some = np.flatnonzero(issued + in_use)
    bins = [
        LifetimeBin(from_s=start, to_s=number(end), issued=int(tokens), in_use=int(used))
        for (start, end), tokens, used in zip(pairwise(LIFETIME_EDGES_S), issued, in_use, strict=True)
    ]
    return tuple(bins[some[0] : some[-1] + 1]) if len(some) else ()


def _in_bins(seconds: pd.Series) -> Ints:
    """How many lie in each bin; what is over already lies in the first."""
    known = seconds.dropna().to_numpy(dtype=np.float64)
    where = np.maximum(np.searchsorted(LIFETIME_EDGES_S, known, side="left") - 1, 0)
    return np.bincount(where, minlength=len(LIFETIME_EDGES_S) - 1).astype(np.int64)
