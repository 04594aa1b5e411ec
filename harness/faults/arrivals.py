"""Whether a component felt a fault on its link that does not tell: by its key fetches that arrived behind it, and when.

Behind a proxy that is off nothing arrives. That is evidence only of somebody who was due to ask: how often it asked
before says when it is.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import NamedTuple

from idchaos.faults.base import Evidence
from idchaos.faults.link_effects import Mode
from idchaos.faults.wire import link_of, links_observed
from idchaos.targets.base import Target

OWN_PROBES = 1
"""Connections over a link that are the harness's own while a fault is in force."""
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
    """Requests of any kind; none of the harness's own."""
    at: tuple[float, ...]
    """When the last key fetches did, Unix time."""


def arrived(target: Target, component: str) -> Arrived:
    """What has arrived so far.

    Raises:
        TargetError: the recorder does not answer.
    """
    link = link_of(target, component, links_observed(target))
    at = tuple(each.at for each in link.of("jwks").recent)
    return Arrived(time.time(), link.connections, link.asked, at)


def felt(component: str, mode: Mode, before: Arrived, now: Arrived) -> Evidence:
    """Whether its requests met the fault, which was applied at ``before`` and is in force until ``now``.

    What gets through while answers are delayed is delayed. Who is reset, or swallowed, comes as far as the recorder,
    and the swallowed don't ask; who is refused does not come.
    """
    came, asked = now.connections - before.connections - OWN_PROBES, now.asked - before.asked
    what = f"{component}, as seen on the wire: {max(came, 0)} connections, {asked} requests"
    match mode:
        case "slow" | "bandwidth":
            return Evidence(source="target", ok=asked > 0, what=what)
        case "reset":
            return Evidence(source="target", ok=came > 0, what=what)
        case "timeout" if came > 0:
            return Evidence(source="target", ok=2 * asked <= came, what=what)
    return _stayed_away(component, before, now)


def _stayed_away(component: str, before: Arrived, now: Arrived) -> Evidence:
    """Nothing came although it was due."""
    came = sum(at > before.now + ON_ITS_WAY_S for at in now.at)
    longest = max((later - earlier for earlier, later in pairwise(before.at)), default=0.0)
    waited = now.now - max(before.at, default=now.now)
    due = len(before.at) >= ASKED_TWICE and waited > OVERDUE * longest + SLACK_S
    what = f"{component}, as seen on the wire: {came} key fetches, none for {waited:.1f} s;"
    what += f" before, one came at least every {longest:.1f} s" if longest else " how often it asks is not known"
    doubt = "" if due or came else ": is the fault longer than its cache lives?"
    return Evidence(source="target", ok=due and not came, what=what + doubt)
