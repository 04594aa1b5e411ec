"""Each fault applies, proves that it is felt, heals, and proves that too. Without effect, no proof."""

from __future__ import annotations

from typing import Any

import pytest

from idchaos.faults.base import NOTHING, Applied, Fault
from idchaos.faults.idp_errors import EndpointFault
from idchaos.faults.network import LinkFault
from idchaos.faults.process import ProcessFault
from idchaos.targets.base import (
    EndpointError,
)
from tests.harness.faults.known import FAULTS, LINKS, VALIDATORS, carried_out, proved, sources, work

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_is_felt_proves_itself_and_its_healing(name: str, target: Any) -> None:
    fault = FAULTS[name]
    assert proved(fault.check_before(target))
    before = fault.snapshot(target)
    done = NOTHING
    for step in range(len(fault.steps())):
        done = done.then(fault.apply(target, step, done))
        if step == 0:
            applied = fault.check_applied(target, before, done)
    work(target, name)
    held = fault.check_held(target, before, done)
    assert proved(applied), applied
    assert proved(held), held
    fault.heal(target, done)
    assert proved(fault.check_healed(target, done))
    fault.heal(target, done)  # healing can be repeated
    assert proved(fault.check_healed(target, done))
    assert Applied.model_validate_json(done.model_dump_json()) == done, "a ledger can hold what is known of it"


@pytest.mark.parametrize("name", FAULTS)
def test_proof_comes_from_control_plane_probe_and_target(name: str, target: Any) -> None:
    fault = FAULTS[name]
    before = fault.snapshot(target)
    done = carried_out(fault, target)
    work(target, name)
    during = (*fault.check_applied(target, before, done), *fault.check_held(target, before, done))
    assert sources(during) == {"control", "probe", "target"}


@pytest.mark.parametrize("how", ["kill", "pause", "restart"])
def test_a_component_that_goes_on_as_before_gives_no_proof(how: Any, target: Any) -> None:
    fault = ProcessFault(component="gateway-2", how=how)
    before = fault.snapshot(target)
    target.disturb = target.restore = lambda component, how: None
    fault.apply(target, 0)
    assert "control" in sources(item for item in fault.check_applied(target, before) if not item.ok)


@pytest.mark.parametrize("name", ["refused", "timeout", "reset", "slow", "bandwidth", "partial"])
def test_a_gateway_that_goes_around_the_proxy_gives_no_proof(name: str, target: Any) -> None:
    target.around_the_proxy = True
    fault = FAULTS[name]
    before = fault.snapshot(target)
    fault.apply(target, 0)
    failed = [item for item in fault.check_applied(target, before) if not item.ok]
    assert sources(failed) == {"probe"}


@pytest.mark.parametrize("name", ["refused", "slow", "bandwidth", "partial"])
def test_a_control_plane_that_does_nothing_gives_no_proof(name: str, target: Any) -> None:
    target.links.deaf = True
    fault = FAULTS[name]
    fault.apply(target, 0)
    assert sources(item for item in fault.check_applied(target, {}) if not item.ok) == {"control", "probe"}


@pytest.mark.parametrize(
    "name",
    ["refused", "slow", "bandwidth", "partial", "error_5xx", "empty", "endpoint", "brownout", "ahead", "overlap"],
)
def test_a_target_that_did_nothing_meanwhile_gives_no_proof(name: str, target: Any) -> None:
    fault = FAULTS[name]
    before = fault.snapshot(target)
    fault.apply(target, 0)
    assert not proved(fault.check_held(target, before))


def test_one_validator_that_never_asked_for_keys_is_named(target: Any) -> None:
    fault = FAULTS["refused"]
    before = fault.snapshot(target)
    fault.apply(target, 0)
    work(target, "refused")
    target.fetches["gateway-2"] = 0
    (unfelt,) = [item for item in fault.check_held(target, before) if not item.ok]
    assert "gateway-2" in unfelt.what
    assert "longer than its cache lives" in unfelt.what


def held(fault: Fault, target: Any, *, took_s: float, before: int = 2, during: int = 3) -> list[bool]:
    """What ``check_held`` says of each validator after so many key fetches before and during the fault."""
    target.fetches.update(dict.fromkeys(VALIDATORS, before))
    target.took_s = took_s
    snapshot = fault.snapshot(target)
    fault.apply(target, 0)
    target.fetches.update(dict.fromkeys(VALIDATORS, during))
    return [item.ok for item in fault.check_held(target, snapshot)]


