"""A link fails, through Toxiproxy. Refused, black hole, reset, slow, narrow and partial are different outages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from idchaos.components import IDP
from idchaos.faults.base import Event, Evidence, Fault, Snapshot, eventually
from idchaos.targets.base import OutlivesRun, ProbeResult, ProbesUpstream, ReportsState, Target
from idchaos.targets.oidc import OidcClient
from idchaos.targets.standin.topology import PROBERS, proxies_of
from idchaos.undo.ledger import ToxicsOff, Undo

if TYPE_CHECKING:
    from idchaos.undo.toxiproxy import ProxyState

Mode = Literal["refused", "timeout", "reset", "slow", "bandwidth", "partial"]
TOXIC = "idchaos"
MEASURABLE_S = 0.05
"""A shorter delay can't be told from none on a busy machine, so it can't be proved."""
OBSERVED_SHARE = 0.9
"""Of the delay that was asked for: timers of two machines don't quite agree."""
DOUBT = 1e-4
"""How improbable the number of failures may be before a share of failing connections counts as disproved."""
FEWEST_PROBES = 20
BYTES_PER_KB = 1000
CLIENT_TO_IDP = "client-to-idp"
A_CLIENT = "a client"
CLIENT_PATIENCE_S = 5.0


class LinkFault(Fault):
    """What happens to every connection on the links.

    ``refused``: the proxy listens no more and live connections are closed · ``timeout``: data is swallowed, a
    black hole · ``reset``: connections end with RST · ``slow``: answers come ``latency_s`` (± ``jitter_s``) later ·
    ``bandwidth``: answers trickle at ``rate_kbs`` kB/s · ``partial``: a ``share`` of connections is reset.

    What proves that validators felt it are their own key fetches: failed; slower; a share of them failed.
    """

    kind: Literal["link"] = "link"
    links: tuple[str, ...]
    mode: Mode
    latency_s: float = Field(3.0, gt=0)
    jitter_s: float = Field(0.0, ge=0)
    rate_kbs: int = Field(1, ge=1)
    share: float = Field(0.5, ge=0.05, le=1)

    needs: ClassVar[tuple[type, ...]] = (ProbesUpstream, ReportsState)

    @model_validator(mode="after")
    def _can_be_proved(self) -> Self:
        if self.mode == "slow" and self.latency_s - self.jitter_s < MEASURABLE_S:
            raise ValueError(
                f"latency_s={self.latency_s:g}, jitter_s={self.jitter_s:g}: the shortest delay should be at least"
                f" {MEASURABLE_S:g} s, or it can't be told from none"
            )
        return self

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

    def undos(self, target: OutlivesRun) -> tuple[Undo, ...]:
        """Toxics off and proxies on."""
        return tuple(ToxicsOff(api=target.links.api, proxy=proxy, toxics=(TOXIC,)) for proxy in self.proxies)

    def snapshot(self, target: Target) -> Snapshot:
        """The key fetches of every validator behind the links so far."""
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
        return tuple(self._in_force(proxy, states) for proxy in self.proxies) + tuple(
            self._probed(target, who, upstream) for proxy in self.proxies for who, upstream in _probers(proxy)
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

    def _probed(self, target: Target, who: str, upstream: str) -> Evidence:
        if self.mode == "partial":
            tries = self._probes_needed()
            failed = sum(not _probe(target, who, upstream).ok for _ in range(tries))
            ok, met = self._is_share(failed, tries), f"{failed} of {tries} probes failed"
        else:
            result = _probe(target, who, upstream)
            ok, met = self._felt(result), _outcome(result)
        return Evidence(source="probe", ok=ok, what=f"{who} to {upstream} during: {met}")

    def _felt(self, result: ProbeResult) -> bool:
        if self.mode in ("slow", "bandwidth"):
            return self._is_late(result.elapsed_s, result.size_bytes or 0, result.error)
        return not result.ok

    def _is_late(self, took_s: float, size_bytes: int, error: str | None) -> bool:
        """Whether a request took as long as the fault makes it, or longer than its sender was ready to wait."""
        delay = self.latency_s - self.jitter_s if self.mode == "slow" else size_bytes / (self.rate_kbs * BYTES_PER_KB)
        return error == "timeout" or took_s >= OBSERVED_SHARE * delay >= OBSERVED_SHARE * MEASURABLE_S

    def _is_share(self, failed: int, tries: int) -> bool:
        """Whether so many failures are no surprise if each connection fails with probability ``share``."""
        from scipy.stats import binomtest  # here, for it takes longer to import than all else

        return failed > 0 and bool(binomtest(failed, tries, self.share).pvalue >= DOUBT)

    def _probes_needed(self) -> int:
        """So many that without any failure the share is disproved."""
        return FEWEST_PROBES if self.share == 1 else max(FEWEST_PROBES, math.ceil(math.log(DOUBT, 1 - self.share)))

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """Every validator behind the links met it in its own key fetches."""
        return tuple(self._met(target, component, before[component]) for component in self._validators())

    def _met(self, target: Target, component: str, before: _Fetches) -> Evidence:
        now = _fetches(target, component)
        if now.begun < before.begun:  # restarted meanwhile: it counts from 0 again
            before = _Fetches(0, 0, ())
        fetches, failures = now.begun - before.begun, now.failures - before.failures
        if self.mode in ("slow", "bandwidth"):
            during = [fetch for fetch in now.recent if fetch.number > before.begun]
            late = sum(self._is_late(fetch.took_s, fetch.size_bytes, fetch.error) for fetch in during)
            # One may have ended just before the fault began; so most must be late, not all.
            ok = late > 0 and late >= len(during) / 2
            longest = max((fetch.took_s for fetch in during), default=0.0)
            met = f"{late} of its last {len(during)} key fetches were delayed, the longest took {longest:.2f} s"
        elif self.mode == "partial":
            ok, met = self._met_in_part(target, component, fetches, failures)
        else:
            ok, met = failures > 0, f"{failures} of {fetches} key fetches failed during the fault"
        doubt = "" if ok else "; it never felt the fault: is the fault longer than its cache lives?"
        return Evidence(source="target", ok=ok, what=f"{component}: {met}{doubt}")

    def _met_in_part(self, target: Target, component: str, fetches: int, failures: int) -> tuple[bool, str]:
        """A window has few fetches: probes by the same component make up for those that lack."""
        assert isinstance(target, ProbesUpstream)
        tries = max(0, self._probes_needed() - fetches)
        failed = sum(not target.probe(component, IDP).ok for _ in range(tries))
        ok = fetches > 0 and self._is_share(failures + failed, fetches + tries)
        return ok, f"{failures} of {fetches} key fetches and {failed} of {tries} probes failed during the fault"

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

    @property
    def hides_revocations(self) -> bool:
        """Validators read the feed of revocations, and introspect, over their links to the IdP."""
        return bool(self._validators())

    def _validators(self) -> tuple[str, ...]:
        return tuple(
            component for proxy in self.proxies for component, upstream in PROBERS.get(proxy, ()) if upstream == IDP
        )


def _probers(proxy: str) -> tuple[tuple[str, str], ...]:
    """Who can send a probe through a proxy, and to whom. The clients' own way to the IdP is probed by ourselves."""
    return ((A_CLIENT, IDP),) if proxy == CLIENT_TO_IDP else PROBERS.get(proxy, ())


def _probe(target: Target, who: str, upstream: str) -> ProbeResult:
    assert isinstance(target, ProbesUpstream)
    return _ask_as_client(target) if who == A_CLIENT else target.probe(who, upstream)


def _probes(target: Target, proxy: str) -> list[tuple[str, str, ProbeResult]]:
    return [(who, upstream, _probe(target, who, upstream)) for who, upstream in _probers(proxy)]


def _ask_as_client(target: Target) -> ProbeResult:
    """Discovery: no part of the target uses the clients' link."""
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered, CLIENT_PATIENCE_S)
    try:
        answer = oidc.ask("discovery")
    finally:
        oidc.close()
    return ProbeResult(
        ok=answer.status == 200,
        status=answer.status or None,
        error="timeout" if "Timeout" in answer.error else answer.error or None,
        elapsed_s=answer.elapsed_s,
        size_bytes=len(answer.body),
    )


class _Fetch(NamedTuple):
    number: int
    took_s: float
    size_bytes: int
    error: str | None


class _Fetches(NamedTuple):
    """A validator's key fetches since it started."""

    begun: int
    failures: int
    recent: tuple[_Fetch, ...]


def _fetches(target: Target, component: str) -> _Fetches:
    assert isinstance(target, ReportsState)
    jwks = target.state(component)["jwks"]
    recent = tuple(_Fetch(**fetch) for fetch in jwks["recent_fetches"])
    return _Fetches(int(jwks["fetches"]), int(jwks["fetch_failures"]), recent)


def _outcome(result: ProbeResult) -> str:
    return f"{result.status or result.error or 'no answer'} in {result.elapsed_s * 1000:.0f} ms"
