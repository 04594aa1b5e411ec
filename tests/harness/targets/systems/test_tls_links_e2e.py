"""Faults of links that TLS passes through, at a system of somebody else's: each is proved by connections alone, and
told from its neighbours. One gateway keeps its connection to the IdP, the other opens a new one each time.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from idchaos.faults.base import Evidence
from idchaos.faults.link_effects import Mode
from idchaos.faults.network import LinkFault
from idchaos.faults.symptoms import Met, symptom_of
from idchaos.targets.capabilities import ProbesUpstream, required
from idchaos.targets.standin.addresses import free_ports
from idchaos.targets.standin.certificates import Certificates, certificates
from idchaos.targets.standin.processes import PYTHON_MODULE, Process
from idchaos.targets.systems.target import SystemTarget
from idchaos.trust import trusting
from idchaos.undo.ledger import STATE_VARIABLE
from idchaos.undo.toxiproxy import Links
from idchaos.undo.undo import end_processes
from tests.harness.targets.systems.tls_idp import Idp, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(170)]
FILE = """
[system]
name = "theirs"
ca = "{ca}"
[idp]
issuer = "https://{idp}"
[[client]]
id = "machine"
secret = {{ env = "PATH" }}
[gateway]
url = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
[[route]]
path = "/orders/1"
audience = "orders"
[toxiproxy]
api = "http://{toxiproxy}"
gateway_to_idp = ["keys-1", "keys-2"]
[settings]
access_ttl_s = 3
"""
ASKS_EVERY_S, PATIENCE_S = 0.6, 1.2
MODES: tuple[Mode, ...] = ("refused", "timeout", "reset", "slow")
FAULTS = {mode: LinkFault(links=("keys-1", "keys-2"), mode=mode, latency_s=0.4) for mode in MODES}
FELT_WITHIN_S = 10.0


class Gateway(threading.Thread):
    """Asks for keys every so often, and is content with none."""

    def __init__(self, url: str, ca: Path, *, keeps: bool) -> None:
        super().__init__(daemon=True)
        self._url, self._keeps, self._over = url, keeps, threading.Event()
        self._trusted = trusting(str(ca))
        self.active = threading.Event()
        self.active.set()

    def run(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if self._keeps else 0)
        with httpx.Client(verify=self._trusted, timeout=PATIENCE_S, limits=limits, trust_env=False) as http:
            while not self._over.wait(ASKS_EVERY_S):
                if self.active.is_set():
                    try:
                        http.get(self._url)
                    except httpx.HTTPError:
                        continue

    def end(self) -> None:
        self._over.set()
        self.join()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def system(
    made: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SystemTarget, tuple[Gateway, ...]]]:
    """It, attached, and its gateways."""
    folder, run_id = tmp_path_factory.mktemp("system"), secrets.token_hex(6)
    host, api, *ports = "127.0.0.1", *free_ports(3)
    toxiproxy = Process(
        "toxiproxy", [*PYTHON_MODULE, "idchaos.fixtures.toxiproxy", "--host", host, "--port", str(api)], {}, run_id,
        folder / "toxiproxy.log",
    )  # fmt: skip
    gateways: tuple[Gateway, ...] = ()
    with pytest.MonkeyPatch.context() as patch, served(Idp, made) as idp:
        patch.setenv(STATE_VARIABLE, str(folder / "state"))
        file = folder / "theirs.toml"
        file.write_text(FILE.format(idp=idp, toxiproxy=f"{host}:{api}", ca=made.authority))
        toxiproxy.spawn()
        toxiproxy.wait_ready()
        target = SystemTarget(file, run_id)
        try:
            for number, port in enumerate(ports, 1):
                Links(f"{host}:{api}").create(f"keys-{number}", listen=f"{host}:{port}", upstream=idp)
            target.undos_of_start()
            target.attach(folder)
            gateways = tuple(
                Gateway(f"https://{host}:{port}/jwks", made.authority, keeps=port == ports[0]) for port in ports
            )
            for gateway in gateways:
                gateway.start()
            yield target, gateways
        finally:
            for gateway in gateways:
                gateway.end()
            assert target.stop() == []
            toxiproxy.stop()
            end_processes(run_id)


def ok(evidence: tuple[Evidence, ...]) -> bool:
    return bool(evidence) and all(each.ok for each in evidence)


def eventually(check: Callable[[], tuple[Evidence, ...]]) -> tuple[Evidence, ...]:
    deadline = time.monotonic() + FELT_WITHIN_S
    while not ok(found := check()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_a_fault_is_proved_through_tls_and_none_of_its_neighbours(
    mode: Mode, system: tuple[SystemTarget, tuple[Gateway, ...]]
) -> None:
    target, _ = system
    fault = FAULTS[mode]
    assert fault.unprovable(target) == ""
    assert ok(before := fault.check_before(target)), before
    time.sleep(4 * ASKS_EVERY_S)
    since = fault.snapshot(target)
    time.sleep(2 * ASKS_EVERY_S)
    assert not ok(fault.check_held(target, since)), "it was not applied"
    since = fault.snapshot(target)
    try:
        fault.apply(target, 0)
        assert ok(applied := fault.check_applied(target, since)), applied
        assert {each.source for each in applied} == {"control", "probe"}
        assert ok(held := eventually(lambda: fault.check_held(target, since))), held
        assert [(each.source, "TLS" in each.what) for each in held] == [("target", True)] * 2
        for other, neighbour in FAULTS.items():
            assert other == mode or not ok(felt := neighbour.check_held(target, since)), f"taken for {other}: {felt}"
        probed = required(target, ProbesUpstream).probe("gateway-1", "idp", fault.effect.patience_s(4096))
        met = Met(symptom_of(probed.error), probed.elapsed_s, probed.size_bytes or 0)
        assert [other for other, each in FAULTS.items() if each.effect.met_by_probe(met)] == [mode], met
    finally:
        fault.heal(target)
    assert ok(healed := fault.check_healed(target)), healed


@pytest.mark.parametrize("mode", MODES)
def test_the_harness_s_own_requests_prove_nothing(mode: Mode, system: tuple[SystemTarget, tuple[Gateway, ...]]) -> None:
    target, gateways = system
    fault = FAULTS[mode]
    for gateway in gateways:
        gateway.active.clear()
    try:
        time.sleep(3.0)
        since = fault.snapshot(target)
        fault.apply(target, 0)
        assert ok(applied := fault.check_applied(target, since)), applied
        time.sleep(2.0)
        assert not any(each.ok for each in fault.check_held(target, since))
    finally:
        fault.heal(target)
        for gateway in gateways:
            gateway.active.set()


def test_what_can_not_be_seen_through_tls_is_not_told(system: tuple[SystemTarget, tuple[Gateway, ...]]) -> None:
    target, _ = system
    deadline = time.monotonic() + FELT_WITHIN_S
    while (seen := target.observed())["keys-2"].tls <= max(1, seen["keys-1"].tls) or not seen["keys-1"].tls:
        assert time.monotonic() < deadline, f"both ask, and one of them keeps its connection: {seen}"
        time.sleep(0.2)
    assert all(link.asked == 0 and link.unreadable == 0 for link in seen.values())