@pytest.mark.parametrize(
    ("fault", "took_s", "proved_by_each"),
    [
        (LinkFault(links=LINKS, mode="slow", latency_s=0.5), 0.51, True),
        (LinkFault(links=LINKS, mode="slow", latency_s=0.5), 0.40, False),
        (LinkFault(links=LINKS, mode="slow", latency_s=0.5, jitter_s=0.2), 0.31, True),
        (LinkFault(links=LINKS, mode="bandwidth", rate_kbs=5), 0.31, True),
        (LinkFault(links=LINKS, mode="bandwidth", rate_kbs=5), 0.20, False),
        # 1500 bytes at 1 MB/s take 1.5 ms: whatever was measured was something else.
        (LinkFault(links=LINKS, mode="bandwidth", rate_kbs=1000), 1.0, False),
    ],
)
def test_slowness_is_proved_by_how_long_key_fetches_took(
    fault: LinkFault, took_s: float, proved_by_each: bool, target: Any
) -> None:
    assert held(fault, target, took_s=took_s) == [proved_by_each] * 3


def test_fetches_from_before_the_fault_prove_nothing(target: Any) -> None:
    fault = LinkFault(links=LINKS, mode="slow", latency_s=0.5)
    assert held(fault, target, took_s=3.0, before=5, during=0) == [False] * 3


@pytest.mark.parametrize(("really", "proved_by_each"), [(0.3, True), (0.0, False), (1.0, False)])
def test_a_share_is_proved_by_a_likely_number_of_failures(really: float, proved_by_each: bool, target: Any) -> None:
    fault = LinkFault(links=LINKS, mode="partial", share=0.3)
    before = fault.snapshot(target)
    fault.apply(target, 0)
    target.links.toxicity = really
    target.fetches.update(dict.fromkeys(VALIDATORS, 4))
    target.ends = {0.0: [None], 0.3: ["connection_reset", None, None, None], 1.0: ["connection_reset"]}[really]
    probes = [item.ok for item in fault.check_applied(target, before) if item.source == "probe"]
    assert probes == [proved_by_each] * 3
    assert [item.ok for item in fault.check_held(target, before)] == [proved_by_each] * 3


@pytest.mark.parametrize(("latency_s", "jitter_s"), [(0.01, 0), (0.2, 0.2)])
def test_a_delay_that_may_be_none_is_no_fault(latency_s: float, jitter_s: float) -> None:
    with pytest.raises(ValueError, match="can't be told from none"):
        LinkFault(links=LINKS, mode="slow", latency_s=latency_s, jitter_s=jitter_s)


def test_errors_that_are_reported_but_not_served_give_no_proof_by_probe(target: Any) -> None:
    fault = FAULTS["endpoint"]
    fault.apply(target, 0)
    told = target.errors.copy()
    target.errors = {"token": EndpointError(status=500)}
    target.state = lambda _: {"errors": {endpoint: error.model_dump() for endpoint, error in told.items()}}
    (probe,) = [item for item in fault.check_applied(target, {}) if not item.ok]
    assert probe.source == "probe"
    assert "none of 1 probes met it" in probe.what


@pytest.mark.parametrize(("hits", "proved_by_them"), [(300, True), (270, True), (100, False), (600, False), (0, False)])
def test_a_share_is_proved_in_proportion(hits: int, *, proved_by_them: bool, target: Any) -> None:
    fault = EndpointFault(endpoints=("token",), error=EndpointError(status=503, share=0.3), label="503")
    before = fault.snapshot(target)
    target.injected["token"] += hits
    target.exposed["token"] += 1000
    (evidence,) = fault.check_held(target, before)
    assert evidence.ok == proved_by_them
    assert f"{hits} of 1000" in evidence.what


@pytest.mark.parametrize(("share", "probes"), [(1, 1), (0.8, 6), (0.5, 14), (0.2, 42)])
def test_the_smaller_a_share_the_more_probes_it_takes_to_meet_it(share: float, probes: int) -> None:
    error = EndpointError(status=503, share=share)
    assert EndpointFault(endpoints=("token",), error=error, label="503").probes == probes


def test_the_clients_link_is_probed_by_a_client(target: Any) -> None:
    fault = FAULTS["idp_gone"]
    fault.apply(target, 0)
    assert "a client to idp during: 1 refused" in " ".join(item.what for item in fault.check_applied(target, {}))
