"""A link fails, through Toxiproxy. Refused, black hole, reset, slow, narrow and partial are different outages."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from harness.faults.base import Event, Evidence, Fault, Snapshot, eventually
from harness.ledger import ToxicsOff, Undo
from harness.targets.base import ProbeResult, ProbesUpstream, ReportsState, Target
from harness.targets.links import ProxyState
from harness.targets.topology import PROBERS, proxies_of

Mode = Literal["refused", "timeout", "reset", "slow", "bandwidth", "partial"]
TOXIC = "idchaos"


class LinkFault(Fault):
    """What happens to every connection on the links.

    ``refused``: the proxy listens no more and live connections are closed · ``timeout``: data is swallowed, a
    black hole · ``reset``: connections end with RST · ``slow``: answers come ``latency_s`` (± ``jitter_s``) later ·
    ``bandwidth``: answers trickle at ``rate_kbs`` kB/s · ``partial``: a ``share`` of connections is reset.
    """

    kind: Literal["link"] = "link"
    links: tuple[str, ...]
    mode: Mode
    latency_s: float = Field(3.0, gt=0)
    jitter_s: float = Field(0.0, ge=0)
    rate_kbs: int = Field(1, ge=1)
    share: float = Field(0.5, gt=0, le=1)
    expect_failures: bool = True
    """Whether validators' fetches must fail (or, when slow, take as long as the latency)."""

    needs: ClassVar[tuple[type, ...]] = (ProbesUpstream, ReportsState)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        detail = {
            "slow": f" {self.latency_s:g} s",
            "bandwidth": f" {self.rate_kbs} kB/s",
            "partial": f" {self.share:.0%}",
        }.get(self.mode, "")
        return f"{self.mode}{detail} on {', '.join(self.links)}"

    @property
    def proxies(self) -> tuple[str, ...]:
        """All proxies of the links."""
        return tuple(proxy for link in self.links for proxy in proxies_of(link))

    def undos(self, target: Target) -> tuple[Undo, ...]:
        """Toxics off and proxies on."""
        return tuple(ToxicsOff(api=target.links.api, proxy=proxy, toxics=(TOXIC,)) for proxy in self.proxies)

    def snapshot(self, target: Target) -> Snapshot:
        """Fetch counters of every validator behind the links."""
        return {component: _fetches(target, component) for component in self._validators()}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """Proxies are on and free of toxics, and every probe passes."""
        return self._clear(target)

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """Disable the proxies, or add the toxic."""
        for proxy in self.proxies:
            if self.mode == "refused":
                target.links.disable(proxy)
            else:
                kind, toxicity, attributes = self._toxic()
                target.links.add_toxic(
                    proxy, TOXIC, kind, stream="downstream", toxicity=toxicity, attributes=attributes
                )
        return ()

    def _toxic(self) -> tuple[str, float, dict[str, int]]:
        match self.mode:
            case "timeout":
                return "timeout", 1.0, {"timeout": 0}
            case "reset":
                return "reset_peer", 1.0, {"timeout": 0}
            case "partial":
                return "reset_peer", self.share, {"timeout": 0}
            case "bandwidth":
                return "bandwidth", 1.0, {"rate": self.rate_kbs}
            case _:
                attributes = {"latency": round(self.latency_s * 1000), "jitter": round(self.jitter_s * 1000)}
                return "latency", 1.0, attributes

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """Toxiproxy says so, and fresh connections meet it."""
        states = target.links.state()
        control = tuple(self._in_force(proxy, states) for proxy in self.proxies)
        return control + tuple(
            Evidence(source="probe", ok=self._felt(result), what=f"{who} to {upstream} during: {_outcome(result)}")
            for proxy in self.proxies
            for who, upstream, result in _probes(target, proxy)
        )

    def _in_force(self, proxy: str, states: dict[str, ProxyState]) -> Evidence:
        state = states.get(proxy)
        if state is None:
            return Evidence(source="control", ok=False, what=f"toxiproxy knows no {proxy}")
        if self.mode == "refused":
            return Evidence(
                source="control", ok=not state.enabled, what=f"{proxy} is {'on' if state.enabled else 'off'}"
            )
        return Evidence(
            source="control", ok=TOXIC in state.toxics, what=f"{proxy} has toxics: {', '.join(state.toxics) or 'none'}"
        )

    def _felt(self, result: ProbeResult) -> bool:
        if self.mode in ("refused", "timeout", "reset"):
            return not result.ok
        if self.mode == "slow":
            return not result.ok or result.elapsed_s >= 0.9 * max(0.0, self.latency_s - self.jitter_s)
        # One probe can't show a share or a trickle; what the target met over the whole window does.
        return True

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """Every validator behind the links met it: its own fetches failed."""
        if not self.expect_failures:
            return ()
        evidence = []
        for component in self._validators():
            fetches, failures = _fetches(target, component)
            had_fetches, had_failures = before[component]
            met = failures - had_failures
            evidence.append(
                Evidence(
                    source="target",
                    ok=met > 0,
                    what=f"{component}: {met} of {fetches - had_fetches} key fetches failed during the fault"
                    + ("" if met else "; it never felt the fault: is the fault longer than its cache lives?"),
                )
            )
        return tuple(evidence)

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Toxic off, proxy on."""
        for proxy in self.proxies:
            if self.mode == "refused":
                target.links.enable(proxy)
            else:
                target.links.remove_toxic(proxy, TOXIC)
        return ()

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """Proxies are on and free of toxics, and every probe passes."""
        return eventually(lambda: self._clear(target))

    def _clear(self, target: Target) -> tuple[Evidence, ...]:
        states = target.links.state()
        control = []
        for proxy in self.proxies:
            state = states.get(proxy)
            clear = state is not None and state.enabled and not state.toxics
            control.append(
                Evidence(
                    source="control",
                    ok=clear,
                    what=f"{proxy} on, no toxics" if clear else f"{proxy}: {state}",
                )
            )
        return tuple(control) + tuple(
            Evidence(source="probe", ok=result.ok, what=f"{who} to {upstream}: {_outcome(result)}")
            for proxy in self.proxies
            for who, upstream, result in _probes(target, proxy)
        )

    def _validators(self) -> tuple[str, ...]:
        return tuple(
            component for proxy in self.proxies for component, upstream in PROBERS.get(proxy, ()) if upstream == "idp"
        )


def _probes(target: Target, proxy: str) -> list[tuple[str, str, ProbeResult]]:
    assert isinstance(target, ProbesUpstream)
    return [(who, upstream, target.probe(who, upstream)) for who, upstream in PROBERS.get(proxy, ())]


def _fetches(target: Target, component: str) -> tuple[int, int]:
    assert isinstance(target, ReportsState)
    jwks = target.state(component)["jwks"]
    return int(jwks["fetches"]), int(jwks["fetch_failures"])


def _outcome(result: ProbeResult) -> str:
    return f"{result.status or result.error or 'no answer'} in {result.elapsed_s * 1000:.0f} ms"
