"""Endpoints of the IdP answer wrongly: errors, poisoned bodies, delays; always, or a share of the time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

from pydantic import Field

from idchaos.components import IDP
from idchaos.faults.base import Event, Evidence, Fault, Snapshot, eventually
from idchaos.targets.base import (
    EndpointError,
    InjectsErrors,
    OutlivesRun,
    ProbeResult,
    ProbesUpstream,
    ReportsState,
    Target,
)
from idchaos.targets.oidc import Answer, OidcClient
from idchaos.undo.ledger import Undo

JWKS = "jwks"
PATIENCE_S = 3.0
"""A probe waits no longer: whoever has not answered by then is slow enough."""
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

    Keys are probed by those who fetch them, the validators; every other endpoint by the harness, through the clients'
    own link.
    """

    kind: Literal["endpoint"] = "endpoint"
    endpoints: tuple[str, ...] = Field(min_length=1)
    error: EndpointError
    label: str

    needs: ClassVar[tuple[type, ...]] = (InjectsErrors, ProbesUpstream, ReportsState)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        share = f" for {self.error.share:.0%}" if self.error.share < 1 else ""
        plural = "endpoints" if len(self.endpoints) > 1 else "endpoint"
        return f"{self.label}{share} from the IdP's {', '.join(self.endpoints)} {plural}"

    @property
    def hides_revocations(self) -> bool:
        """Those endpoints tell of revocations."""
        return bool({"revocations", "introspect", "all"} & set(self.endpoints))

    def undos(self, target: OutlivesRun) -> tuple[Undo, ...]:
        """The endpoints answer normally."""
        return tuple(target.undo_by(IDP, "DELETE", f"/errors/{endpoint}") for endpoint in self.endpoints)

    def snapshot(self, target: Target) -> Snapshot:
        """What the IdP has injected, and what validators have met."""
        counts: dict[str, object] = {endpoint: _counts(target, endpoint) for endpoint in self.endpoints}
        if JWKS in self.endpoints:
            counts |= {name: _failures(target, name) for name in target.topology.validators}
        return counts

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """No error is injected, and every endpoint answers by itself."""
        return self._clear(target, probes=1)

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """Inject the error."""
        assert isinstance(target, InjectsErrors)
        for endpoint in self.endpoints:
            target.inject(endpoint, self.error)
        return ()

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The IdP says so, and probes meet it."""
        evidence = [self._reported(target, endpoint, active=True) for endpoint in self.endpoints]
        if JWKS in self.endpoints:
            evidence += [
                Evidence(source="probe", ok=not _has_keys(result), what=f"{name}: {_describe(result)}")
                for name, result in _probe_all(target)
            ]
        if self._ours:
            with _client(target, self.error.delay_s + 1.0) as oidc:
                evidence += [self._met(oidc, endpoint) for endpoint in self._ours]
        return tuple(evidence)

    def _met(self, oidc: OidcClient, endpoint: str) -> Evidence:
        for number in range(1, self.probes + 1):
            answer = oidc.ask(endpoint)
            if self._hit(answer):
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

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The IdP served it, in proportion, and (for keys) every validator met it."""
        evidence = [self._in_proportion(target, endpoint, before[endpoint]) for endpoint in self.endpoints]
        if JWKS in self.endpoints:
            for name in target.topology.validators:
                met = _failures(target, name) - before[name]
                evidence.append(Evidence(source="target", ok=met > 0, what=f"{name}: {met} key fetches failed"))
        return tuple(evidence)

    def _in_proportion(self, target: Target, endpoint: str, before: tuple[int, int]) -> Evidence:
        """Each request is hit with probability ``share`` by itself, so the hits are binomial."""
        hits, exposed = (now - then for now, then in zip(_counts(target, endpoint), before, strict=True))
        share = self.error.share
        slack = SHARE_SIGMAS * math.sqrt(exposed * share * (1 - share)) + (share < 1)
        return Evidence(
            source="target",
            ok=hits > 0 and abs(hits - exposed * share) <= slack,
            what=f"{endpoint}: the IdP injected it into {hits} of {exposed} requests"
            + (f", {hits / exposed:.0%}; asked for {share:.0%}" if exposed else "; nobody asked"),
        )

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Answer normally again."""
        assert isinstance(target, InjectsErrors)
        for endpoint in self.endpoints:
            target.clear(endpoint)
        return ()

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """No error is injected, and every endpoint answers by itself."""
        return eventually(lambda: self._clear(target, self.probes))

    def _clear(self, target: Target, probes: int) -> tuple[Evidence, ...]:
        evidence = [self._reported(target, endpoint, active=False) for endpoint in self.endpoints]
        if JWKS in self.endpoints:
            evidence += [
                Evidence(source="probe", ok=_has_keys(result), what=f"{name}: {_describe(result)}")
                for name, result in _probe_all(target)
            ]
        if self._ours:
            with _client(target, PATIENCE_S) as oidc:
                evidence += [self._spared(oidc, endpoint, probes) for endpoint in self._ours]
        return tuple(evidence)

    def _spared(self, oidc: OidcClient, endpoint: str, probes: int) -> Evidence:
        answers = [oidc.ask(endpoint) for _ in range(probes)]
        worst = max(answers, key=lambda answer: (self._hit(answer), answer.elapsed_s))
        what = f"{endpoint}: {_said(worst)}" + (f", the worst of {probes} probes" if probes > 1 else "")
        return Evidence(source="probe", ok=not self._hit(worst), what=what)

    @property
    def _ours(self) -> tuple[str, ...]:
        """Endpoints that the harness itself probes."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint != JWKS)

    def _hit(self, answer: Answer) -> bool:
        """Whether this is the fault's doing rather than an answer that the endpoint gives by itself."""
        error = self.error
        if not answer.status or answer.status >= 500:
            return True
        if error.status is not None and answer.status == error.status:
            return error.body is None or answer.body == error.body.encode()
        return error.delay_s > 0 and answer.elapsed_s >= error.delay_s

    def _reported(self, target: Target, endpoint: str, *, active: bool) -> Evidence:
        assert isinstance(target, ReportsState)
        rule = target.state(IDP)["errors"].get(endpoint)
        ok = (rule is not None and rule["share"] == self.error.share) if active else rule is None
        what = "no errors" if rule is None else f"errors for {rule['share']:.0%}"
        return Evidence(source="control", ok=ok, what=f"the IdP reports {what} on {endpoint}")


