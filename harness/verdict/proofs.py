"""Was a fault in force when it should have been, and gone afterwards. Pure."""

from __future__ import annotations

from idchaos.record.record import FaultRecord

WHO = {"control": "the control plane", "probe": "the probe through the path", "target": "the target itself"}
WHEN = {"before": "before it", "during": "while it was in force", "after": "after it was healed"}
SHOWN = {"before": "that all worked", "during": "it", "after": "that it was gone"}


def fault_reasons(fault: FaultRecord) -> tuple[str, ...]:
    """Which proofs of a fault are missing or failed; empty when its effect is proven on both sides.

    Before: the path worked. During: the control plane, a probe and the target all say that it was in force.
    After: healed.
    """
    if fault.applied_at is None:
        return (f"fault {fault.name}: it was never applied",)
    reasons = []
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
