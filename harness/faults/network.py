"""A link fails, through Toxiproxy. Refused, black hole, reset, slow, narrow and partial are different outages."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from idchaos.contract import Fact
from idchaos.errors import UsageError, unknown
from idchaos.faults.arrivals import arrived, felt
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, Touch, eventually, later
from idchaos.faults.counts import asked, by_reason
from idchaos.faults.fetches import fetches_of
from idchaos.faults.link_effects import LARGEST_SHARE, MEASURABLE_S, LinkEffect, Mode, ToxicOrder, told
from idchaos.faults.symptoms import Met, symptom_of
from idchaos.faults.wire import is_observed, tells_fetches
from idchaos.graph import Graph
from idchaos.targets.base import ProbeResult, ProbesUpstream, ReportsState, Target
from idchaos.targets.capabilities import required
from idchaos.targets.oidc import OidcClient
from idchaos.undo.ledger import PREFIX, ToxicsOff, Undo

if TYPE_CHECKING:
    from idchaos.undo.toxiproxy import ProxyState

A_CLIENT = "a client"
CLIENT_PATIENCE_S = 5.0
UPSTREAM_FAILURES = ("upstream_unavailable", "upstream_timeout")
LARGEST_ANSWER = 4096
"""Bytes of the answer that a probe waits for: a JWK set."""


class LinkFault(Fault):
    """What happens to every connection on the links.

    ``refused``: the proxy listens no more and live connections are closed · ``timeout``: requests are swallowed, a
    black hole · ``reset``: connections end with RST · ``slow``: answers come ``latency_s`` (± ``jitter_s``) later ·
    ``bandwidth``: answers trickle at ``rate_kbs`` kB/s · ``partial``: a ``share`` of connections is reset.

    What proves that validators felt it are their own key fetches, and that gateways felt it their failed calls of
    services. A hang is no close, a reset no refusal, slow not lost, a share not the whole.
    """

    kind: Literal["link"] = "link"
    links: tuple[str, ...]
    mode: Mode
    latency_s: float = Field(3.0, gt=0, le=60)
    jitter_s: float = Field(0.0, ge=0)
    rate_kbs: int = Field(1, ge=1)
    share: float = Field(0.5, ge=0.05, le=1)
    after_s: float = Field(0.0, ge=0)
    """How long after the phase's start."""

    @model_validator(mode="after")
    def _can_be_proved(self) -> Self:
        if self.mode == "slow" and self.latency_s - self.jitter_s < MEASURABLE_S:
            raise ValueError(
                f"latency_s={self.latency_s:g}, jitter_s={self.jitter_s:g}: the shortest delay should be at least"
                f" {MEASURABLE_S:g} s, or it can't be told from none"
            )
        if self.mode == "partial" and self.share > LARGEST_SHARE:
            raise ValueError(
                f"share={self.share:g}: should be at most {LARGEST_SHARE:g}, or it can't be told from all of them"
                " (that is mode=reset)"
            )
        return self

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        detail = {
            "slow": f" {self.latency_s:g} s" + (f" ± {self.jitter_s:g} s" if self.jitter_s else ""),
            "bandwidth": f" {self.rate_kbs} kB/s",
            "partial": f" {self.share:.0%}",
        }.get(self.mode, "")
        return f"{self.mode}{detail} on {', '.join(self.links)}{later(self.after_s)}"

    def steps(self) -> tuple[float, ...]:
        """One, when it is due."""
        return (self.after_s,)

    @property
    def effect(self) -> LinkEffect:
        """What requests meet."""
        return LinkEffect(
            mode=self.mode,
            latency_s=self.latency_s,
            jitter_s=self.jitter_s,
            rate_kbs=self.rate_kbs,
            share=self.share,
        )

    @property
    def toxic_name(self) -> str:
        """A name that no other fault's toxic has, so that several can be on one link."""
        return f"{PREFIX}-{self.mode}-{sha256(self.model_dump_json().encode()).hexdigest()[:8]}"

    def proxies(self, graph: Graph) -> tuple[str, ...]:
        """All proxies of the links.

        Raises:
            UsageError: the target has no such link.
        """
        try:
            return tuple(dict.fromkeys(proxy for link in self.links for proxy in graph.links_of(link)))
        except KeyError as missing:
            raise UsageError(unknown(self.title, str(missing.args[0]), graph.groups)) from None

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """The links; and those at their ends must live. Delays add up where they begin together: of requests that met
        one alone, nobody could say which.
        """
        proxies, adds_up = self.proxies(graph), self.effect.delays and not self.after_s
        ends = {end for link in graph.links if link.name in proxies for end in (*link.consumers, link.provider)}
        changed = tuple(Touch(what=proxy, how="delays" if adds_up else "changes") for proxy in proxies)
        return (*changed, *(Touch(what=end, how="uses") for end in sorted(ends)))

    def hides_revocations(self, graph: Graph) -> bool:
        """Validators read the feed of revocations, and introspect, over their links to the IdP."""
        return any(upstream in graph.idps for _, upstream in self._consumers(graph))

    def stretches_caches(self) -> bool:
        """Whoever can't ask is not told, and knows how old is what it was told before."""
        return False

    def unprovable(self, target: Target) -> str:
        """Nobody at the links tells what its own requests met."""
        if self._telling(target) or self._seen_only(target):
            return ""
        return f"no part of the target can tell that it felt {self.mode} on {', '.join(self.links)}"

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """Toxics off and proxies on."""
        api, proxies = target.links.api, self.proxies(target.graph)
        return tuple(ToxicsOff(api=api, proxy=proxy, toxics=(self.toxic_name,)) for proxy in proxies)

    def snapshot(self, target: Target) -> Snapshot:
        """What the components behind the links have met so far."""
        consumers = self._telling(target)
        return {
            **{who: arrived(target, who) for who in self._seen_only(target)},
            **{who: fetches_of(target, who) for who, upstream in consumers if upstream in target.graph.idps},
            **{who: _failed_calls(target, who) for who, upstream in consumers if upstream not in target.graph.idps},
        }

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """Proxies are on and free of our toxics, and every probe passes."""
        return self._clear(target)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Disable the proxies, or add the toxic."""
        toxic = self.effect.toxic
        for proxy in self.proxies(target.graph):
            if toxic is None:
                target.links.disable(proxy)
                continue
            target.links.add_toxic(
                proxy,
                self.toxic_name,
                toxic.kind,
                stream=toxic.stream,
                toxicity=toxic.toxicity,
                attributes=toxic.attributes,
            )
        return NOTHING

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Toxiproxy says so, and fresh connections meet it."""
        states = target.links.state()
        proxies = self.proxies(target.graph)
        probers = [(self._among(states, proxy), proxy, *pair) for proxy in proxies for pair in _probers(target, proxy)]
        # Side by side: each may have to wait for a while, and the fault ends when it is due.
        with ThreadPoolExecutor(max(1, len(probers))) as pool:
            probed = tuple(pool.map(lambda prober: self._probed(target, *prober), probers))
        return tuple(self._in_force(proxy, states) for proxy in proxies) + probed

    def _among(self, states: Mapping[str, ProxyState], proxy: str) -> LinkEffect:
        """What requests meet at a proxy where there may be other toxics too."""
        toxics = states[proxy].toxics if proxy in states else ()
        others = (toxic for toxic in toxics if toxic.name != self.toxic_name)
        return self.effect.among(ToxicOrder(each.kind, each.stream, each.toxicity, each.attributes) for each in others)

    def _in_force(self, proxy: str, states: Mapping[str, ProxyState]) -> Evidence:
        state, wanted = states.get(proxy), self.effect.toxic
        if state is None:
            return Evidence(source="control", ok=False, what=f"toxiproxy knows no {proxy}")
        if wanted is None:
            return Evidence(source="control", ok=not state.enabled, what=f"{proxy} is {state}")
        ok = state.enabled and any(
            (toxic.name, toxic.kind, toxic.stream) == (self.toxic_name, wanted.kind, wanted.stream)
            and toxic.toxicity == round(wanted.toxicity, 6)
            and wanted.attributes.items() <= toxic.attributes.items()
            for toxic in state.toxics
        )
        return Evidence(source="control", ok=ok, what=f"{proxy} is {state}")

    def _probed(self, target: Target, effect: LinkEffect, proxy: str, who: str, upstream: str) -> Evidence:
        patience_s = effect.patience_s(LARGEST_ANSWER)
        met = [_met(_probe(target, proxy, who, upstream, patience_s)) for _ in range(effect.probes_needed)]
        ok = effect.is_share(met) if self.mode == "partial" else all(map(effect.met_by_probe, met))
        return Evidence(source="probe", ok=ok, what=f"{who} to {upstream} during: {told(met)}")

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Every component behind the links met it in its own requests."""
        graph, states = target.graph, target.links.state()
        return tuple(
            self._felt(target, who, self._among(states, _proxy(graph, who, upstream)), before)
            if upstream in graph.idps
            else _calls_failed(target, who, before[who])
            for who, upstream in self._telling(target)
        ) + tuple(self._seen_to_feel(target, who, states, before) for who in self._seen_only(target))

    def _seen_to_feel(
        self, target: Target, component: str, states: Mapping[str, ProxyState], before: Snapshot
    ) -> Evidence:
        proxy = _proxy(target.graph, component, target.graph.idp)
        own = self.effect.probes_needed * len(_probers(target, proxy))
        return felt(component, self._among(states, proxy), before[component], arrived(target, component), own)

    def _felt(self, target: Target, component: str, effect: LinkEffect, before: Snapshot) -> Evidence:
        met = [fetch.met for fetch in fetches_of(target, component).since(before[component])]
        if self.mode == "partial":
            ok, what = self._felt_in_part(target, component, met)
        else:
            ok, what = effect.met_by(met), f"of its last {len(met)} key fetches during the fault: {told(met)}"
        doubt = "" if met else "; nobody asked: is the fault longer than its cache lives?"
        return Evidence(source="target", ok=ok, what=f"{component}: {what}{doubt}")

    def _felt_in_part(self, target: Target, component: str, met: list[Met]) -> tuple[bool, str]:
        """A window has few fetches: probes by the same component make up for those that lack, but for the first."""
        tries = max(0, self.effect.probes_needed - len(met))
        proxy = _proxy(target.graph, component, target.graph.idp)
        probed = [_met(_probe(target, proxy, component, target.graph.idp, None)) for _ in range(tries)]
        ok = bool(met) and self.effect.is_share([*met, *probed])
        return ok, f"key fetches: {told(met)}; and {tries} probes: {told(probed)}"

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Toxic off, proxy on."""
        for proxy in self.proxies(target.graph):
            if self.effect.toxic is None:
                target.links.enable(proxy)
            else:
                target.links.remove_toxic(proxy, self.toxic_name)
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Proxies are on and free of our toxics, and every probe passes."""
        return eventually(lambda: self._clear(target))

    def _clear(self, target: Target) -> tuple[Evidence, ...]:
        states = target.links.state()
        evidence = []
        for proxy in self.proxies(target.graph):
            state = states.get(proxy)
            clear = state is not None and state.enabled and not any(toxic.ours for toxic in state.toxics)
            evidence.append(Evidence(source="control", ok=clear, what=f"{proxy} is {state or 'not there'}"))
            for who, upstream in _probers(target, proxy):
                result = _probe(target, proxy, who, upstream, None)
                evidence.append(Evidence(source="probe", ok=result.ok, what=f"{who} to {upstream}: {_outcome(result)}"))
        return tuple(evidence)

    def _consumers(self, graph: Graph) -> tuple[tuple[str, str], ...]:
        """Parts of the target that ask something over the links, and whom."""
        return tuple(pair for proxy in self.proxies(graph) for pair in graph.probers.get(proxy, ()))

    def _telling(self, target: Target) -> tuple[tuple[str, str], ...]:
        """Those of them that tell what their requests met."""
        return tuple(pair for pair in self._consumers(target.graph) if _tells(target, *pair, self.effect))

    def _seen_only(self, target: Target) -> tuple[str, ...]:
        """Those that tell nothing of what they ask the IdP, and are seen by an observer behind their link. A share of
        connections can't be told there from none.
        """
        told = {who for who, _ in self._telling(target)}
        asking = {who for who, upstream in self._consumers(target.graph) if upstream == target.graph.idp}
        mute = sorted(asking - told) if self.mode != "partial" else ()
        return tuple(who for who in mute if is_observed(target, who))


def _tells(target: Target, who: str, upstream: str, effect: LinkEffect) -> bool:
    """Whether a component tells what its requests over a link met: key fetches, each; calls of services that failed."""
    if upstream in target.graph.idps:
        return who in target.graph.keepers_of_keys and tells_fetches(target, who)
    reports = target.capability(ReportsState)
    tells = reports is not None and Fact.REASONS in reports.tells(who)
    return tells and who in target.graph.gateways and not effect.delays


def _proxy(graph: Graph, who: str, upstream: str) -> str:
    link = graph.link_between(who, upstream)
    return link.name if link is not None else ""


def _probers(target: Target, proxy: str) -> tuple[tuple[str, str], ...]:
    """Who can send a probe through a proxy, and to whom: those that ask over it, where they can be told to. By
    ourselves is probed what leads to an IdP otherwise, the clients' own way above all.
    """
    found = []
    for link in target.graph.links:
        if link.name != proxy or link.idle:
            continue
        for who in link.consumers:
            if _can_probe(target, who):
                found.append((who, link.provider))
            elif link.provider in target.graph.idps:
                found.append((A_CLIENT, link.provider))
    return tuple(dict.fromkeys(found))


def _can_probe(target: Target, who: str) -> bool:
    reports = target.capability(ReportsState)
    told = reports.tells(who) if reports is not None and who in target.graph.parts else frozenset()
    return bool(told) and target.capability(ProbesUpstream) is not None


def _probe(target: Target, proxy: str, who: str, upstream: str, patience_s: float | None) -> ProbeResult:
    if who == A_CLIENT:
        return _ask_ourselves(target, proxy, patience_s or CLIENT_PATIENCE_S)
    return required(target, ProbesUpstream).probe(who, upstream, patience_s)


def _ask_ourselves(target: Target, proxy: str, patience_s: float) -> ProbeResult:
    """Discovery: by the clients' link as they do, by another one at the proxy itself."""
    endpoints, graph = target.endpoints, target.graph
    if not any(link.name == proxy and set(link.consumers) & set(graph.clients) for link in graph.links):
        endpoints = endpoints.model_copy(update={"idp_url": f"http://{target.links.state()[proxy].listen}"})
    oidc = OidcClient(endpoints, target.sent, target.unanswered, patience_s)
    try:
        answer = oidc.ask("discovery")
    finally:
        oidc.close()
    return ProbeResult(
        ok=answer.status == 200,
        status=answer.status or None,
        error=answer.error or (None if answer.status == 200 else f"http_{answer.status}"),
        elapsed_s=answer.elapsed_s,
        size_bytes=len(answer.body),
    )


def _met(result: ProbeResult) -> Met:
    return Met(symptom_of(result.error), result.elapsed_s, result.size_bytes or 0)


class _Calls(NamedTuple):
    """A gateway's requests, and those for which a service gave no answer."""

    total: int
    failed: int


def _failed_calls(target: Target, gateway: str) -> _Calls:
    return _Calls(asked(target, gateway), by_reason(target, gateway, UPSTREAM_FAILURES))


def _calls_failed(target: Target, gateway: str, before: _Calls) -> Evidence:
    now = _failed_calls(target, gateway)
    total, failed = now.total - before.total, now.failed - before.failed
    return Evidence(source="target", ok=failed > 0, what=f"{gateway}: {failed} of {total} requests met no service")


def _outcome(result: ProbeResult) -> str:
    return f"{result.status or result.error or 'no answer'} in {result.elapsed_s * 1000:.0f} ms"
