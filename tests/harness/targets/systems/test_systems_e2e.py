"""A system that was there before the run: looked at, faulted through its own Toxiproxy, and left as it was.

It is the stand-in one, started by somebody else as far as the run is concerned.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from idchaos.commands.doctor import examined_system
from idchaos.experiment import Verdict
from idchaos.run.launch import Request, new_run_id, prepare
from idchaos.settings import CommonSettings, fill
from idchaos.studies import single
from idchaos.targets.oidc import OidcClient
from idchaos.targets.standin.defects import by_part
from idchaos.targets.standin.local import LocalTarget
from idchaos.topologies import topology_named
from idchaos.undo.ledger import RUN_ID_VARIABLE, STATE_VARIABLE
from idchaos.undo.toxiproxy import ProxyState
from idchaos.undo.undo import end_processes
from idchaos.verdict.verdict import RunVerdict

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(170)]
SECRET = "THEIR_SECRET"
FILE = """
[system]
name = "theirs"
[idp]
issuer = "{issuer}"
url = "{idp}"
[[client]]
id = "machine"
secret = {{ env = "THEIR_SECRET" }}
scope = "orders:read accounts:read"
[gateway]
url = {urls}
dialect = "stand-in"
[[route]]
path = "/orders/1"
service = "orders"
audience = "orders"
scope = "orders:read"
[[route]]
path = "/accounts/1"
service = "accounts"
audience = "accounts"
scope = "accounts:read"
[toxiproxy]
api = "http://{toxiproxy}"
gateway_to_idp = ["gateway-1-to-idp", "gateway-2-to-idp"]
client_to_idp = "client-to-idp"
[settings]
access_ttl_s = 3
jwks_cache_s = 3
leeway_s = 1
"""
LOGINS = """
[[client]]
id = "web"
secret = { env = "WEB_SECRET" }
redirect_uri = "http://127.0.0.1/callback"
refreshes = true
scope = "openid offline_access orders:read accounts:read"
[[client]]
id = "spa"
redirect_uri = "http://127.0.0.1/callback"
refreshes = true
scope = "openid offline_access orders:read accounts:read"
[[user]]
name = "alice"
password = { env = "ALICE_PASSWORD" }
[[user]]
name = "bob"
password = { env = "BOB_PASSWORD" }
"""
SMALL = {
    "slo.late_p99_s": 0.5,
    "load.sessions": 8,
    "load.rate": 60,
    "phases.baseline_s": 8,
    "fault.duration_s": 9,
    "phases.recovery_s": 6,
}


@dataclass
class Theirs:
    """It, its file, and how its proxies were before anybody came."""

    target: LocalTarget
    file: Path
    before: dict[str, ProxyState]

    @property
    def now(self) -> dict[str, ProxyState]:
        return self.target.links.state()


@pytest.fixture
def theirs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theirs]:
    """The parameter: settings of it, and which topology and defects it has."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    asked = dict(request.param)
    topology, wrong = topology_named(asked.pop("topology", "edge")), asked.pop("defects", ())
    known = {"gateway.jwks_cache_s": 3, "gateway.leeway_s": 1, "tokens.access_ttl_s": 3, **asked}
    settings = fill(CommonSettings, known).model_copy(update={"topology": topology.name})
    run_id = new_run_id()
    target = LocalTarget(settings, run_id, by_part(wrong, topology))
    logs = tmp_path / "their-logs"
    logs.mkdir()
    try:
        target.start(logs)
        machine = next(each for each in target.endpoints.clients if each.client_id == "machine")
        web = next(each for each in target.endpoints.clients if each.client_id == "web")
        monkeypatch.setenv(SECRET, machine.client_secret or "")
        monkeypatch.setenv("WEB_SECRET", web.client_secret or "")
        for user in target.endpoints.users:
            monkeypatch.setenv(f"{user.username.upper()}_PASSWORD", user.password)
        file = tmp_path / "theirs.toml"
        file.write_text(
            FILE.format(
                issuer=target.endpoints.issuer,
                idp=target.endpoints.idp_url,
                urls=json.dumps([each.url for each in target.endpoints.gateways]),
                toxiproxy=target.layout.toxiproxy_api,
            )
        )
        yield Theirs(target, file, target.links.state())
    finally:
        target.stop()
        end_processes(run_id)


