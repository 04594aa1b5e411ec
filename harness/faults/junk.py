"""Tokens with made-up key names flood the gateways. The load sends them; this fault proves that they are felt."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Literal

from pydantic import Field

from idchaos.contract import Fact
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, eventually
from idchaos.faults.counts import by_reason
from idchaos.graph import Graph
from idchaos.load.idp.tokens import b64
from idchaos.targets.base import ReportsState, Target
from idchaos.targets.capabilities import required
from idchaos.targets.oidc import OidcClient

LEAST_SHARE = 0.8
"""Of the planned rate: what must have arrived. Arrivals are random, and requests end a little later."""
LOOK_S = 1.0


class JunkKids(Fault):
    """While in force, the load sends ``rate`` tokens with made-up kids a second, over all gateways (flow ``junk``)."""

    kind: Literal["junk"] = "junk"
    rate: float = Field(gt=0)

    needs: ClassVar[tuple[type, ...]] = (ReportsState,)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"{self.rate:g} tokens with made-up kids per second"

    def asks(self, graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
        """Why each gateway refuses, and how often it asks for keys."""
        return dict.fromkeys((Fact.REASONS, Fact.KEY_FETCHES), graph.validators_of_tokens)

    def snapshot(self, target: Target) -> Snapshot:
        """The time, and what each gateway has refused and fetched."""
        refused = {name: (_refused(target, name), _fetches(target, name)) for name in target.graph.validators_of_tokens}
        return {"at": time.time(), **refused}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """Every gateway refuses such a token, and is not flooded with them yet."""
        return *_probe(target), *self._rates(target, flooded=False)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Nothing: the load's stream starts with the phase."""
        return NOTHING

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Every gateway counts them, and refuses ours as well."""
        return *_probe(target), *self._rates(target, flooded=True)

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Every gateway refused about as many as were planned, and fetched keys meanwhile."""
        lasted = time.time() - before["at"]
        wanted = LEAST_SHARE * self.rate / len(target.graph.validators_of_tokens) * lasted
        evidence = []
        for name in target.graph.validators_of_tokens:
            had_refused, had_fetched = before[name]
            refused, fetched = _refused(target, name) - had_refused, _fetches(target, name) - had_fetched
            what = f"{name} met {refused} unknown kids in {lasted:.1f} s, and fetched keys {fetched} times"
            evidence.append(Evidence(source="target", ok=refused >= wanted, what=what))
        return tuple(evidence)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Nothing: the load's stream ends with the phase."""
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The flood has ended."""
        return eventually(lambda: self._rates(target, flooded=False))

    def _rates(self, target: Target, *, flooded: bool) -> tuple[Evidence, ...]:
        """Refusals of unknown keys over about a second. Canaries and our own tokens are far fewer than half a flood."""
        began = time.monotonic()
        first = {name: _refused(target, name) for name in target.graph.validators_of_tokens}
        time.sleep(LOOK_S)
        evidence = []
        for name in target.graph.validators_of_tokens:
            rate = (_refused(target, name) - first[name]) / max(time.monotonic() - began, LOOK_S)
            ok = (rate >= self.rate / len(target.graph.validators_of_tokens) / 2) == flooded
            evidence.append(Evidence(source="control", ok=ok, what=f"{name} counts {rate:.0f} unknown kids per second"))
        return tuple(evidence)


def _probe(target: Target) -> tuple[Evidence, ...]:
    evidence = []
    with _client(target) as oidc:
        for gateway in target.endpoints.gateways:
            status = oidc.call(gateway, target.endpoints.routes[0], junk_token())
            what = f"{gateway.name} answers {status or 'nothing'} to a made-up kid"
            # Sound or not: 401, or 503 when it is not sure. A 200 is what canaries are there for.
            evidence.append(Evidence(source="probe", ok=status in (401, 503), what=what))
    return tuple(evidence)


def junk_token() -> str:
    """A JWT in form (RFC 7519), of a key that nobody has."""
    header = {"alg": "RS256", "typ": "at+jwt", "kid": f"junk-{secrets.token_hex(8)}"}
    parts = (json.dumps(header).encode(), b"{}", secrets.token_bytes(256))
    return ".".join(b64(part) for part in parts)


@contextmanager
def _client(target: Target) -> Iterator[OidcClient]:
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered)
    try:
        yield oidc
    finally:
        oidc.close()


def _refused(target: Target, component: str) -> int:
    """Requests whose key was unknown, or might have been."""
    return by_reason(target, component, ("kid_unknown", "jwks_unavailable"))


def _fetches(target: Target, component: str) -> int:
    return int(required(target, ReportsState).state(component)["jwks"]["fetches"])
