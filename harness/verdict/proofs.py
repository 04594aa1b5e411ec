"""Was a fault in force when it should have been, and gone afterwards. Pure."""

from __future__ import annotations

from idchaos.record.record import FaultRecord


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
            reasons.append(f"fault {fault.name}: no proof from {moment} it")
            continue
        missing = [source for source in sources if source not in {effect.source for effect in found}]
        reasons += [f"fault {fault.name}: no proof by {source} {moment} it" for source in missing]
        for effect in found:
            if not effect.ok:
                evidence = f": {effect.evidence}" if effect.evidence else ""
                reasons.append(f"fault {fault.name}: the proof by {effect.source} {moment} it failed{evidence}")
    if fault.healed_at is None:
        reasons.append(f"fault {fault.name}: it was not healed")
    return tuple(reasons)
