"""Several faults at once: each is told from the others, or they are not allowed together."""

from __future__ import annotations

from typing import Any

import pytest

from idchaos.faults.catalogue import fault_of
from idchaos.faults.clock import ClockSkew
from idchaos.faults.idp_errors import ERROR_5XX, EndpointFault
from idchaos.faults.network import LinkFault
from idchaos.faults.process import ProcessFault
from idchaos.faults.together import inseparable
from idchaos.topologies import TOPOLOGIES

GRAPH = TOPOLOGIES["gateway"].graph
SLOW = LinkFault(links=("gateway-to-idp",), mode="slow", latency_s=2)
SLOWER = LinkFault(links=("gateway-1-to-idp", "service-to-idp"), mode="slow", latency_s=0.2)
NARROW = LinkFault(links=("gateway-2-to-idp",), mode="bandwidth", rate_kbs=1)


def test_two_faults_of_one_mode_on_one_proxy_are_two_toxics_and_healed_each_by_itself(target: Any) -> None:
    for fault in (SLOW, SLOWER):
        fault.apply(target, 0)
    assert len(target.links.toxics["gateway-1-to-idp"]) == 2
    SLOW.heal(target)
    (left,) = target.links.toxics["gateway-1-to-idp"].values()
    assert left.name == SLOWER.toxic_name


def test_delays_of_one_link_add_up_and_each_is_proved(target: Any) -> None:
    before = {fault: fault.snapshot(target) for fault in (SLOW, SLOWER, NARROW)}
    for fault in before:
        fault.apply(target, 0)
    for fault, snapshot in before.items():
        assert all(item.ok for item in fault.check_applied(target, snapshot)), fault.title
    for validator in GRAPH.keepers_of_keys:
        target.fetches[validator] += 3
    target.took_s = 0.2
    assert [item.ok for item in SLOWER.check_held(target, before[SLOWER])] == [False, True]
    target.took_s = 2.2
    assert all(item.ok for item in SLOWER.check_held(target, before[SLOWER]))


def test_a_delay_that_is_not_in_force_is_not_proved_by_a_longer_one_beside_it(target: Any) -> None:
    SLOW.apply(target, 0)
    assert not all(item.ok for item in SLOWER.check_applied(target, SLOWER.snapshot(target)))


@pytest.mark.parametrize(
    ("texts", "where"),
    [
        (["slow", "black_hole:link=gateway-1-to-idp"], "gateway-1-to-idp"),
        (["slow", "idp_late"], "gateway-1-to-idp"),
        (["slow", "slow:latency_s=1,after_s=4"], "gateway-1-to-idp"),
        (["idp_error:endpoint=token", "idp_late:endpoint=login+token"], "idp's token"),
        (["slow:link=client-to-idp", "idp_error:endpoint=userinfo"], "client-to-idp"),
        (["odd_discovery", "odd_jwks"], "idp's jwks"),
        (["clock", "clock:offset_s=2"], "idp's clock"),
        (["pause", "clock:offset_s=2"], "idp"),
        (["restart", "keys_empty"], "idp's state"),
        (["kill:component=gateway-1", "refused:link=client-to-gateway"], "gateway-1"),
        (["kill:component=gateway-1", "restart:component=gateway-1"], "gateway-1's state"),
    ],
)
def test_where_faults_would_hide_each_other_is_known_beforehand(texts: list[str], where: str) -> None:
    why = inseparable([fault_of(text, GRAPH) for text in texts], GRAPH)
    assert f"both are felt at {where}, so" in why


@pytest.mark.parametrize(
    "faults",
    [
        (SLOW, SLOWER, NARROW),
        (SLOW, EndpointFault(endpoints=("token",), error=ERROR_5XX, label="503")),
        (SLOW, ClockSkew(component="idp", offsets_s=(2,)), ProcessFault(component="gateway-2", how="restart")),
        (ProcessFault(component="gateway-1", how="kill"), ProcessFault(component="gateway-2", how="pause")),
    ],
)
def test_what_is_felt_elsewhere_or_adds_up_is_allowed_together(faults: Any) -> None:
    assert inseparable(faults, GRAPH) == ""
