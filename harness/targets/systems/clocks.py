"""What time the parts of a system go by, as far as their answers say it: bad tokens are bad by time claims."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

import httpx

from idchaos.targets.endpoints import Endpoints
from idchaos.targets.gateways.checks import Finding
from idchaos.targets.oidc import DISCOVERY
from idchaos.trust import trusting

CLOCKS_WITHIN_S = 2.0
"""``Date`` is in whole seconds (RFC 9110 section 5.6.7), and an answer takes its time."""
ANSWERS_WITHIN_S = 1.0
LOOKS = 3
"""A clock is looked at again when it seems to be off: this machine may have stood still while it looked."""


def told_by(endpoints: Endpoints) -> dict[str, str]:
    """By whom and where the time is told."""
    asked = {each.name: each.url + endpoints.routes[0].path for each in endpoints.gateways}
    return {"idp": endpoints.idp_url + DISCOVERY, **asked}


def clocks(endpoints: Endpoints, known_s: float) -> Iterator[Finding]:
    """Of each that answers. ``known_s``: so far apart they are known to be."""
    for name, url in told_by(endpoints).items():
        yield from looked_at(name, url, endpoints, known_s)


def looked_at(name: str, url: str, endpoints: Endpoints, known_s: float) -> Iterator[Finding]:
    """Of one, if it answers: what does not is told elsewhere."""
    found = None
    with httpx.Client(timeout=ANSWERS_WITHIN_S, trust_env=False, verify=trusting(endpoints.ca_file)) as http:
        for _ in range(LOOKS):
            try:
                headers = http.get(url, headers={"Cache-Control": "no-cache"}).headers
            except httpx.HTTPError:
                break
            found = clock(name, headers, time.time(), known_s)
            if found.ok:
                break
    if found is not None:
        yield found


def clock(name: str, told: Mapping[str, str], now: float, known_s: float = 0.0) -> Finding:
    """What an answer's headers, by names in lower case, say of a clock, compared with this machine's. A cached answer
    has the date when it was made, and says how long ago that was (RFC 9111 section 5.1). Pure.
    """
    try:
        apart = parsedate_to_datetime(told.get("date", "")).timestamp() + _age(told.get("age", "")) - now
    except (TypeError, ValueError):
        return Finding(ok=True, what=f"{name}: tells no time")
    if abs(apart) <= CLOCKS_WITHIN_S:
        return Finding(ok=True, what=f"{name}: its clock is right, within {CLOCKS_WITHIN_S:g} s")
    what = f"{name}: its clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's"
    if abs(apart) <= CLOCKS_WITHIN_S + known_s:
        return Finding(ok=True, what=f"{what}, and system.clocks_apart_s says {known_s:g}")
    advice = "set both right, for bad tokens go by time claims; or say system.clocks_apart_s where it is known to be so"
    return Finding(ok=False, what=what, advice=advice)


def _age(told: str) -> float:
    return float(told) if told.isdecimal() else 0.0
