"""Endpoints of the IdP answer wrongly: errors, poisoned bodies, delays; always, or a share of the time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

from pydantic import Field

from idchaos.faults import wire
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, Touch, eventually, later, relies_on
from idchaos.faults.endpoint_effects import met_by_answer, met_by_fetch, met_by_fetches, patience_s, well
from idchaos.faults.fetches import fetches_of
from idchaos.faults.symptoms import Met, symptom_of
from idchaos.faults.wire import is_observed, link_of, links_observed, tells_fetches, unseen
from idchaos.graph import Graph, Link
from idchaos.reasons import OF_KEYS, Reason
from idchaos.targets.base import (
    EndpointError,
    InjectsErrors,
    OutlivesRun,
    ProbeResult,
    ProbesUpstream,
    ReportsState,
    Target,
)
from idchaos.targets.capabilities import required
from idchaos.targets.oidc import Answer, OidcClient
from idchaos.targets.restoring import AnswersNormally
from idchaos.undo.ledger import Undo

JWKS = "jwks"
MISSED_BY_CHANCE = 1e-4
"""Probes are as many as it takes to meet a fault of the given share with all but this probability."""
SHARE_SIGMAS = 4.0

ERROR_5XX = EndpointError(status=503, body="upstream connect error", content_type="text/plain")
GARBAGE = EndpointError(
    status=200, body="<html><body>Sorry, we'll be right back.</body></html>", content_type="text/html"
)
EMPTY = EndpointError(status=200, body='{"keys":[]}', content_type="application/json")


class EndpointFault(Fault):
    """Endpoints of the IdP answer with ``error`` instead of what they should, or later, as a share of their requests.

    Keys are probed by those who fetch them, the validators, where they can be asked to; every other endpoint by the
    harness, through the clients' own link. What proves that it was felt are the requests of others, by their own word
    or as they were seen on the wire: none of the harness's own count.
    """

    kind: Literal["endpoint", "transform"] = "endpoint"
    endpoints: tuple[str, ...] = Field(min_length=1)
    error: EndpointError
    label: str
    after_s: float = Field(0.0, ge=0)
    """How long after the phase's start."""

    needs: ClassVar[tuple[type, ...]] = (InjectsErrors, ReportsState)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        share = f" for {self.error.share:.0%}" if self.error.share < 1 else ""
        plural = "endpoints" if len(self.endpoints) > 1 else "endpoint"
        return f"{self.label}{share} from the IdP's {', '.join(self.endpoints)} {plural}{later(self.after_s)}"

    def steps(self) -> tuple[float, ...]:
        """One, when it is due."""
        return (self.after_s,)

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """The endpoints; and the links by which they are probed."""
        probed = {link.name for link in graph.links if self._probes_over(graph, link)}
        changed = tuple(Touch(what=f"{graph.idp}'s {endpoint}", how="changes") for endpoint in self.endpoints)
        return (*changed, *(Touch(what=name, how="uses") for name in sorted(probed)), *relies_on(graph.idp))

    def _probes_over(self, graph: Graph, link: Link) -> bool:
        if link.idle or link.provider != graph.idp:
            return False
        keys = JWKS in self.endpoints and set(link.consumers) & set(graph.keepers_of_keys)
        ours = set(self.endpoints) - {JWKS} or self.error.status == 200
        return bool(keys or (ours and set(link.consumers) & set(graph.clients)))

    def hides_revocations(self, graph: Graph) -> bool:
        """Those endpoints tell of revocations."""
        return bool({"revocations", "introspect", "all"} & set(self.endpoints))

    def stretches_caches(self) -> bool:
        """Whoever can't ask is not told, and knows how old is what it was told before."""
        return False

    def may_refuse_for(self) -> frozenset[Reason]:
        """What is served instead of the keys may have none that fits."""
        return OF_KEYS if self.error.status == 200 and {JWKS, "all"} & set(self.endpoints) else frozenset()

    def unprovable(self, target: Target) -> str:
        """Of some who fetch keys nobody could tell what they met."""
        return unseen(target, target.graph.keepers_of_keys) if JWKS in self.endpoints else ""

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """The endpoints answer normally."""
        stays = required(target, OutlivesRun)
        return tuple(stays.undo_to(AnswersNormally(endpoint=endpoint)) for endpoint in self.endpoints)

    def snapshot(self, target: Target) -> Snapshot:
        """What the IdP has injected, and what validators have met."""
        counts: dict[str, object] = {endpoint: _counts(target, endpoint) for endpoint in self.endpoints}
        if JWKS in self.endpoints:
            telling, seen = _sources(target)
            links = links_observed(target) if seen else {}
            counts |= {name: fetches_of(target, name) for name in telling}
            counts |= {name: link_of(target, name, links).of(JWKS) for name in seen}
        return counts

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """No error is injected, and every endpoint answers by itself."""
        return self._clear(target, probes=1)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Inject the error."""
        for endpoint in self.endpoints:
            required(target, InjectsErrors).inject(endpoint, self.error)
        return NOTHING

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP says so, and probes meet it."""
        evidence = [self._reported(target, endpoint, active=True) for endpoint in self.endpoints]
        evidence += [self._fetched(target, name) for name in self._probers(target)]
        ours = self._ours(target)
        if ours:
            with _client(target, self.error) as oidc:
                evidence += [self._met(oidc, endpoint) for endpoint in ours]
        return tuple(evidence)

    def _fetched(self, target: Target, validator: str) -> Evidence:
        for number in range(1, self.probes + 1):
            result = required(target, ProbesUpstream).probe(validator, target.graph.idp, patience_s(self.error))
            if met_by_fetch(self.error, result.error, Met(symptom_of(result.error), result.elapsed_s)):
                what = f"{validator}: probe {number} of at most {self.probes} met it: {_described(result)}"
                return Evidence(source="probe", ok=True, what=what)
        what = f"{validator}: none of {self.probes} probes met it, the last: {_described(result)}"
        return Evidence(source="probe", ok=False, what=what)

    def _met(self, oidc: OidcClient, endpoint: str) -> Evidence:
        for number in range(1, self.probes + 1):
            answer = oidc.ask(endpoint)
            if met_by_answer(self.error, answer):
                what = f"{endpoint}: probe {number} of at most {self.probes} met it: {_said(answer)}"
                return Evidence(source="probe", ok=True, what=what)
        return Evidence(
            source="probe", ok=False, what=f"{endpoint}: none of {self.probes} probes met it, the last: {_said(answer)}"
        )

    @property
    def probes(self) -> int:
        """How many requests meet the fault almost surely: n with (1 - share)^n at most ``MISSED_BY_CHANCE``."""
        share = self.error.share
        return 1 if share >= 1 else math.ceil(math.log(MISSED_BY_CHANCE) / math.log1p(-share))

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP served it to others, in proportion, and (for keys) every validator met it."""
        evidence = [self._in_proportion(target, endpoint, before[endpoint]) for endpoint in self.endpoints]
        if JWKS not in self.endpoints:
            return tuple(evidence)
        telling, seen = _sources(target)
        for name in telling:
            fetches = fetches_of(target, name).since(before[name])
            met = sum(met_by_fetch(self.error, fetch.error, fetch.met) for fetch in fetches)
            what = f"{name}: {met} of its last {len(fetches)} key fetches met it"
            evidence.append(Evidence(source="target", ok=met_by_fetches(self.error, fetches), what=what))
        links = links_observed(target) if seen else {}
        for name in seen:
            passed = link_of(target, name, links).of(JWKS).since(before[name])
            what = f"{name}, as seen on the wire: {wire.said(passed)}"
            evidence.append(Evidence(source="target", ok=wire.met(self.error, passed), what=what))
        return (*evidence, *_unseen(target))

    def _in_proportion(self, target: Target, endpoint: str, before: tuple[int, int]) -> Evidence:
        """Each request is hit with probability ``share`` by itself, so the hits are binomial."""
        hits, exposed = (now - then for now, then in zip(_counts(target, endpoint), before, strict=True))
        share = self.error.share
        slack = SHARE_SIGMAS * math.sqrt(exposed * share * (1 - share)) + (share < 1)
        return Evidence(
            source="target",
            ok=hits > 0 and abs(hits - exposed * share) <= slack,
            what=f"{endpoint}: the IdP injected it into {hits} of {exposed} requests of others than the harness"
            + (f", {hits / exposed:.0%}; asked for {share:.0%}" if exposed else "; nobody asked"),
        )

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Answer normally again."""
        for endpoint in self.endpoints:
            required(target, InjectsErrors).clear(endpoint)
        return ()

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """No error is injected, and every endpoint answers by itself."""
        return eventually(lambda: self._clear(target, self.probes))

    def _clear(self, target: Target, probes: int) -> tuple[Evidence, ...]:
        evidence = [self._reported(target, endpoint, active=False) for endpoint in self.endpoints]
        for name in self._probers(target):
            result = required(target, ProbesUpstream).probe(name, target.graph.idp)
            ok = result.ok and bool(result.kids)
            evidence.append(Evidence(source="probe", ok=ok, what=f"{name}: {_described(result)}"))
        ours = self._ours(target)
        if ours:
            with _client(target, self.error) as oidc:
                evidence += [self._spared(oidc, endpoint, probes) for endpoint in ours]
        return tuple(evidence)

    def _spared(self, oidc: OidcClient, endpoint: str, probes: int) -> Evidence:
        answers = [oidc.ask(endpoint) for _ in range(probes)]
        worst = max(answers, key=lambda answer: (not well(self.error, answer), answer.elapsed_s))
        what = f"{endpoint}: {_said(worst)}" + (f", the worst of {probes} probes" if probes > 1 else "")
        return Evidence(source="probe", ok=well(self.error, worst), what=what)

    def _probers(self, target: Target) -> tuple[str, ...]:
        """Who fetches keys, and can be asked for a probe."""
        can_be_asked = JWKS in self.endpoints and target.capability(ProbesUpstream) is not None
        keepers = target.graph.keepers_of_keys if can_be_asked else ()
        return tuple(name for name in keepers if tells_fetches(target, name))

    def _ours(self, target: Target) -> tuple[str, ...]:
        """Endpoints that the harness itself probes: keys too, where one unusable body must be told from another."""
        return tuple(
            each for each in self.endpoints if each != JWKS or self.error.status == 200 or not self._probers(target)
        )

    def _reported(self, target: Target, endpoint: str, *, active: bool) -> Evidence:
        rule = required(target, ReportsState).state(target.graph.idp)["errors"].get(endpoint)
        wanted = self.error.model_dump()
        ok = rule is not None and {name: rule.get(name) for name in wanted} == wanted if active else rule is None
        what = "no errors" if rule is None else f"errors for {rule['share']:.0%}"
        return Evidence(source="control", ok=ok, what=f"the IdP reports {what} on {endpoint}")


