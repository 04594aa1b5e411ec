"""``verdict.json``: what a judged run is told to be, as values."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from idchaos.experiment import Verdict
from idchaos.record.record import Cleanup, Effect
from idchaos.values import Interval, Value
from idchaos.verdict.coverage import Covered
from idchaos.verdict.felt import Felt
from idchaos.verdict.measures import Measure
from idchaos.verdict.missable import Missable
from idchaos.verdict.observation import Unpromised
from idchaos.verdict.paging import Paging
from idchaos.verdict.ways import Unseen


class ObjectiveVerdict(Value):
    """An objective, judged. ``value`` and bounds are ``null`` where nothing finite was observed; ``note``
    says why.
    """

    name: str
    sli: str
    phase: str
    value: float | None
    interval: Interval
    """The one that decided; ``null``: no end on that side."""
    endless: bool = False
    """Whether no end was seen: then there is no finite ``value``, though something was measured."""
    samples: int
    effective: float
    unit: str
    bound: str
    verdict: Verdict
    reason: str
    note: str
    why: str
    could_have_missed: Missable | None = None
    """Of a share that PASSed without any failure: what the phase is too short to show."""


class InvariantVerdict(Value):
    """An invariant, judged, with its denominators and what is needed to replay each breach."""

    name: str
    attempts: int
    breaches: int
    counted: str = "bad tokens accepted"
    """What breaches are, of attempts."""
    verdict: Verdict
    reason: str
    by_canary: tuple[dict[str, str | int], ...] = ()
    evidence: tuple[dict[str, str | float | int], ...] = ()


class FaultVerdict(Value):
    """Whether a fault was in force when it should have been, and gone afterwards. Times are Unix seconds."""

    name: str
    phase: str | None
    applied_at: float | None
    healed_at: float | None
    effect_proved: bool
    evidence: tuple[Effect, ...]
    reason: str


class SliValue(Value):
    """One SLI in one phase."""

    sli: str
    phase: str
    value: float | None
    interval: Interval
    endless: bool = False
    samples: int
    unit: str
    note: str = ""


class Count(Value):
    """One comparison of counts. See :mod:`idchaos.verdict.reconcile`."""

    what: str
    expected: tuple[int, int]
    seen: int | None
    agrees: bool
    by_flow: dict[str, int]
    note: str = ""


class Generator(Value):
    """How the load generator kept its schedule in a phase."""

    phase: str
    late_p99_s: float
    late_limit_s: float
    due: int
    own_dropped: int
    target_dropped: int
    healthy: bool


class RunVerdict(Value):
    """``verdict.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    scenario: str
    variant: str
    profile: str
    seed: int
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why it is not PASS, worst first."""
    run_dir: str
    started_at: float | None
    status: str
    not_observed: tuple[Unseen, ...] = ()
    """What could not be looked at, since the target declares that it can't show it. A PASS does not speak of these."""
    unpromised: tuple[Unpromised, ...] = ()
    """Bad tokens that the target does not promise to refuse, and what became of them: told, and not judged."""
    left_out: tuple[Unseen, ...] = ()
    """Objectives that the scenario has and this run was not asked for, and what it was too short to try."""
    objectives: tuple[ObjectiveVerdict, ...]
    invariants: tuple[InvariantVerdict, ...]
    faults: tuple[FaultVerdict, ...]
    cleanup: Cleanup
    """Reported apart: it does not change the verdict, but PASS with a clean-up that was not clean is no exit code 0."""
    slis: tuple[SliValue, ...]
    measures: tuple[Measure, ...] = ()
    """The guide's, over the whole run: they inform, and change no verdict."""
    felt: Felt | None = None
    """What became of good requests."""
    paging: Paging | None = None
    """Would it have paged? ``null`` where nothing came after the warm-up."""
    changes: tuple[SliValue, ...] = ()
    """SLIs of each phase after the baseline minus those of the baseline."""
    revocation_lag: tuple[dict[str, JsonValue], ...]
    reconciliation: tuple[Count, ...]
    generator: tuple[Generator, ...]
    coverage: tuple[Covered, ...] = ()
    """What was tried of canaries, by kind, phase, decider, route and method, and from which share of acceptances on
    that would have shown them."""

    def document(self) -> dict[str, JsonValue]:
        """As JSON values, in the order of ``verdict.json``."""
        document: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True)
        return document

    def to_json(self) -> str:
        """The text of ``verdict.json``."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