@contextmanager
def _client(target: Target, patience_s: float) -> Iterator[OidcClient]:
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered, min(patience_s, PATIENCE_S))
    try:
        yield oidc
    finally:
        oidc.close()


def _said(answer: Answer) -> str:
    return f"{answer.status or answer.error or 'no answer'} in {answer.elapsed_s * 1000:.0f} ms"


def _probe_all(target: Target) -> list[tuple[str, ProbeResult]]:
    assert isinstance(target, ProbesUpstream)
    return [(name, target.probe(name, IDP)) for name in target.topology.validators]


def _has_keys(result: ProbeResult) -> bool:
    return result.ok and bool(result.kids)


def _describe(result: ProbeResult) -> str:
    keys = f"{len(result.kids)} keys" if result.kids else "no keys"
    return f"{result.status or result.error or 'no answer'}, {keys}, in {result.elapsed_s * 1000:.0f} ms"


def _counts(target: Target, endpoint: str) -> tuple[int, int]:
    """Requests that were hit, and all that came while there was something to be hit by."""
    assert isinstance(target, ReportsState)
    state = target.state(IDP)
    return int(state["injected"].get(endpoint, 0)), int(state["exposed"].get(endpoint, 0))


def _failures(target: Target, component: str) -> int:
    assert isinstance(target, ReportsState)
    return int(target.state(component)["jwks"]["fetch_failures"])
