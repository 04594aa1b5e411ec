"""What connections met on a link, as seen from behind it, where what passes is TLS and no request can be read. Pure.

::

    swallowed   connected, and nothing came of the consumer for as long as it waits        a black hole
    broken off  the upstream's hello passed, and the consumer's side was reset             a reset
    late        the consumer went on so much later than it was answered                    a delay
    went on     at once                                                                    nothing

How long a consumer takes to go on after a ServerHello is one round trip over the link: what delays answers shows there.
"""

from __future__ import annotations

from collections.abc import Iterable

from idchaos.faults.link_effects import LinkEffect
from idchaos.faults.symptoms import Met, Symptom
from idchaos.record.observed import Passage

PATIENCE_S = 0.5
"""Who is connected and has not spoken for so long would have; who ends a connection after so long has given up."""


def met_by_new(passages: Iterable[Passage], effect: LinkEffect, at: float, own_silent: int) -> list[Met]:
    """What connections met that were made while a fault was in force, until ``at`` (Unix time). ``own_silent``: so many
    of those that said nothing are the harness's own probes, which could not say so.
    """
    found = [
        (passage.stage == "connected", met) for passage in passages if (met := _met(passage, effect, at)) is not None
    ]
    silent = [met for is_silent, met in found if is_silent]
    return [met for is_silent, met in found if not is_silent] + silent[own_silent:]


def _met(passage: Passage, effect: LinkEffect, at: float) -> Met | None:
    """What one met; ``None``: that can't be said yet."""
    if passage.probe:
        return None
    ends = passage.ended_at or at
    match passage.stage:
        case "established":
            return Met(Symptom.ANSWERED, passage.went_on_s or 0.0, passage.flight_bytes)
        case "connected":
            waited_s = ends - passage.at
            if waited_s >= PATIENCE_S and passage.by != "upstream":
                # What delays answers lets through what is said: who says nothing has met something else.
                return Met(Symptom.OTHER if effect.delays else Symptom.HUNG, waited_s)
            return None if passage.ended_at is None else Met(Symptom.OTHER, waited_s)
        case "server_hello":
            return _stuck(passage, effect, ends - (passage.heard_at or passage.at))
    # The upstream is not there, or does not answer: that is no fault of the link.
    return Met(Symptom.OTHER, ends - passage.at) if passage.ended_at or ends - passage.at >= PATIENCE_S else None


def _stuck(passage: Passage, effect: LinkEffect, waited_s: float) -> Met | None:
    """Answered by the upstream, and no further. A request that is swallowed comes not even so far: so who has waited in
    vain here has met no black hole.
    """
    if passage.alert or passage.by == "upstream":
        return Met(Symptom.OTHER, waited_s)
    if passage.ended == "reset":
        return Met(Symptom.RESET, waited_s)
    if waited_s >= PATIENCE_S:
        return Met(Symptom.HUNG if effect.delays else Symptom.OTHER, waited_s)
    return None if passage.ended_at is None else Met(Symptom.CLOSED, waited_s)


def kept(passages: Iterable[Passage], since: float) -> list[Passage]:
    """Connections that were established, and still there at a moment, none of the harness's own."""
    return [
        each
        for each in passages
        if each.stage == "established" and not each.probe and each.at <= since
        and (each.ended_at is None or each.ended_at > since)
    ]  # fmt: skip
