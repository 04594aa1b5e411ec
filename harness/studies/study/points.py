"""A study's points: ordinary runs, each known by a digest of all that it depends on. Pure but for the clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import JsonValue

from idchaos.errors import UsageError, unknown
from idchaos.experiment import Verdict
from idchaos.run.launch import Prepared, Request
from idchaos.run.versions import versions
from idchaos.studies.study.figure import Figure
from idchaos.targets.gateways.catalogue import adapter_named
from idchaos.targets.idps import catalogue as idps
from idchaos.targets.systems.file import is_file, state
from idchaos.values import Interval, Value
from idchaos.verdict.verdict import RunVerdict

START_S = 8.0
"""What a run takes beside its load: a system is started, judged, drawn and stopped."""


class Measured(Value):
    """An SLI of a point's run, as an objective asked for it."""

    name: str
    """Of the objective."""
    phase: str
    value: float | None
    interval: Interval
    samples: int
    verdict: Verdict


class Result(Value):
    """What became of a point."""

    key: str
    scenario: str
    varied: dict[str, JsonValue]
    """The settings that the study chooses, by dotted name."""
    repeat: int
    seed: int
    attempt: int = 0
    """0 for the first run with this plan and seed, 1 for that which was made since it decided nothing, ..."""
    verdict: Verdict
    """Of what the study watches: the whole run, or some of its objectives and invariants."""
    reason: str
    """Why it is not PASS; empty when it is."""
    run_dir: str
    started_at: str
    """RFC 3339, UTC."""
    took_s: float
    measured: tuple[Measured, ...] = ()
    figures: tuple[Figure, ...] = ()
    """What else the study read from the run."""

    @property
    def decided(self) -> bool:
        """Whether it says anything."""
        return self.verdict is not Verdict.INCONCLUSIVE

    @classmethod
    def of(
        cls,
        prepared: Prepared,
        verdict: RunVerdict,
        *,
        varied: dict[str, JsonValue],
        repeat: int,
        watched: Sequence[str],
        began: datetime,
        took_s: float,
        figures: Sequence[Figure] = (),
        attempt: int = 0,
    ) -> Self:
        """The result of a run that was judged."""
        seen, reason = judged(verdict, watched)
        return cls(
            key=key_of(prepared),
            scenario=verdict.scenario,
            varied=varied,
            repeat=repeat,
            seed=verdict.seed,
            attempt=attempt,
            verdict=seen,
            reason=reason,
            run_dir=verdict.run_dir,
            started_at=began.isoformat(timespec="seconds"),
            took_s=round(took_s, 1),
            measured=tuple(
                Measured(
                    name=each.name,
                    phase=each.phase,
                    value=each.value,
                    interval=each.interval,
                    samples=each.samples,
                    verdict=each.verdict,
                )
                for each in verdict.objectives
            ),
            figures=tuple(figures),
        )


def key_of(prepared: Prepared) -> str:
    """A digest of plan, faults, settings, defects, target, seed and versions: the same key, the same run.

    Versions are ours, and those of the gateway and the IdP where these are somebody else's; of a system of one's own,
    all that its file says.
    """
    request, experiment = prepared.request, prepared.experiment
    document = {
        "plan": experiment.plan.model_dump(mode="json"),
        "faults": {phase: [repr(fault) for fault in faults] for phase, faults in experiment.faults.items()},
        "settings": prepared.settings.model_dump(mode="json"),
        "defects": prepared.defects,
        "target": [request.target, request.gateway, request.topology],
        "seed": prepared.seed,
        "versions": versions() | _others(request),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()[:20]


def unversioned(request: Request) -> str:
    """The option that names what may be another one tomorrow, and nobody can tell; empty: none does."""
    if is_file(request.target):
        return f"--target {request.target}"
    adapter = adapter_named(request.gateway)
    return f"--gateway {request.gateway}" if adapter is not None and adapter.unversioned else ""


def _others(request: Request) -> dict[str, str]:
    """What tells components of somebody else's making from what they were."""
    gateway, idp = adapter_named(request.gateway), idps.adapter_named(request.idp)
    found = {} if gateway is None else {request.gateway: gateway.state()}
    if idp is not None:
        found |= {f"--idp {request.idp}": idp.version()}
    if is_file(request.target):
        found |= {f"--target {request.target}": state(Path(request.target))}
    return found


def check_watched(prepared: Prepared, watched: Sequence[str]) -> None:
    """Refuse what the scenario does not judge.

    Raises:
        UsageError: names what it does.
    """
    plan = prepared.experiment.plan
    known = [each.name for each in plan.objectives] + [each.name for each in plan.invariants]
    for name in watched:
        if name not in known:
            raise UsageError(unknown(f"--objective: {prepared.scenario.name}", name, known))


def judged(verdict: RunVerdict, watched: Sequence[str]) -> tuple[Verdict, str]:
    """The verdict of a run, or the worst of the named objectives and invariants; and why it is not PASS.

    What was watched and is not there (the target can't show it) decides nothing.
    """
    if not watched:
        return verdict.verdict, verdict.reasons[0] if verdict.reasons else ""
    found = {each.name: each.verdict for each in verdict.objectives}
    found |= {each.name: each.verdict for each in verdict.invariants}
    seen = {name: found.get(name, Verdict.INCONCLUSIVE) for name in watched}
    for worst in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        names = [name for name, each in seen.items() if each is worst]
        if names:
            return worst, f"{', '.join(names)}: {worst}"
    return Verdict.PASS, ""


def seconds_of(prepared: Prepared) -> float:
    """How long a point takes, in seconds: its load, and what is around it."""
    return prepared.experiment.plan.duration_s + START_S
