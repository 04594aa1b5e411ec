"""What is told of gateways that tell nothing: what was seen of them, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from idchaos.contract import ComponentDocument, Fact
from idchaos.errors import TargetError
from idchaos.record.observed import EndpointCounts, Exchange, LinkObserved
from idchaos.targets.base import ProcessState
from idchaos.targets.gateways.witness import SEEN, KeysAt, Witness
from idchaos.topologies import TOPOLOGIES

GRAPH = TOPOLOGIES["edge"].graph
FETCHES = (
    Exchange(number=1, at=10.0, took_s=0.01, status=200),
    Exchange(number=2, at=14.0, took_s=0.01, status=503),
    Exchange(number=3, at=18.0, took_s=0.01, status=200, error="no_keys"),
    Exchange(number=4, at=22.0, took_s=2.0, error="closed"),
    Exchange(number=5, at=26.0, took_s=0.001, error="closed"),
)


class Control:
    """The stand-ins, and the recorder behind the links."""

    def tells(self, component: str) -> frozenset[Fact]:
        return frozenset({Fact.CLOCK})

    def state(self, component: str) -> Mapping[str, Any]:
        return {"name": component}

    def observed(self) -> Mapping[str, LinkObserved]:
        jwks = EndpointCounts(requests=5, kids=("a", "b"), kids_served={"a": 2, "b": 1}, recent=FETCHES)
        return {"gateway-1-to-idp": LinkObserved(endpoints={"jwks": jwks}), "gateway-2-to-idp": LinkObserved()}


class Running:
    """Processes of one kind."""

    def __init__(self, status: Any = "running") -> None:
        self.status = status

    def process(self, component: str) -> ProcessState:
        return ProcessState(status=self.status, incarnation="4711", cpu_s=1.5)

    def disturb(self, component: str, how: str) -> None:
        """Of no use here."""

    def restore(self, component: str, how: str) -> None:
        """Of no use here."""


def witness(status: Any = "running") -> Witness:
    control: Any = Control()
    return Witness(control, GRAPH, Running(status), lambda link: "127.0.0.1:1")


def test_it_keeps_the_contract_and_tells_what_it_says_it_tells() -> None:
    told = ComponentDocument.of(witness().state("gateway-1"))
    assert told.facts() == SEEN == witness().tells("gateway-1")
    assert Fact.KEY_FETCHES not in SEEN
    assert witness().tells("orders") == {Fact.CLOCK}


def test_what_cpu_time_its_processes_used_is_told() -> None:
    assert witness().state("gateway-1")["cpu_s"] == 1.5


def test_each_key_fetch_ended_as_it_was_seen_to() -> None:
    jwks = witness().state("gateway-1")["jwks"]
    assert (jwks["fetches"], jwks["kids"]) == (5, ["a", "b"])
    ends = [each["error"] for each in jwks["recent_fetches"]]
    assert ends == [None, "http_503", "bad_jwks", "timeout", "connection_closed"]
    assert witness().state("gateway-2")["jwks"] == {"kids": [], "kids_served": {}, "fetches": 0, "recent_fetches": []}


def test_of_one_that_does_not_run_nothing_is_told() -> None:
    with pytest.raises(TargetError, match="gateway-1 is paused"):
        witness("paused").state("gateway-1")


def test_a_probe_is_the_harness_s_own_and_says_what_it_met() -> None:
    assert not witness().asks_itself("gateway-1")
    met = witness().probe("gateway-1", "idp")
    assert (met.ok, met.error) == (False, "connect_refused")


class Sealed(Control):
    """TLS passes over the links."""

    def observed(self) -> Mapping[str, LinkObserved]:
        jwks = EndpointCounts(requests=1, kids=("a",), kids_served={"a": 1})
        return {"gateway-1-to-idp": LinkObserved(tls=3, endpoints={"jwks": jwks}), "gateway-2-to-idp": LinkObserved()}


def test_of_fetches_that_are_encrypted_nothing_is_told() -> None:
    control: Any = Sealed()
    sealed = Witness(control, GRAPH, Running(), lambda link: "127.0.0.1:1", tls=True)
    assert sealed.tells("gateway-1") == {Fact.INCARNATION} == ComponentDocument.of(sealed.state("gateway-1")).facts()


def test_fewer_fetches_than_there_were_are_not_told_where_tls_was_not_expected() -> None:
    control: Any = Sealed()
    mistaken = Witness(control, GRAPH, Running(), lambda link: "127.0.0.1:1")
    assert "jwks" not in mistaken.state("gateway-1")
    assert "jwks" in mistaken.state("gateway-2")


@pytest.mark.parametrize(
    ("authority", "name", "host"),
    [
        ("idp.example:8443", "idp.example", "idp.example:8443"),
        ("idp.example:8443", "keys.internal", "keys.internal"),
        ("[::1]:8443", "::1", "[::1]:8443"),
    ],
)
def test_a_server_is_asked_by_the_name_that_it_is_called_by(authority: str, name: str, host: str) -> None:
    assert KeysAt("/keys", authority).named(name) == host
