"""A target that lives in memory: every capability, and a switch to make each proof fail."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from idchaos.contract import Fact
from idchaos.errors import FaultError, TargetError
from idchaos.faults import base, idp_errors, network
from idchaos.graph import Graph
from idchaos.targets.base import EndpointError, KeyInfo, ProbeResult, ProcessState
from idchaos.targets.capabilities import Kind
from idchaos.targets.oidc import Answer
from idchaos.topologies import GATEWAYS, TOPOLOGIES, Topology
from idchaos.undo.toxiproxy import ProxyState, Toxic

GRAPH = TOPOLOGIES["gateway"].graph
LINKS = tuple(link.name for link in GRAPH.links)


@dataclass
class FakeLinks:
    """Toxiproxy's control plane, in memory."""

    api: str = "127.0.0.1:8474"
    off: set[str] = field(default_factory=set)
    toxics: dict[str, dict[str, Toxic]] = field(default_factory=lambda: {proxy: {} for proxy in LINKS})
    toxicity: float | None = None
    """What it really does; ``None``: what it was asked for."""
    deaf: bool = False
    """Accept orders, and do nothing."""

    def disable(self, proxy: str) -> None:
        if not self.deaf:
            self.off.add(proxy)

    def enable(self, proxy: str) -> None:
        self.off.discard(proxy)

    def add_toxic(
        self, proxy: str, name: str, kind: str, *, stream: str, toxicity: float, attributes: Mapping[str, int]
    ) -> None:
        if proxy not in self.toxics:
            raise FaultError(f"no proxy {proxy}")
        if not self.deaf:
            self.toxics[proxy][name] = Toxic(name, kind, stream, toxicity, attributes)

    def remove_toxic(self, proxy: str, name: str) -> None:
        self.toxics[proxy].pop(name, None)

    def state(self) -> dict[str, ProxyState]:
        return {
            proxy: ProxyState(
                enabled=proxy not in self.off, listen="", upstream="", toxics=tuple(self.toxics[proxy].values())
            )
            for proxy in LINKS
        }

    def version(self) -> str:
        return "fake"


ENDS = {
    ("timeout", "upstream"): ProbeResult(ok=False, error="timeout", elapsed_s=2.0),
    # The IdP ends the connection that it was asked to close.
    ("timeout", "downstream"): ProbeResult(ok=False, error="connection_closed", elapsed_s=0.002),
    ("reset_peer", "downstream"): ProbeResult(ok=False, error="connection_reset", elapsed_s=0.001),
}
"""What a probe meets of a toxic."""


