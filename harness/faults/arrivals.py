"""Whether a component felt a fault on its link that does not tell: by what arrived behind it, and when.

Behind a proxy that is off nothing arrives. That is evidence only of somebody who was due to ask: how often it asked
before says when it is. Where what passes is TLS, connections are looked at instead of requests
(:mod:`idchaos.faults.passages`).
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import NamedTuple

from idchaos.faults.base import Evidence
from idchaos.faults.link_effects import LinkEffect
from idchaos.faults.passages import kept, met_by_new
from idchaos.faults.symptoms import Met, Symptom, listed
from idchaos.faults.wire import link_of, links_observed
from idchaos.record.observed import Passage
from idchaos.targets.base import Target

OVERDUE = 1.5
"""Who asks no sooner than after so many of the longest times that have passed before has no way to ask."""
SLACK_S = 1.0
ON_ITS_WAY_S = 0.5
"""What was asked just before a fault may arrive just after it has begun."""
ASKED_TWICE = 2
"""So often somebody must have asked for it to be known how often."""


class Arrived(NamedTuple):
    """What had arrived over a component's link to the IdP at one moment."""

    now: float
    connections: int
    """Those of the harness's own probes are among them."""
    asked: int
    """Requests of any kind that could be read; none of the harness's own."""
    at: tuple[float, ...]
    """When the last key fetches did, Unix time."""
    tls: int = 0
    """Connections that spoke TLS; none of the harness's own."""
    tls_at: tuple[float, ...] = ()
    """When something was asked over these, and answered."""
    passages: tuple[Passage, ...] = ()
    """Those that spoke TLS, or have not spoken."""


def arrived(target: Target, component: str) -> Arrived:
    """What has arrived so far.

    Raises:
        TargetError: the recorder does not answer.
    """
    link = link_of(target, component, links_observed(target))
    at = tuple(each.at for each in link.of("jwks").recent)
    return Arrived(time.time(), link.connections, link.asked, at, link.tls, link.asked_at, link.passages)


def felt(component: str, effect: LinkEffect, before: Arrived, now: Arrived, own: int) -> Evidence:
    """Whether its requests met the fault, which was applied at ``before`` and is in force until ``now``. ``own``: so
    many connections the harness itself has tried meanwhile.

    What gets through while answers are delayed is delayed. Who is reset, or swallowed, comes as far as the recorder,
    and the swallowed don't ask; who is refused does not come.
    """
    if now.tls:
        return _felt_by_connections(component, effect, before, now, own)
    came, asked = now.connections - before.connections, now.asked - before.asked
    match effect.mode:
        case "timeout":
            came -= own
            if came > 0:
                return _on_the_wire(component, 2 * asked <= came, f"{came} connections, {asked} requests")
        case "slow" | "bandwidth" | "reset":
            return _on_the_wire(component, asked > 0, f"{came} connections, {asked} requests")
    return _stayed_away(component, before, now, now.at, "key fetches")


def _felt_by_connections(component: str, effect: LinkEffect, before: Arrived, now: Arrived, own: int) -> Evidence:
    """The same, of connections that speak TLS. One that was there before the fault goes on through delays, hangs in a
    black hole, and is over where the link is closed.
    """
    new = [each for each in now.passages if each.number > before.connections]
    there = kept(now.passages, before.now)
    asked = [e for e in now.passages if not e.probe and (e.asked_at or 0.0) > before.now + ON_ITS_WAY_S]
    met = met_by_new(new, effect, now.now, own if effect.mode == "timeout" else 0)
    what = f"{len(met)} TLS connections: {listed(met)}; {len(asked)} of all that are there were asked over"
    match effect.mode:
        case "slow" | "bandwidth":
            return _on_the_wire(component, effect.met_by(met) if met else bool(asked), what)
        case "timeout" | "reset":
            met += [Met(Symptom.ANSWERED, 0.0) for each in asked if each in there and each.ended_at is None]
            if met or effect.mode == "reset":
                return _on_the_wire(component, effect.met_by(met), what)
    away = _stayed_away(component, before, now, (*now.tls_at, *now.at), "requests by TLS")
    hanging = [each for each in there if each.ended_at is None]
    if effect.mode == "timeout":
        return _but(away, not hanging, "and no connection is there that it could hang on")
    late = [each for each in new if not each.probe and each.at > before.now + ON_ITS_WAY_S]
    return _but(_but(away, bool(late), f"and {len(late)} connections came"), bool(hanging), "and it keeps a connection")


def _stayed_away(component: str, before: Arrived, now: Arrived, at: tuple[float, ...], whats: str) -> Evidence:
    """Nothing came although it was due: it was heard of often enough, and up to the fault. ``at``: when it asked."""
    earlier = sorted(each for each in at if each <= before.now)
    came = sum(each > before.now + ON_ITS_WAY_S for each in at)
    longest = max((later - sooner for sooner, later in pairwise(earlier)), default=0.0)
    last = max(earlier, default=now.now)
    patience_s = OVERDUE * longest + SLACK_S
    due = len(earlier) >= ASKED_TWICE and before.now - last <= patience_s < now.now - last
    what = f"{came} {whats}, none for {now.now - max(at, default=now.now):.1f} s;"
    what += f" before, one came at least every {longest:.1f} s" if longest else " how often it asks is not known"
    doubt = "" if due or came else ": is the fault longer than its cache lives?"
    return _on_the_wire(component, due and not came, what + doubt)


def _on_the_wire(component: str, ok: bool, what: str) -> Evidence:
    return Evidence(source="target", ok=ok, what=f"{component}, as seen on the wire: {what}")


def _but(evidence: Evidence, is_so: bool, what: str) -> Evidence:
    """The same, unless something speaks against it."""
    return evidence.model_copy(update={"ok": False, "what": f"{evidence.what}, {what}"}) if is_so else evidence
