"""Every fault on real processes: proved where it is felt, and not proved where it is not."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from idchaos.faults import base
from idchaos.faults.base import NOTHING, Applied, Evidence, Fault, Snapshot
from idchaos.faults.clock import ClockSkew
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, GARBAGE, EndpointFault
from idchaos.faults.keys import KeyRotation
from idchaos.faults.network import LinkFault
from idchaos.faults.process import ProcessFault
from idchaos.faults.revocation import Revocations
from idchaos.settings import CommonSettings, fill
from idchaos.targets.base import EndpointError
from idchaos.targets.oidc import OidcClient
from idchaos.targets.standin.local import LocalTarget

pytestmark = pytest.mark.e2e

LINKS = ("gateway-to-idp", "service-to-idp")
VALIDATORS = ("gateway-1", "gateway-2", "accounts")
SHORT = {
    "gateway.jwks_cache_s": 0.6,
    "gateway.jwks_cooldown_s": 0.2,
    "gateway.jwks_timeout_s": 3,
    "gateway.introspection_cache_s": 0.1,
    "gateway.revocation_cache_s": 0.1,
    "tokens.access_ttl_s": 120,
}
FELT_WITHIN_S = 8.0
"""Far more than a cache lives: how long traffic may flow until a fault is felt."""


@contextmanager
def started(logs: Path, **settings: object) -> Iterator[LocalTarget]:
    overrides = {**SHORT, **{name.replace("__", "."): value for name, value in settings.items()}}
    target = LocalTarget(fill(CommonSettings, overrides), secrets.token_hex(6))
    try:
        target.start(logs)
        yield target
    finally:
        assert target.stop() == []


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    """A sound target whose caches live for a moment."""
    with started(tmp_path_factory.mktemp("logs"), gateway__jwks_timeout_s=0.8) as running:
        yield running


@pytest.fixture(scope="module")
def around_the_links(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    """One whose validators ask the IdP directly."""
    with started(tmp_path_factory.mktemp("logs"), gateway__idp_path="direct") as running:
        yield running


def proved(evidence: Iterable[Evidence]) -> bool:
    found = list(evidence)
    return bool(found) and all(item.ok for item in found)


@contextmanager
def oidc(target: LocalTarget) -> Iterator[OidcClient]:
    """A client of the target's that is none of the harness's."""
    client = OidcClient(target.endpoints, target.sent, target.unanswered, headers={})
    try:
        yield client
    finally:
        client.close()


def traffic(target: LocalTarget) -> None:
    """A fresh token, used once on every route through every gateway."""
    machine = next(client for client in target.endpoints.clients if client.client_id == "machine")
    with oidc(target) as client:
        token = client.token(machine)
        for gateway, route in itertools.product(target.endpoints.gateways, target.endpoints.routes):
            client.call(gateway, route, token)


def revoking(target: LocalTarget) -> None:
    """What the load does in a revocation run: tokens are revoked and go on being used."""
    with oidc(target) as client:
        for each in target.endpoints.clients:
            if each.client_id in ("machine", "machine-opaque"):
                token = client.token(each)
                client.revoke(each, token)
                time.sleep(0.2)
                for gateway in target.endpoints.gateways:
                    client.call(gateway, target.endpoints.routes[0], token)


def nothing(_: LocalTarget) -> None:
    """A frozen gateway would only keep whoever calls it waiting."""


def until_felt(
    fault: Fault,
    target: LocalTarget,
    before: Snapshot,
    load: Callable[[LocalTarget], None],
    applied: Applied = NOTHING,
) -> tuple[Evidence, ...]:
    """Traffic until all validators have felt the fault; the last evidence."""
    deadline = time.monotonic() + FELT_WITHIN_S
    while True:
        load(target)
        held = fault.check_held(target, before, applied)
        if proved(held) or time.monotonic() > deadline:
            return held


@contextmanager
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """``eventually`` gives up after a tenth of its time: what it waits for will not come."""
    with monkeypatch.context() as patch:
        patch.setattr(base, "time", SimpleNamespace(monotonic=lambda: time.monotonic() * 10, sleep=time.sleep))
        yield


FAULTS: dict[str, Fault] = {
    "refused": LinkFault(links=LINKS, mode="refused"),
    "timeout": LinkFault(links=LINKS, mode="timeout"),
    "reset": LinkFault(links=LINKS, mode="reset"),
    "slow": LinkFault(links=LINKS, mode="slow", latency_s=0.3),
    "slow, jittery": LinkFault(links=LINKS, mode="slow", latency_s=0.3, jitter_s=0.1),
    "too slow": LinkFault(links=LINKS, mode="slow", latency_s=2),
    "bandwidth": LinkFault(links=LINKS, mode="bandwidth", rate_kbs=4),
    "bandwidth, too narrow": LinkFault(links=LINKS, mode="bandwidth", rate_kbs=1),
    "partial": LinkFault(links=LINKS, mode="partial", share=0.5),
    "503": EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503"),
    "garbage": EndpointFault(endpoints=("jwks",), error=GARBAGE, label="HTML"),
    "empty": EndpointFault(endpoints=("jwks",), error=EMPTY, label="no keys"),
    "delay": EndpointFault(endpoints=("jwks",), error=EndpointError(delay_s=2), label="late answers"),
    "IdP ahead": ClockSkew(component="idp", offsets_s=(3,)),
    "gateway behind": ClockSkew(component="gateway-1", offsets_s=(-3,)),
    "by less than half a second": ClockSkew(component="gateway-2", offsets_s=(0.3,)),
    "drift": ClockSkew(component="accounts", offsets_s=(1,), drift_ppm=50_000),
    "drift alone": ClockSkew(component="idp", offsets_s=(0,), drift_ppm=50_000),
    "revocations": Revocations(),
    "kill": ProcessFault(component="gateway-2", how="kill"),
    "pause": ProcessFault(component="gateway-2", how="pause"),
}
LOADS = {"revocations": revoking, "kill": nothing, "pause": nothing}
LINK_FAULTS = [name for name, fault in FAULTS.items() if isinstance(fault, LinkFault)]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_proved_while_it_is_felt_and_only_then(
    name: str, target: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = FAULTS[name]
    load = LOADS.get(name, traffic)
    assert proved(before := fault.check_before(target)), before
    snapshot = fault.snapshot(target)
    traffic(target)
    with in_a_hurry(monkeypatch):
        assert not proved(fault.check_applied(target, snapshot)), "it was not applied"
    assert not proved(fault.check_held(target, snapshot)), "it was not applied"

    snapshot = fault.snapshot(target)
    try:
        fault.apply(target, 0)
        load(target)
        assert proved(applied := fault.check_applied(target, snapshot)), applied
        assert proved(held := until_felt(fault, target, snapshot, load)), held
        if not isinstance(fault, Revocations):  # what was revoked stays so; there is nothing to heal
            with in_a_hurry(monkeypatch):
                assert not proved(fault.check_healed(target)), "it was not healed"
    finally:
        fault.heal(target)
    assert proved(healed := fault.check_healed(target)), healed


@pytest.mark.parametrize("name", LINK_FAULTS)
def test_who_goes_around_a_link_gives_no_proof(name: str, around_the_links: LocalTarget) -> None:
    fault = FAULTS[name]
    assert proved(fault.check_before(around_the_links))
    snapshot = fault.snapshot(around_the_links)
    try:
        fault.apply(around_the_links, 0)
        applied = fault.check_applied(around_the_links, snapshot)
        deadline = time.monotonic() + 5
        while any(fetched(around_the_links, each) <= snapshot[each].begun for each in VALIDATORS):
            assert time.monotonic() < deadline, "nobody asks for keys"
            traffic(around_the_links)
        held = fault.check_held(around_the_links, snapshot)
    finally:
        fault.heal(around_the_links)
    assert {item.source for item in applied if item.ok} == {"control"}
    assert [item.ok for item in held] == [False] * len(VALIDATORS)


def fetched(target: LocalTarget, validator: str) -> int:
    return int(target.control.state(validator)["jwks"]["fetches"])


def test_errors_in_a_share_of_answers_are_met_by_every_validator(target: LocalTarget) -> None:
    fault = EndpointFault(endpoints=("jwks",), error=ERROR_5XX.model_copy(update={"share": 0.5}), label="503 at times")
    snapshot = fault.snapshot(target)
    try:
        fault.apply(target, 0)
        assert proved(held := until_felt(fault, target, snapshot, traffic)), held
    finally:
        fault.heal(target)
    assert proved(fault.check_healed(target))


ENDPOINTS = (
    "discovery", "authorize", "login", "token", "userinfo", "introspect", "revoke", "end_session", "revocations",
)  # fmt: skip


@pytest.mark.parametrize("error", [EndpointError(status=503), EndpointError(delay_s=0.3)], ids=["503", "late"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_fault_at_any_endpoint_of_the_idp_is_met_by_a_client(
    endpoint: str, error: EndpointError, target: LocalTarget
) -> None:
    fault = EndpointFault(endpoints=(endpoint,), error=error, label="trouble")
    assert proved(before := fault.check_before(target)), before
    snapshot = fault.snapshot(target)
    try:
        fault.apply(target, 0)
        assert proved(applied := fault.check_applied(target, snapshot)), applied
        if endpoint not in ("revocations", "discovery"):  # which validators ask for by themselves
            assert not proved(fault.check_held(target, snapshot)), "nobody asked but the harness"
        with oidc(target) as client:
            client.ask(endpoint)
        assert proved(held := fault.check_held(target, snapshot)), held
    finally:
        fault.heal(target)
    assert proved(after := fault.check_healed(target)), after


@pytest.mark.parametrize("how", ["kill", "pause", "restart"])
def test_the_system_tells_what_became_of_a_process(how: str, target: LocalTarget) -> None:
    fault = ProcessFault.model_validate({"component": "orders", "how": how})
    snapshot = fault.snapshot(target)
    try:
        fault.apply(target, 0)
        assert proved(during := fault.check_applied(target, snapshot)), during
        assert {item.source for item in during} == {"control", "probe"}
    finally:
        fault.heal(target)
    assert proved(after := fault.check_healed(target)), after


@pytest.mark.parametrize("mode", ["overlap", "abrupt", "publish_late", "emergency"])
def test_a_rotation_is_proved_act_by_act(mode: str, target: LocalTarget) -> None:
    old = next(key for key in target.control.keys() if key.signing)  # noqa: SIM118 - not a dict
    fault = KeyRotation.model_validate(
        {"mode": mode, "alg": old.alg, "lead_s": 0.5, "overlap_s": 0.5,
         "late_s": 0.5, "allowed_lag_s": 2}
    )  # fmt: skip
    assert proved(before := fault.check_before(target)), before
    snapshot = fault.snapshot(target)
    assert not proved(fault.check_applied(target, snapshot)), "it was not applied"
    done = NOTHING
    for step in range(len(fault.steps())):
        done = done.then(fault.apply(target, step, done))
        if step == 0:
            assert proved(applied := fault.check_applied(target, snapshot, done)), applied
            if mode in ("overlap", "publish_late"):
                unused = fault.check_held(target, snapshot, done)
                assert not proved(unused), "no token of the new key can have been accepted"
    assert proved(held := until_felt(fault, target, snapshot, traffic, done)), held
    fault.heal(target, done)
    assert proved(healed := fault.check_healed(target, done)), healed


def test_a_rotation_that_stopped_half_way_is_not_healed_until_it_is_completed(
    target: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = next(key for key in target.control.keys() if key.signing)  # noqa: SIM118 - not a dict
    fault = KeyRotation(
        mode="publish_late", alg=old.alg, lead_s=0, overlap_s=0, late_s=60, allowed_lag_s=2,
    )  # fmt: skip
    done = fault.apply(target, 0)
    with in_a_hurry(monkeypatch):
        assert not proved(fault.check_healed(target, done))
    fault.heal(target, done)
    traffic(target)
    assert proved(healed := fault.check_healed(target, done)), healed


def test_a_restart_is_proved_by_another_instance(target: LocalTarget) -> None:
    fault = ProcessFault(component="gateway-2", how="restart")
    assert proved(fault.check_before(target))
    snapshot = fault.snapshot(target)
    assert not proved(fault.check_applied(target, snapshot)), "it was not applied"
    assert not proved(fault.check_held(target, snapshot)), "it was not applied"
    fault.apply(target, 0)
    assert proved(fault.check_applied(target, snapshot))
    traffic(target)
    assert proved(fault.check_held(target, snapshot))
    fault.heal(target)
    assert proved(fault.check_healed(target))


@pytest.mark.parametrize("how", ["kill", "pause", "restart"])
def test_healing_what_was_never_applied_leaves_the_process_alone(how: str, target: LocalTarget) -> None:
    before = target.process("orders")
    ProcessFault(component="orders", how=how).heal(target)  # type: ignore[arg-type]
    assert target.process("orders") == before


def test_a_port_that_is_taken_before_its_component_starts_is_chosen_again(tmp_path: Path) -> None:
    target = LocalTarget(CommonSettings(), secrets.token_hex(6))
    taken = [target.layout.data["gateway-1"], target.layout.listen["client-to-idp"]]
    try:
        with contextlib.ExitStack() as others:
            for address in taken:
                host, _, port = address.rpartition(":")
                others.enter_context(socket.create_server((host, int(port))))
            target.start(tmp_path)
        assert not {target.layout.data["gateway-1"], target.layout.listen["client-to-idp"]} & set(taken)
        traffic(target)
    finally:
        assert target.stop() == []
