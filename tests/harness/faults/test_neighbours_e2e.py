"""On real processes: what is in force is proved, and none of its neighbours by it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from idchaos.faults.base import Fault
from idchaos.faults.endpoint_effects import met_by_answer
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, GARBAGE, EndpointFault
from idchaos.faults.link_effects import Mode
from idchaos.faults.network import LinkFault
from idchaos.targets.base import EndpointError, InjectsErrors
from idchaos.targets.capabilities import required
from idchaos.targets.oidc import OidcClient
from idchaos.targets.standin.local import LocalTarget
from tests.harness.faults.test_faults_e2e import LINKS, proved, started, traffic, until_felt

pytestmark = pytest.mark.e2e

MODES: tuple[Mode, ...] = ("refused", "timeout", "reset", "slow", "partial")
LINK_FAULTS: dict[str, Fault] = {
    mode: LinkFault(links=LINKS, mode=mode, latency_s=0.3, share=0.5) for mode in MODES
}  # fmt: skip
KEY_FAULTS: dict[str, Fault] = {
    "503": EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503"),
    "500": EndpointFault(endpoints=("jwks",), error=EndpointError(status=500), label="500"),
    "garbage": EndpointFault(endpoints=("jwks",), error=GARBAGE, label="HTML"),
    "empty": EndpointFault(endpoints=("jwks",), error=EMPTY, label="no keys"),
    "late": EndpointFault(endpoints=("jwks",), error=EndpointError(delay_s=0.3), label="late"),
}
FAULTS = LINK_FAULTS | KEY_FAULTS
ERRORS: dict[str, EndpointError] = {
    "503": EndpointError(status=503),
    "500": EndpointError(status=500),
    "429": EndpointError(status=429),
    "late": EndpointError(delay_s=0.3),
    "late 503": EndpointError(status=503, delay_s=0.3),
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    with started(tmp_path_factory.mktemp("logs"), gateway__jwks_timeout_s=0.8) as running:
        yield running


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_force_proves_itself_and_none_of_its_neighbours(name: str, target: LocalTarget) -> None:
    fault = FAULTS[name]
    time.sleep(0.7)  # until what is under way, of the fault before, has come to its end
    since = {other: each.snapshot(target) for other, each in FAULTS.items()}
    before = since[name]
    try:
        fault.apply(target, 0)
        assert proved(applied := fault.check_applied(target, before)), applied
        assert proved(held := until_felt(fault, target, before, traffic)), held
        for other, neighbour in FAULTS.items():
            if other != name:
                shown = [*neighbour.check_applied(target, before), *neighbour.check_held(target, since[other])]
                assert not proved(shown), f"{name} was taken for {other}"
                felt = [item for item in shown if item.source != "control"]
                # A consumer of keys can't say what made them late: that they are, two control planes tell apart.
                assert not proved(felt) or {name, other} == {"slow", "late"}, f"{name} was taken for {other}"
    finally:
        fault.heal(target)
    assert proved(healed := fault.check_healed(target)), healed


def test_an_error_of_an_endpoint_is_told_from_another_error(target: LocalTarget) -> None:
    errors, client = required(target, InjectsErrors), OidcClient(target.endpoints, target.sent, target.unanswered)
    try:
        for name, error in ERRORS.items():
            errors.inject("userinfo", error)
            answer = client.ask("userinfo")
            errors.clear("userinfo")
            taken_for = {other for other, each in ERRORS.items() if met_by_answer(each, answer)}
            # What is late and wrong is wrong, too.
            assert taken_for == ({name, "503"} if name == "late 503" else {name}), name
    finally:
        client.close()
