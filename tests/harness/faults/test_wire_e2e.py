"""Validators that tell nothing, behind a real observer: faults are proved by what it saw of each of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from idchaos.contract import Fact
from idchaos.errors import TargetError
from idchaos.faults.base import Fault
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, EndpointFault
from idchaos.faults.network import LinkFault
from idchaos.faults.odd_answers import OddAnswers
from idchaos.targets.base import EndpointError, ProbesUpstream, ReportsState
from idchaos.targets.standin.local import LocalTarget
from tests.harness.faults.test_faults_e2e import LINKS, proved, started, traffic, until_felt

pytestmark = pytest.mark.e2e


class Mute:
    """A target whose IdP alone tells of itself, and where nobody can be told to probe."""

    def __init__(self, target: LocalTarget) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def capability(self, kind: Any) -> Any:
        if kind is ProbesUpstream:
            return None
        return self if kind is ReportsState else self._target.capability(kind)

    def tells(self, component: str) -> frozenset[Fact]:
        return frozenset(Fact) if component == "idp" else frozenset()

    def state(self, component: str) -> Mapping[str, Any]:
        if component != "idp":
            raise TargetError(f"{component}: tells nothing")
        reports = self._target.capability(ReportsState)
        assert reports is not None
        return reports.state(component)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with started(tmp_path_factory.mktemp("logs"), gateway__jwks_timeout_s=0.8) as running:
        yield Mute(running)


FAULTS: dict[str, Fault] = {
    "503": EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503"),
    "empty": EndpointFault(endpoints=("jwks",), error=EMPTY, label="no keys"),
    "late": EndpointFault(endpoints=("jwks",), error=EndpointError(delay_s=0.3), label="late"),
    "too late": EndpointFault(endpoints=("jwks",), error=EndpointError(delay_s=2), label="late"),
    "gzip": OddAnswers.of("gzip"),
    "black hole": LinkFault(links=LINKS, mode="timeout"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_proved_by_what_was_seen_of_each_validator(name: str, target: Any) -> None:
    fault = FAULTS[name]
    assert not fault.unprovable(target)
    assert proved(before := fault.check_before(target)), before
    time.sleep(0.7)
    since = fault.snapshot(target)
    traffic(target)
    time.sleep(0.7)
    assert not proved(fault.check_held(target, since)), "it was not applied"
    since = fault.snapshot(target)
    try:
        applied = fault.apply(target, 0)
        assert proved(shown := fault.check_applied(target, since, applied)), shown
        assert {item.source for item in shown} == {"control", "probe"}
        assert proved(held := until_felt(fault, target, since, traffic, applied)), held
        assert {item.source for item in held} == {"target"}
    finally:
        fault.heal(target)
    assert proved(healed := fault.check_healed(target, applied)), healed