def run(theirs: Theirs, reports: Path, scenario: str = "jwks_outage", **more: object) -> RunVerdict:
    overrides = SMALL | {name.replace("__", "."): value for name, value in more.items()}
    return single.run(prepare(Request(scenario, target=str(theirs.file), seed=5, reports=reports, overrides=overrides)))


@pytest.fixture
def operator(theirs: Theirs) -> Iterator[list[str]]:
    """An API by which their replicas are ended and started, and tokens revoked; what it was told, as hooks say it."""
    told: list[str] = []
    machine = next(each for each in theirs.target.endpoints.clients if each.client_id == "machine")

    class Operator(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _, act, replica = self.path.split("/")
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
            told.append(act)
            if act == "stop":
                theirs.target.disturb(replica, "kill")
            elif act == "start":
                theirs.target.restore(replica, "kill")
            else:
                oidc = OidcClient(theirs.target.endpoints, Counter(), Counter())
                oidc.revoke(machine, said["token"])
                oidc.close()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Operator)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    with theirs.file.open("a") as file:
        file.write(f'''
[hooks.stop]
url = "{url}/stop/{{replica}}"
undo = {{ url = "{url}/start/{{replica}}" }}
[hooks.revoke]
url = "{url}/revoke/{{jti}}"
body = '{{"token": "{{token}}"}}'
''')
    theirs.file.write_text(theirs.file.read_text().replace("[gateway]", '[gateway]\nrevocation = "introspection"'))
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def eventually(holds: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("theirs", [{}], indirect=True, ids=["sound"])
def test_it_is_examined_and_faulted_and_is_afterwards_as_it_was(theirs: Theirs, tmp_path: Path) -> None:
    found = examined_system(theirs.file)
    assert [each.what for each in found if not each.ok] == []
    assert sum("is on the path" in each.what for each in found) == 2
    assert theirs.now == theirs.before
    verdict = run(theirs, tmp_path / "reports")
    assert [each.name for each in verdict.objectives if each.verdict is Verdict.FAIL] == []
    assert [each.effect_proved for each in verdict.faults] == [True]
    assert {each.name: each.verdict for each in verdict.invariants}["expired_tokens_refused"] is Verdict.PASS
    assert verdict.cleanup.clean
    assert theirs.now == theirs.before


@pytest.mark.parametrize(
    "theirs", [{"gateway.jwks_stale_s": 0}], indirect=True, ids=["a cache shorter than the outage"]
)
def test_keys_that_are_gone_when_their_cache_ends_are_a_fail(theirs: Theirs, tmp_path: Path) -> None:
    verdict = run(theirs, tmp_path / "reports")
    assert verdict.verdict is Verdict.FAIL
    assert {each.name for each in verdict.objectives if each.verdict is Verdict.FAIL} >= {"api_success_fault"}
    assert [each.effect_proved for each in verdict.faults] == [True]
    assert theirs.now == theirs.before


LONG = {"tokens.access_ttl_s": 20}


@pytest.mark.parametrize("theirs", [LONG], indirect=True, ids=["tokens that live long"])
def test_a_replica_is_restarted_and_tokens_are_revoked_by_the_hooks_of_its_file(
    theirs: Theirs, operator: list[str], tmp_path: Path
) -> None:
    theirs.file.write_text(theirs.file.read_text().replace("access_ttl_s = 3", "access_ttl_s = 20"))
    found = examined_system(theirs.file)
    assert [each.what for each in found if not each.ok] == []
    assert "hooks.stop: is there, and its undo" in [each.what for each in found]
    assert operator == []
    verdict = run(theirs, tmp_path / "reports", "cold_start", cold__during="none")
    assert [(each.name, each.effect_proved) for each in verdict.faults] == [("restart gateway-2", True)]
    assert [each for each in operator if each != "revoke"] == ["stop", "start"]
    assert [each.name for each in verdict.objectives if each.verdict is Verdict.FAIL] == []
    revoked = next(each for each in verdict.invariants if each.name == "revoked_tokens_refused")
    assert (revoked.verdict, revoked.breaches) == (Verdict.PASS, 0)
    assert operator.count("revoke") > 0
    assert verdict.cleanup.clean
    assert theirs.now == theirs.before


WITH_LOGINS = {"tokens.access_ttl_s": 20}


@pytest.mark.parametrize("theirs", [WITH_LOGINS], indirect=True, ids=["sound"])
def test_users_log_in_and_their_sessions_outlive_an_outage(theirs: Theirs, tmp_path: Path) -> None:
    theirs.file.write_text(theirs.file.read_text().replace("access_ttl_s = 3", "access_ttl_s = 20") + LOGINS)
    found = examined_system(theirs.file)
    assert [each.what for each in found if not each.ok] == []
    said = {each.what for each in found}
    assert said >= {"client web: alice logs in", "client web: bob logs in", "client spa: alice logs in"}
    assert "gateway-2: a token of alice at spa passes" in said
    verdict = run(theirs, tmp_path / "reports", "idp_outage", load__refresh_at=0.4)
    assert [(each.name, each.effect_proved) for each in verdict.faults] == [
        ("refused on client-to-idp, gateway-to-idp", True)
    ]
    assert [each.name for each in verdict.objectives if each.verdict is Verdict.FAIL] == []
    assert [each.name for each in verdict.invariants if each.verdict is Verdict.FAIL] == []
    of_logins = {each.name: each.attempts for each in verdict.invariants}
    assert of_logins["pkce_enforced"] > 0
    assert theirs.now == theirs.before


FAILS_OPEN = {
    "topology": "introspection",
    "tokens.access_ttl_s": 20,
    "defects": ("fail_open_on_introspection_outage",),
}


@pytest.mark.parametrize("theirs", [FAILS_OPEN], indirect=True, ids=["fails open"])
def test_gateways_that_ask_about_tokens_are_caught_when_they_let_in_whom_they_can_not_ask_about(
    theirs: Theirs, tmp_path: Path
) -> None:
    text = theirs.file.read_text().replace("access_ttl_s = 3", "access_ttl_s = 20\nintrospection_cache_s = 2")
    text = text.replace("[gateway]", '[gateway]\ndecides_by = "introspection"')
    theirs.file.write_text(text.replace("[idp]", '[idp]\ntokens = "opaque"') + LOGINS)
    found = examined_system(theirs.file)
    assert [each.what for each in found if not each.ok] == []
    assert sum("introspections were seen" in each.what for each in found) == 2
    verdict = run(theirs, tmp_path / "reports", "introspection_brownout")
    assert [(each.name, each.effect_proved) for each in verdict.faults] == [("reset on gateway-to-idp", True)]
    assert verdict.verdict is Verdict.FAIL
    breached = {each.name for each in verdict.invariants if each.verdict is Verdict.FAIL}
    assert breached >= {"unknown_opaque_refused"}
    assert theirs.now == theirs.before


@pytest.mark.parametrize("theirs", [{}], indirect=True, ids=["sound"])
def test_nothing_of_a_fault_is_left_when_the_runner_is_killed_in_its_midst(theirs: Theirs, tmp_path: Path) -> None:
    words = ["run", "jwks_outage", "--target", str(theirs.file), "--reports", str(tmp_path / "reports")]
    for name, value in (SMALL | {"fault.duration_s": 60}).items():
        words += ["--set", f"{name}={value}"]
    environment = {name: value for name, value in os.environ.items() if name != RUN_ID_VARIABLE}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "idchaos", *words], env=environment, stdout=subprocess.DEVNULL
    ) as runner:
        assert eventually(lambda: not theirs.now["gateway-2-to-idp"].enabled, within_s=90)
        assert theirs.now["gateway-2-to-idp"].upstream != theirs.before["gateway-2-to-idp"].upstream
        runner.send_signal(signal.SIGKILL)
    assert eventually(lambda: theirs.now == theirs.before, within_s=20)
    assert eventually(lambda: not list((tmp_path / "state").glob("*.ledger")), within_s=20)
