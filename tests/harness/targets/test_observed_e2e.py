"""What the wire says of the stand-ins agrees with what they say of themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from idchaos.record.record import RunRecord
from idchaos.run.counts import compared, look
from idchaos.run.launch import new_run_id
from idchaos.settings import CommonSettings
from idchaos.targets.capabilities import ReportsState, required
from idchaos.targets.observer import ObservesLinks
from idchaos.targets.oidc import OidcClient
from idchaos.targets.standin.local import LocalTarget
from idchaos.verdict.wire import on_the_wire

pytestmark = pytest.mark.e2e
SHORT = CommonSettings.model_validate({"gateway": {"jwks_cache_s": 0.5, "revocation_cache_s": 0.5}})
PATIENCE_S = 10.0


@pytest.fixture
def target(tmp_path: Path) -> Iterator[LocalTarget]:
    started = LocalTarget(SHORT, new_run_id())
    try:
        started.start(tmp_path)
        yield started
    finally:
        started.stop()


def test_fetches_of_keys_are_seen_on_the_wire_as_often_as_validators_say(target: LocalTarget) -> None:
    reports, observes = required(target, ReportsState), required(target, ObservesLinks)
    end = time.monotonic() + PATIENCE_S
    while True:
        told = {name: reports.state(name)["jwks"]["fetches"] for name in target.graph.keepers_of_keys}
        seen = {name: observes.observed()[f"{name}-to-idp"].of("jwks") for name in told}
        again = {name: reports.state(name)["jwks"]["fetches"] for name in told}
        # A fetch may begin between two looks: only what stood still meanwhile can be compared.
        if told == again and min(told.values()) >= 3 and all(counts.unanswered == 0 for counts in seen.values()):
            break
        assert time.monotonic() < end, (told, seen)
    assert {name: counts.requests for name, counts in seen.items()} == told
    assert all(counts.kids and counts.statuses.keys() == {200} for counts in seen.values())


def test_a_probe_of_our_own_is_counted_apart(target: LocalTarget) -> None:
    before = target.control.observed()["gateway-1-to-idp"]
    target.control.probe("gateway-1", "idp")
    after = target.control.observed()["gateway-1-to-idp"]
    assert sum(c.requests for c in after.probes.values()) == sum(c.requests for c in before.probes.values()) + 1


def test_an_idp_that_is_gone_or_stands_still_is_felt_as_through_toxiproxy_alone(target: LocalTarget) -> None:
    before = target.control.observed()["gateway-1-to-idp"]
    target.disturb("idp", "pause")
    assert target.control.probe("gateway-1", "idp", 0.5).error == "timeout"
    target.restore("idp", "pause")
    target.disturb("idp", "kill")
    # As where Toxiproxy itself finds nobody: the connection is there, and ends.
    assert target.control.probe("gateway-1", "idp").error in ("connection_closed", "connection_reset")
    assert target.control.observed()["gateway-1-to-idp"].unreachable > before.unreachable
    target.restore("idp", "kill")
    assert target.control.probe("gateway-1", "idp").ok


def test_what_is_asked_at_the_idp_is_counted_alike_by_whoever_asks_by_the_idp_and_on_the_wire(
    target: LocalTarget, make_record: Callable[..., RunRecord]
) -> None:
    before, told_before = look(target), introspections(target)
    client = OidcClient(target.endpoints, target.sent, target.unanswered, headers={})
    registered = {each.client_id: each for each in target.endpoints.clients}
    try:
        for _ in range(3):
            token = client.token(registered["machine-opaque"])
            for gateway in target.endpoints.gateways:
                assert client.call(gateway, target.endpoints.routes[0], token) == 200
        client.revoke(registered["machine-opaque"], token)
        assert not client.active(token)
    finally:
        client.close()
    after, told_after = look(target), introspections(target)
    rows = {row.what: row for row in on_the_wire(make_record(counts=compared(before, after)))}
    # Of those, the client made one by itself, and each gateway one for each token.
    assert {name: told_after[name] - told_before[name] for name in told_after} == dict.fromkeys(told_after, 3)
    asked = {"token": 3, "revoke": 1, "introspect": 7}
    for endpoint, times in asked.items():
        row = rows[f"links to idp and idp ({endpoint})"]
        assert (row.low, row.seen, row.high) == (times, times, times)
    assert not [row.reason for row in rows.values() if row.reason]


def introspections(target: LocalTarget) -> dict[str, int]:
    """How often each gateway says that it asked the IdP about a token."""
    return {name: int(target.control.state(name)["introspection"]["calls"]) for name in target.graph.gateways}
