"""What the IdP's everyday answers gave away or mixed up, as the load generator saw them come. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from idchaos.experiment import Verdict
from idchaos.record.record import Run, as_number
from idchaos.verdict.invariants import UNASKED, InvariantJudgement
from idchaos.verdict.objectives import Judgement


def judge_unasked(run: Run) -> Iterator[tuple[str, InvariantJudgement]]:
    """Each rule that was held against something; none of runs of before, which say nothing of it."""
    told = run.generator.get("unasked")
    for name, counted in UNASKED.items():
        found = told.get(name) if isinstance(told, dict) else None
        if not isinstance(found, dict):
            continue
        looked, broken = (int(as_number(found.get(key)) or 0) for key in ("looked", "broken"))
        if looked:
            first = str(found.get("first", ""))
            reason = f"{name}: {broken:,} of {looked:,}: {first}" if broken else ""
            judgement = Judgement(Verdict.FAIL if broken else Verdict.PASS, reason)
            shown: dict[str, str | float | int] = {"what": first, "broken": broken, "looked": looked}
            yield name, InvariantJudgement(looked, broken, judgement, (shown,) if broken else (), counted=counted)