@contextmanager
def _client(target: Target, error: EndpointError) -> Iterator[OidcClient]:
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered, patience_s(error))
    try:
        yield oidc
    finally:
        oidc.close()


def _said(answer: Answer) -> str:
    return f"{answer.status or answer.error or 'no answer'} in {answer.elapsed_s * 1000:.0f} ms"


def _sources(target: Target) -> tuple[list[str], list[str]]:
    """Who fetches keys and tells what came of it, and who else does and is observed."""
    keepers = target.graph.keepers_of_keys
    telling = [name for name in keepers if tells_fetches(target, name)]
    return telling, [name for name in keepers if name not in telling and is_observed(target, name)]


def _unseen(target: Target) -> tuple[Evidence, ...]:
    why = unseen(target, target.graph.keepers_of_keys)
    return (Evidence(source="target", ok=False, what=why),) if why else ()


def _described(result: ProbeResult) -> str:
    keys = f"{len(result.kids)} keys" if result.kids else "no keys"
    return f"{result.status or result.error or 'no answer'}, {keys}, in {result.elapsed_s * 1000:.0f} ms"


def _counts(target: Target, endpoint: str) -> tuple[int, int]:
    """Requests that were hit, and all that came while there was something to be hit by; the harness's own are not
    among them.
    """
    state = required(target, ReportsState).state(target.graph.idp)
    return int(state["injected"].get(endpoint, 0)), int(state["exposed"].get(endpoint, 0))