@dataclass
class FakeTarget:
    """All capabilities. ``around_the_proxy``: probes never feel a link."""

    name: str = "fake"
    components: tuple[str, ...] = GRAPH.parts
    topology: Topology = TOPOLOGIES["gateway"]
    graph: Graph = GRAPH
    links: FakeLinks = field(default_factory=FakeLinks)
    around_the_proxy: bool = False
    fetches: Counter[str] = field(default_factory=Counter)
    ends: list[str | None] = field(default_factory=lambda: [None])
    """How key fetches end, in turn: ``None`` well, otherwise with that error."""
    took_s: float = 0.001
    """How long each key fetch takes."""
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    injected: Counter[str] = field(default_factory=Counter)
    exposed: Counter[str] = field(default_factory=Counter)
    errors: dict[str, EndpointError] = field(default_factory=dict)
    offsets: dict[str, float] = field(default_factory=dict)
    drifts: dict[str, float] = field(default_factory=dict)
    known: dict[str, KeyInfo] = field(
        default_factory=lambda: {"old": KeyInfo(kid="old", alg="RS256", published=True, signing=True)}
    )
    kids: list[str] = field(default_factory=lambda: ["new", "newer"])
    """What this IdP calls its next keys, whatever it is asked for."""
    kids_used: Counter[str] = field(default_factory=Counter)
    issued: int = 0
    ours: int = 0
    """Tokens that the harness itself was issued."""
    dead: set[str] = field(default_factory=set)
    frozen: dict[str, str] = field(default_factory=dict)
    instances: Counter[str] = field(default_factory=Counter)
    stuck_clock: bool = False
    sent: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)

    def capability(self, kind: type[Kind]) -> Kind | None:
        return self if isinstance(self, kind) else None

    @property
    def endpoints(self) -> Any:
        """Of no use here: who asks the IdP is replaced by :class:`FakeOidc`."""
        return None

    def start(self, logs: Path) -> None:
        """Already running."""

    def stop(self) -> list[str]:
        return []

    def died(self) -> str | None:
        return None

    def tells(self, component: str) -> frozenset[Fact]:
        return frozenset(Fact)

    def state(self, component: str) -> Mapping[str, Any]:
        if component in self.dead:
            raise TargetError(f"{component}: GET /state: no answer (ConnectError)")
        offset = self.offsets.get(component, 0.0)
        return {
            "instance": f"{component}#{self.instances[component]}",
            "time": time.time() + offset,
            "clock": {"offset_s": offset, "drift_ppm": self.drifts.get(component, 0.0)},
            "errors": {endpoint: error.model_dump() for endpoint, error in self.errors.items()},
            "injected": dict(self.injected),
            "exposed": dict(self.exposed),
            "jwks": {
                "fetches": self.fetches[component],
                "kids": [key.kid for key in self.known.values() if key.published],
                "recent_fetches": [
                    {
                        "number": n,
                        "took_s": self.took_s,
                        "size_bytes": 1500,
                        "error": self.ends[n % len(self.ends)],
                    }
                    for n in range(1, self.fetches[component] + 1)
                ],
            },
            "kids_used": self.kids_used if component in GATEWAYS else {},
            "issued": {"access": self.issued},
            "requests": {
                "total": self.issued,
                "by_reason": {},
                "token": {"by_status": {"200": self.issued + self.ours}, "probes_by_status": {"200": self.ours}},
            },
        }

    def asks_itself(self, component: str) -> bool:
        return True

    def probe(self, component: str, upstream: str, patience_s: float | None = None) -> ProbeResult:
        proxy = next(p for p, who in self.graph.probers.items() if (component, upstream) in who)
        if not self.around_the_proxy:
            if proxy in self.links.off:
                return ProbeResult(ok=False, error="connect_refused", elapsed_s=0.001)
            toxics = self.links.toxics[proxy].values()
            if toxics and all(toxic.kind in ("latency", "bandwidth") for toxic in toxics):
                late_s = sum(toxic.attributes.get("latency", 1500) / 1000 for toxic in toxics)
                return ProbeResult(ok=True, status=200, elapsed_s=late_s, size_bytes=1500)
            for toxic in toxics:
                toxicity = toxic.toxicity if self.links.toxicity is None else self.links.toxicity
                if self.chance.random() < toxicity and (met := ENDS.get((toxic.kind, toxic.stream))):
                    return met
        if "jwks" in self.errors and upstream == "idp":
            error = f"http_{self.errors['jwks'].status}" if self.errors["jwks"].status != 200 else "bad_jwks: not JSON"
            return ProbeResult(ok=False, status=self.errors["jwks"].status, error=error, elapsed_s=0.001)
        kids = tuple(key.kid for key in self.known.values() if key.published)
        return ProbeResult(ok=True, status=200, elapsed_s=0.001, size_bytes=1500, kids=kids)

    def keys(self) -> tuple[KeyInfo, ...]:
        return tuple(self.known.values())

    def add_key(self, kid: str, alg: str, *, publish: bool, sign: bool) -> str:
        kid = self.kids.pop(0)
        self.known[kid] = KeyInfo(kid=kid, alg=alg, published=publish, signing=False)
        if sign:
            self.sign_with(kid)
        return kid

    def publish_key(self, kid: str) -> None:
        self.known[kid] = self.known[kid].model_copy(update={"published": True})

    def sign_with(self, kid: str) -> None:
        self.known = {each: key.model_copy(update={"signing": each == kid}) for each, key in self.known.items()}

    def retire_key(self, kid: str) -> None:
        self.known[kid] = self.known[kid].model_copy(update={"published": False})

    def skew(self, component: str, offset_s: float, drift_ppm: float = 0.0) -> None:
        if not self.stuck_clock:
            self.offsets[component] = offset_s
            self.drifts[component] = drift_ppm

    def inject(self, endpoint: str, error: EndpointError) -> None:
        self.errors[endpoint] = error

    def clear(self, endpoint: str) -> None:
        self.errors.pop(endpoint, None)

    def process(self, component: str) -> ProcessState:
        status: Any = self.frozen.get(component) or ("dead" if component in self.dead else "running")
        return ProcessState(status=status, incarnation=str(self.instances[component]))

    def disturb(self, component: str, how: Literal["kill", "pause"]) -> None:
        self.dead.add(component)
        if how == "pause":
            self.frozen[component] = "paused"

    def restore(self, component: str, how: Literal["kill", "pause"]) -> None:
        self.dead.discard(component)
        self.frozen.pop(component, None)
        if how == "kill":
            self.instances[component] += 1


@dataclass
class FakeOidc:
    """Asks the IdP of a :class:`FakeTarget`. Of an error for a share, every so-manieth request meets it."""

    target: FakeTarget
    asked: int = 0

    def ask(self, endpoint: str) -> Answer:
        error = self.target.errors.get(endpoint)
        self.asked += 1
        if endpoint == "discovery" and "client-to-idp" in self.target.links.off:
            return Answer(0, 0.001, error="connect_refused")
        if error is not None and self.asked % round(1 / error.share) == 0:
            return Answer(error.status or 200, error.delay_s + 0.001, (error.body or "").encode())
        return Answer({"login": 400, "userinfo": 401}.get(endpoint, 200), 0.001)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def target() -> FakeTarget:
    """A sound target without any fault."""
    return FakeTarget()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The harness's own requests to the IdP go to the fake target's, where there is one."""
    if "target" not in request.fixturenames or not isinstance(target := request.getfixturevalue("target"), FakeTarget):
        return
    for module in (idp_errors, network):
        monkeypatch.setattr(module, "OidcClient", lambda *_: FakeOidc(target))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """``eventually`` asks once: what a fake target says does not change by waiting."""
    monkeypatch.setattr(base.time, "monotonic", iter(range(0, 10**6, 60)).__next__)
    monkeypatch.setattr(base.time, "sleep", lambda _: None)
