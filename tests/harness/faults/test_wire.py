"""A gateway that tells nothing: what it met is what was seen of it on the wire, and nothing where nobody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from idchaos.contract import Fact
from idchaos.faults import wire
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, EndpointFault
from idchaos.faults.network import LinkFault
from idchaos.faults.odd_answers import OddAnswers
from idchaos.record.observed import BOUNDS_S, EndpointCounts, LinkObserved
from idchaos.targets.base import EndpointError, ProbesUpstream
from tests.harness.faults.conftest import GRAPH, FakeTarget

MUTE = ("gateway-1", "gateway-2", "accounts")
LINKS = tuple(link.name for link in GRAPH.links if link.provider == "idp")


@dataclass
class MuteTarget(FakeTarget):
    """Its IdP tells of itself; nobody else does, and none can be told to probe."""

    passed: dict[str, LinkObserved] = field(default_factory=dict)
    looks: bool = True

    def tells(self, component: str) -> frozenset[Fact]:
        return frozenset(Fact) if component == "idp" else frozenset()

    def capability(self, kind: Any) -> Any:
        if kind is ProbesUpstream or (kind is wire.ObservesLinks and not self.looks):
            return None
        return self

    def observed(self) -> Mapping[str, LinkObserved]:
        return self.passed


@pytest.fixture
def target() -> MuteTarget:
    return MuteTarget()


def took(*seconds: float) -> tuple[int, ...]:
    """As an observer counts them."""
    counts = [0] * (len(BOUNDS_S) + 1)
    for each in seconds:
        counts[sum(bound < each for bound in BOUNDS_S)] += 1
    return tuple(counts)


WELL = EndpointCounts(requests=2, statuses={200: 2}, within=took(0.002, 0.003), kids_served={"a": 2})
SEEN: dict[str, EndpointCounts] = {
    "nothing": EndpointCounts(),
    "well": WELL,
    "503": EndpointCounts(requests=2, statuses={503: 2}, within=took(0.002, 0.002)),
    "500": EndpointCounts(requests=2, statuses={500: 2}, within=took(0.002, 0.002)),
    "no keys": EndpointCounts(requests=2, statuses={200: 2}, within=took(0.002, 0.002)),
    "late": EndpointCounts(requests=2, statuses={200: 2}, within=took(1.002, 1.003), kids_served={"a": 2}),
    "given up": EndpointCounts(requests=2, failed={"closed": 2}),
    "reset": EndpointCounts(requests=2, failed={"reset": 2}),
    "late 503": EndpointCounts(requests=2, statuses={503: 2}, within=took(1.002, 1.003)),
}
ERRORS: dict[str, tuple[EndpointError, set[str]]] = {
    "503": (ERROR_5XX, {"503", "late 503"}),
    "empty": (EMPTY, {"no keys"}),
    "late": (EndpointError(delay_s=1), {"late", "given up", "late 503"}),
    "late 503": (EndpointError(status=503, delay_s=1), {"late 503", "given up"}),
}


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("name", ERRORS)
def test_what_was_seen_is_told_from_its_neighbours(name: str, seen: str) -> None:
    error, proved_by = ERRORS[name]
    assert wire.met(error, SEEN[seen]) == (seen in proved_by)


def test_of_a_share_one_is_enough_and_of_all_half_is_not_too_little() -> None:
    some = EndpointCounts(requests=5, statuses={503: 1, 200: 4}, within=took(*[0.002] * 5), kids_served={"a": 4})
    assert not wire.met(ERROR_5XX, some)
    assert wire.met(ERROR_5XX.model_copy(update={"share": 0.3}), some)


def jwks(target: MuteTarget, seen: EndpointCounts) -> None:
    target.passed = {link: LinkObserved(connections=9, endpoints={"jwks": seen}) for link in LINKS}


def endpoint_evidence(target: MuteTarget, seen: EndpointCounts) -> list[bool]:
    fault = EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503")
    jwks(target, WELL)
    before = fault.snapshot(target)
    fault.apply(target, 0)
    assert all(item.ok for item in fault.check_applied(target, before))
    target.injected["jwks"] = target.exposed["jwks"] = 6
    both = EndpointCounts(
        requests=WELL.requests + seen.requests,
        statuses={200: 2 + seen.statuses.get(200, 0), **{k: n for k, n in seen.statuses.items() if k != 200}},
        within=tuple(a + b for a, b in zip(WELL.within, seen.within or took(), strict=True)),
        kids_served={"a": 2 + seen.kids_served.get("a", 0)},
    )
    jwks(target, both)
    return [item.ok for item in fault.check_held(target, before)]


@pytest.mark.parametrize(("seen", "proved"), [("503", True), ("500", False), ("well", False), ("nothing", False)])
def test_an_error_is_proved_by_what_each_gateway_was_answered_meanwhile(
    seen: str, *, proved: bool, target: MuteTarget
) -> None:
    assert endpoint_evidence(target, SEEN[seen]) == [True, *[proved] * len(MUTE)]


def test_where_nobody_looks_it_is_not_proved_and_known_before(target: MuteTarget) -> None:
    target.looks = False
    assert endpoint_evidence(target, SEEN["503"]) == [True, False]
    fault = EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503")
    for each in (fault, OddAnswers.of("gzip")):
        assert each.unprovable(target).startswith("gateway-1, gateway-2, accounts: tells nothing")
    assert LinkFault(links=("gateway-to-idp",), mode="timeout").unprovable(target).startswith("no part of the target")


def test_who_neither_tells_nor_is_looked_at_has_not_been_seen_to_ask(target: MuteTarget) -> None:
    target.looks = False
    fault = OddAnswers.of("gzip")
    assert fault.snapshot(target)["asked"] == dict.fromkeys(MUTE, 0)
    assert [item.ok for item in fault.check_held(target, fault.snapshot(target))] == [False] * (1 + len(MUTE))


@pytest.mark.parametrize(
    ("connections", "requests", "proved"), [(4, 0, True), (5, 1, True), (1, 0, False), (0, 0, False), (4, 3, False)]
)
def test_a_black_hole_is_connections_that_bring_no_requests_our_own_not_counted(
    connections: int, requests: int, *, proved: bool, target: MuteTarget
) -> None:
    fault = LinkFault(links=("gateway-to-idp",), mode="timeout")
    assert not fault.unprovable(target)
    jwks(target, WELL)
    before = fault.snapshot(target)
    fault.apply(target, 0)
    now = EndpointCounts(requests=WELL.requests + requests)
    target.passed = {link: LinkObserved(connections=9 + connections, endpoints={"jwks": now}) for link in LINKS}
    assert [item.ok for item in fault.check_held(target, before)] == [proved, proved]


def test_a_share_of_connections_can_not_be_told_from_none_behind_a_link(target: MuteTarget) -> None:
    assert "no part of the target can tell" in LinkFault(links=("gateway-to-idp",), mode="partial").unprovable(target)
