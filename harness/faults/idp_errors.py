"""An IdP endpoint answers wrongly: errors, poisoned bodies, delays."""

from __future__ import annotations

from typing import ClassVar, Literal

from harness.faults.base import Event, Evidence, Fault, Snapshot, eventually
from harness.ledger import Undo
from harness.targets.base import (
    EndpointError,
    InjectsErrors,
    ProbeResult,
    ProbesUpstream,
    ReportsState,
    Target,
)
from harness.targets.topology import GATEWAYS, IDP

VALIDATORS = (*GATEWAYS, "accounts")

ERROR_5XX = EndpointError(status=503, body="upstream connect error", content_type="text/plain")
GARBAGE = EndpointError(
    status=200, body="<html><body>Sorry, we'll be right back.</body></html>", content_type="text/html"
)
EMPTY = EndpointError(status=200, body='{"keys":[]}', content_type="application/json")


class EndpointFault(Fault):
    """One endpoint of the IdP answers with ``error`` instead of what it should."""

    kind: Literal["endpoint"] = "endpoint"
    endpoint: str
    error: EndpointError
    label: str

    needs: ClassVar[tuple[type, ...]] = (InjectsErrors, ProbesUpstream, ReportsState)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"{self.label} from the IdP's {self.endpoint} endpoint"

    def undos(self, target: Target) -> tuple[Undo, ...]:
        """Nothing beyond the target's own reset."""
        return ()

    def snapshot(self, target: Target) -> Snapshot:
        """What the IdP has injected, and what validators have met."""
        return {
            "injected": _injected(target, self.endpoint),
            **{name: _failures(target, name) for name in VALIDATORS},
        }

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """No error is injected, and keys can be fetched."""
        return self._clear(target)

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """Inject the error."""
        assert isinstance(target, InjectsErrors)
        target.inject(self.endpoint, self.error)
        return ()

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The IdP says so, and a validator's probe meets it."""
        assert isinstance(target, ReportsState)
        active = self.endpoint in target.state(IDP)["errors"]
        control = Evidence(source="control", ok=active, what=f"the IdP reports errors on {self.endpoint}: {active}")
        if self.endpoint != "jwks":
            return (control,)
        return control, *(
            Evidence(source="probe", ok=not _has_keys(result), what=f"{name}: {_describe(result)}")
            for name, result in _probe_all(target)
        )

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The IdP served it, and (for keys) every validator met it."""
        served = _injected(target, self.endpoint) - before["injected"]
        evidence = [Evidence(source="target", ok=served > 0, what=f"the IdP served {served} injected answers")]
        if self.endpoint == "jwks":
            for name in VALIDATORS:
                met = _failures(target, name) - before[name]
                evidence.append(Evidence(source="target", ok=met > 0, what=f"{name}: {met} key fetches failed"))
        return tuple(evidence)

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Answer normally again."""
        assert isinstance(target, InjectsErrors)
        target.clear(self.endpoint)
        return ()

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """No error is injected, and keys can be fetched."""
        return eventually(lambda: self._clear(target))

    def _clear(self, target: Target) -> tuple[Evidence, ...]:
        assert isinstance(target, ReportsState)
        active = self.endpoint in target.state(IDP)["errors"]
        control = Evidence(source="control", ok=not active, what=f"the IdP reports errors on {self.endpoint}: {active}")
        return control, *(
            Evidence(source="probe", ok=_has_keys(result), what=f"{name}: {_describe(result)}")
            for name, result in _probe_all(target)
        )


def _probe_all(target: Target) -> list[tuple[str, ProbeResult]]:
    assert isinstance(target, ProbesUpstream)
    return [(name, target.probe(name, IDP)) for name in VALIDATORS]


def _has_keys(result: ProbeResult) -> bool:
    return result.ok and bool(result.kids)


def _describe(result: ProbeResult) -> str:
    keys = f"{len(result.kids)} keys" if result.kids else "no keys"
    return f"{result.status or result.error or 'no answer'}, {keys}, in {result.elapsed_s * 1000:.0f} ms"


def _injected(target: Target, endpoint: str) -> int:
    assert isinstance(target, ReportsState)
    return int(target.state(IDP)["injected"].get(endpoint, 0))


def _failures(target: Target, component: str) -> int:
    assert isinstance(target, ReportsState)
    return int(target.state(component)["jwks"]["fetch_failures"])
