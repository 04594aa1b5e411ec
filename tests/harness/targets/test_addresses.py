"""Each run has an address of its own, so that no other can take the port of a proxy that is off."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from idchaos.errors import FaultError, TargetError
from idchaos.targets.standin import addresses
from idchaos.targets.standin.addresses import SHARED, can_listen, free_ports, own_address, was_taken


def test_runs_have_different_addresses_on_loopback_and_keep_them() -> None:
    found = {run: own_address(run) for run in map(str, range(100))}
    assert all(ipaddress.ip_address(address).is_loopback for address in found.values())
    assert len(set(found.values())) == 100 or set(found.values()) == {SHARED}
    assert found == {run: own_address(run) for run in found}


def test_where_a_system_has_no_other_address_all_runs_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "can_listen", lambda host, _: host == SHARED)
    assert own_address("run") == SHARED


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((SHARED, 0)) as taken:
        assert not can_listen(SHARED, taken.getsockname()[1])


def test_ports_are_distinct() -> None:
    assert len(set(free_ports(50))) == 50


def test_when_ports_run_out_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "can_listen", lambda *_: False)
    with pytest.raises(TargetError, match=f"only 0 of 1 ports are free on {SHARED}"):
        free_ports(1)


def test_a_port_taken_meanwhile_is_told_from_other_reasons() -> None:
    assert was_taken(TargetError("idp did not start: idp: cannot listen on 127.0.0.1:20001: Address already in use"))
    assert was_taken(
        FaultError("toxiproxy: could not create proxy: listen tcp 127.0.0.1:1: bind: address already in use")
    )
    assert not was_taken(TargetError("idp did not start: no module named idchaos"))
