"""Keycloak itself as the IdP: it starts, knows whom it should, its keys rotate, and nothing of it is left.

Where Keycloak is not installed this is skipped by name.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from idchaos.load.idp.tokens import peek
from idchaos.run.launch import make_target, new_run_id
from idchaos.settings import CommonSettings
from idchaos.targets.base import Target
from idchaos.targets.capabilities import ProbesUpstream, RotatesKeys, required
from idchaos.targets.idps.catalogue import adapters
from idchaos.targets.oidc import OidcClient
from idchaos.undo.ledger import RUN_ID_VARIABLE
from tests.harness.targets.installed import skip_without

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
COOLDOWN_S = 15.0
"""Many times that of the gateways."""


@pytest.fixture
def run_id() -> str:
    return new_run_id()


@pytest.fixture
def target(run_id: str, tmp_path: Path) -> Iterator[Target]:
    skip_without("keycloak", adapters()["keycloak"].missing())
    found, _ = make_target("local", CommonSettings(topology="edge"), run_id, idp="keycloak")
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

    assert peek(oidc.token(machine))[0]["kid"] == "rs256-1"
    assert passes() == {200}
    assert oidc.active(oidc.token(machine))

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

    assert target.stop() == []
    assert not (tmp_path / "idp-home").exists()
    assert [each.pid for each in psutil.process_iter() if _is_of(each, run_id)] == []


def _is_of(process: psutil.Process, run_id: str) -> bool:
    try:
        return process.environ().get(RUN_ID_VARIABLE) == run_id
    except psutil.Error:
        return False
