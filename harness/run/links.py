"""Whether each link is really passed: off, who uses it must fail; on again, must succeed."""

from __future__ import annotations

from idchaos.errors import TargetError, UndecidableError
from idchaos.record.rundir import RunDirectory
from idchaos.targets.base import Target
from idchaos.targets.capabilities import OutlivesRun, ProbesUpstream
from idchaos.undo.ledger import ToxicsOff
from idchaos.undo.safety import Safety


def check_links(target: Target, directory: RunDirectory, safety: Safety) -> None:
    """Try every link whose users can send a probe. Else traffic takes another way, and nobody knows: a target whose
    parts can't be asked looks for their traffic on the link when it starts.

    Raises:
        UndecidableError: a fault on a link would have no effect, so nothing could be concluded.
        TargetError: a link does not lead where it should.
    """
    probes = target.capability(ProbesUpstream)
    if probes is None:
        return
    outlives = target.capability(OutlivesRun) is not None
    for link, probers in target.graph.probers.items():
        for component, upstream in probers:
            if not probes.asks_itself(component):
                continue
            with safety.promised([ToxicsOff(api=target.links.api, proxy=link)] if outlives else []):
                target.links.disable(link)
                try:
                    off = probes.probe(component, upstream)
                finally:
                    target.links.enable(link)
            on = probes.probe(component, upstream)
            detail = f"{component} to {upstream}: off {off.error or off.status}, on {on.status or on.error}"
            directory.record("link_checked", link=link, proxy=link, ok=on.ok and not off.ok, detail=detail)
            if off.ok:
                raise UndecidableError(
                    f"{component} reaches {upstream} around the link {link}: it still answers {off.status}"
                    " while that link is off, so a fault on it would prove nothing"
                )
            if not on.ok:
                raise TargetError(f"{component} does not reach {upstream} through {link}: {on.error or on.status}")
