"""Was a fault in force when it should have been, and gone afterwards. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from idchaos.record.record import FaultRecord

WHO = {"control": "the control plane", "probe": "the probe through the path", "target": "the target itself"}
WHEN = {"before": "before it", "during": "while it was in force", "after": "after it was healed"}
SHOWN = {"before": "that all worked", "during": "it", "after": "that it was gone"}
APART_S: Final = 0.5
"""An act and a look at it are each told by whoever did it, when they come to it."""


def fault_reasons(fault: FaultRecord) -> tuple[str, ...]:
    """Which proofs of a fault are missing or failed; empty when its effect is proven on both sides.

    Before: the path worked. During: the control plane, a probe and the target all say that it was in force.
    After: healed. What somebody saw at another time than they say is no proof.
    """
    if fault.applied_at is None:
        return (f"fault {fault.name}: it was never applied",)
    reasons = list(_untimely(fault, fault.applied_at))
    for moment, sources in (("before", ()), ("during", ("control", "probe", "target")), ("after", ())):
        found = [effect for effect in fault.effects if effect.moment == moment]
        if not found:
            reasons.append(f"fault {fault.name}: not proved: nobody looked {WHEN[moment]}")
            continue
        missing = [source for source in sources if source not in {effect.source for effect in found}]
        reasons += [f"fault {fault.name}: not proved: {WHO[source]} was not asked {WHEN[moment]}" for source in missing]
        for effect in found:
            if not effect.ok:
                evidence = f": {effect.evidence}" if effect.evidence else ""
                who = f"{WHO[effect.source]} did not show {SHOWN[moment]} {WHEN[moment]}"
                reasons.append(f"fault {fault.name}: not proved: {who}{evidence}")
    if fault.healed_at is None:
        reasons.append(f"fault {fault.name}: it was not healed")
    return tuple(reasons)


def _untimely(fault: FaultRecord, applied_at: float) -> Iterator[str]:
    """What can't have been as it was told, by the times of it."""
    healed_at = fault.healed_at
    if healed_at is not None and healed_at <= applied_at:
        yield f"fault {fault.name}: not proved: it was healed before it was applied"
        return
    within = {
        "before": (-math.inf, applied_at),
        "during": (applied_at, math.inf if healed_at is None else healed_at),
        "after": (-math.inf if healed_at is None else healed_at, math.inf),
    }
    for effect in fault.effects:
        start, end = within[effect.moment]
        if not start - APART_S <= effect.at <= end + APART_S:
            yield (
                f"fault {fault.name}: not proved: {WHO[effect.source]} was asked at another time than"
                f" {WHEN[effect.moment]}"
            )
