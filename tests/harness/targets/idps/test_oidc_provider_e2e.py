"""oidc-provider itself as the IdP: it knows whom it should, its keys rotate, and nothing of it is left.

Where it is not installed this is skipped by name.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from idchaos.load.idp.tokens import peek
from idchaos.run.launch import make_target, new_run_id
from idchaos.settings import CommonSettings
from idchaos.targets.base import Target
from idchaos.targets.capabilities import ControlsProcesses, ProbesUpstream, RotatesKeys, required
from idchaos.targets.idps.catalogue import adapters
from idchaos.targets.oidc import OidcClient
from idchaos.undo.ledger import RUN_ID_VARIABLE
from tests.harness.targets.installed import skip_without

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
COOLDOWN_S = 15.0
"""Many times that of the gateways."""


@pytest.fixture
def run_id() -> str:
    return new_run_id()


@pytest.fixture
def target(run_id: str, tmp_path: Path) -> Iterator[Target]:
    skip_without("oidc-provider", adapters()["oidc-provider"].missing())
    found, _ = make_target("local", CommonSettings(topology="edge"), run_id, idp="oidc-provider")
    try:
        found.start(tmp_path)
        yield found
    finally:
        found.stop()


def test_its_tokens_pass_its_keys_rotate_and_nothing_of_it_is_left(target: Target, run_id: str, tmp_path: Path) -> None:
    endpoints, keys = target.endpoints, required(target, RotatesKeys)
    machine = next(each for each in endpoints.clients if each.client_id == "machine")
    oidc = OidcClient(endpoints, Counter(), Counter())

    def passes() -> set[int]:
        token = oidc.token(machine)
        return {oidc.call(gateway, route, token) for gateway in endpoints.gateways for route in endpoints.routes}

    header, claims = peek(oidc.token(machine))
    assert (header["kid"], header["typ"]) == ("rs256-1", "at+jwt")
    assert claims["aud"] == ["orders", "accounts"]
    assert claims["exp"] - claims["iat"] == CommonSettings().tokens.access_ttl_s
    assert passes() == {200}

    kid = keys.add_key("rs256-2", "RS256", publish=True, sign=False)
    assert set(required(target, ProbesUpstream).probe("gateway-1", "idp").kids or ()) == {
        "rs256-1", "rs256-spare", kid,
    }  # fmt: skip
    keys.sign_with(kid)
    keys.retire_key("rs256-1")
    assert peek(oidc.token(machine))[0]["kid"] == kid
    assert set(required(target, ProbesUpstream).probe("gateway-2", "idp").kids or ()) == {"rs256-spare", kid}
    # Who has fetched keys a moment ago asks again for an unknown one only after its cooldown.
    ends = time.monotonic() + COOLDOWN_S
    while (met := passes()) != {200} and time.monotonic() < ends:
        time.sleep(0.2)
    assert met == {200}, "a key that is new is fetched"

    processes = required(target, ControlsProcesses)
    processes.disturb("idp", "kill")
    processes.restore("idp", "kill")
    assert peek(oidc.token(machine))[0]["kid"] == kid, "one that was killed comes back with the keys as they stand"

    assert target.stop() == []
    assert [each.pid for each in psutil.process_iter() if _is_of(each, run_id)] == []
    log = (tmp_path / "idp.log").read_text()
    assert not any(client.client_secret in log for client in endpoints.clients if client.client_secret)


def test_whoever_lacks_the_secret_of_the_run_tells_it_nothing(target: Target) -> None:
    site = target.layout.bind["idp"]  # type: ignore[attr-defined]
    url = f"http://{site[1]}/"
    assert httpx.put(url, json={}, headers={"Authorization": "Bearer guessed"}).status_code == 401
    assert httpx.put(url, json={}).status_code == 401


def _is_of(process: psutil.Process, run_id: str) -> bool:
    try:
        return process.environ().get(RUN_ID_VARIABLE) == run_id
    except psutil.Error:
        return False
