"""What ``up`` left: it says how that stands, and ``down`` leaves nothing of it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from idchaos.errors import UsageError
from idchaos.run.standing import UP_FILE, bring_up, take_down
from idchaos.undo.ledger import STATE_VARIABLE


@pytest.fixture(name="state")
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    return tmp_path


def noted(state: Path, **control: int) -> None:
    urls = {name: f"http://127.0.0.1:{port}" for name, port in control.items()}
    (state / UP_FILE).write_text(json.dumps({"run_id": "r1", "control": {"secret": "s", **urls}}))


def test_a_target_that_is_up_is_told_and_which_of_its_parts_is_gone(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as alive, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"idp": other.getsockname()[1], "orders": alive.getsockname()[1]}
        noted(state, **ports)
        with pytest.raises(UsageError, match="a target is up already"):
            bring_up({})
        other.close()
        with pytest.raises(UsageError, match="of it idp does not answer any more; stop it first: idchaos down"):
            bring_up({})


def test_down_takes_its_logs_along(state: Path) -> None:
    noted(state)
    logs = state / "r1.logs"
    logs.mkdir()
    (logs / "idp.log").write_text("ready")
    assert take_down() == "target is down"
    assert list(state.iterdir()) == []


def idchaos(*words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "idchaos", *words], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@pytest.mark.e2e
def test_people_come_by_tls_and_below_a_path_and_down_leaves_nothing_of_it(state: Path) -> None:
    # By the command, as people do: what this process itself had left running, a later test would be blamed for.
    told = json.loads(idchaos("up", "--tls", "--issuer-path", "/realms/demo", "--json"))
    trusted = ssl.create_default_context(cafile=told["ca"])
    with httpx.Client(verify=trusted, trust_env=False) as client:
        metadata = client.get(f"{told['issuer']}/.well-known/openid-configuration").json()
        assert metadata["issuer"] == told["issuer"]
        assert metadata["token_endpoint"] == f"{told['issuer']}/token"
        machine = next(each for each in told["clients"] if each["client_id"] == "machine")
        form, auth = {"grant_type": "client_credentials"}, ("machine", machine["client_secret"])
        token = client.post(metadata["token_endpoint"], data=form, auth=auth).json()["access_token"]
        for gateway in told["gateways"]:
            shown = {"Authorization": f"Bearer {token}"}
            assert client.get(f"{gateway['url']}/orders/1", headers=shown).status_code == 200
            assert client.get(f"{gateway['url']}/orders/1").status_code == 401
    idchaos("down")
    assert list(state.iterdir()) == []
