"""Whole runs at a system whose gateways get their keys by https, through its Toxiproxy.

It is the stand-in one, with what ends TLS before its IdP; its Toxiproxy passes TLS on as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idchaos.commands.doctor import examined_system, scenarios_at
from idchaos.experiment import Verdict
from idchaos.run.launch import new_run_id
from idchaos.settings import CommonSettings, fill
from idchaos.targets.standin.certificates import Certificates
from idchaos.targets.standin.guests import Guests
from idchaos.targets.standin.local import LocalTarget
from idchaos.undo.ledger import STATE_VARIABLE
from idchaos.undo.undo import end_processes
from tests.harness.targets.systems.test_systems_e2e import FILE, SECRET, Theirs, run
from tests.harness.targets.systems.tls_idp import before, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(170)]


class ByTls(LocalTarget):
    """Its clients come by https, and its gateways get their keys by https as well."""

    def _documents(self) -> dict[str, dict[str, Any]]:
        documents = super()._documents()
        for name in self.graph.gateways:
            documents[name]["idp_url"] = documents[name]["idp_url"].replace("http://", "https://")
        return documents


@pytest.fixture
def theirs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theirs]:
    """The parameter: settings of it."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    known = {"gateway.jwks_cache_s": 3, "gateway.leeway_s": 1, "tokens.access_ttl_s": 3, **request.param}
    settings = fill(CommonSettings, known).model_copy(update={"topology": "edge"})
    run_id = new_run_id()
    logs = tmp_path / "their-logs"
    logs.mkdir()
    target = ByTls(settings, run_id, guests=Guests(tls=True))
    tls = logs / "tls"  # which it makes for itself
    made = Certificates(tls / "ca.pem", tls / "certificate.pem", tls / "key.pem")
    try:
        with monkeypatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(made.authority))  # whom its gateways trust
            target.start(logs)
        idp = target.layout.data[target.graph.idp]
        machine = next(each for each in target.endpoints.clients if each.client_id == "machine")
        monkeypatch.setenv(SECRET, machine.client_secret or "")
        with served(before(idp), made, idp.rpartition(":")[0]) as front:
            for proxy in ("gateway-1-to-idp", "gateway-2-to-idp"):
                target.links.lead_to(proxy, front)
            text = FILE.format(
                issuer=target.endpoints.issuer,
                idp=target.endpoints.issuer,
                urls=json.dumps([each.url for each in target.endpoints.gateways]),
                toxiproxy=target.layout.toxiproxy_api,
            )
            file = tmp_path / "theirs.toml"
            file.write_text(text.replace("[idp]", f'ca = "{made.authority}"\n[idp]'))
            yield Theirs(target, file, target.links.state())
    finally:
        target.stop()
        end_processes(run_id)


@pytest.mark.parametrize("theirs", [{}], indirect=True, ids=["sound"])
def test_an_outage_is_seen_through_tls_and_keys_that_are_kept_outlast_it(theirs: Theirs, tmp_path: Path) -> None:
    found = examined_system(theirs.file)
    assert [f"{each.what}: {each.advice}" for each in found if not each.ok] == []
    assert sum("is on the path: TLS connections were seen" in each.what for each in found) == 2
    assert theirs.now == theirs.before
    verdict = run(theirs, tmp_path / "reports")
    assert [(each.effect_proved, each.evidence) for each in verdict.faults if not each.effect_proved] == []
    assert [each.name for each in verdict.objectives if each.verdict is Verdict.FAIL] == []
    assert {each.name: each.verdict for each in verdict.invariants}["expired_tokens_refused"] is Verdict.PASS
    hidden = {each.name: each.why for each in verdict.not_observed}
    assert hidden["key_fetches_bounded"] == "gateway-1, gateway-2 do not tell of key fetches"
    assert hidden["requests_to_the_idp"].startswith("TLS passes between gateway-1, gateway-2 and the IdP")
    assert not any("jwks_fetch" in each.sli for each in verdict.objectives)
    assert verdict.cleanup.clean
    assert theirs.now == theirs.before


@pytest.mark.parametrize(
    "theirs", [{"gateway.jwks_stale_s": 0}], indirect=True, ids=["a cache shorter than the outage"]
)
def test_keys_that_are_gone_when_their_cache_ends_are_a_fail_that_is_proved(theirs: Theirs, tmp_path: Path) -> None:
    verdict = run(theirs, tmp_path / "reports", fault__mode="timeout")
    assert verdict.verdict is Verdict.FAIL
    assert {each.name for each in verdict.objectives if each.verdict is Verdict.FAIL} >= {"api_success_fault"}
    assert [each.effect_proved for each in verdict.faults] == [True]
    assert theirs.now == theirs.before


@pytest.mark.parametrize("theirs", [{}], indirect=True, ids=["keys that are kept for longer"])
def test_an_outage_that_no_cache_feels_is_not_taken_for_one(theirs: Theirs, tmp_path: Path) -> None:
    verdict = run(theirs, tmp_path / "reports", fault__duration_s=2)
    assert verdict.verdict is not Verdict.PASS
    assert [each.effect_proved for each in verdict.faults] == [False]


@pytest.mark.parametrize("theirs", [{}], indirect=True, ids=["sound"])
def test_what_needs_requests_that_are_seen_is_refused_by_name(theirs: Theirs) -> None:
    found = scenarios_at(str(theirs.file))
    assert "jwks_outage" in found.can_run
    assert "IdP endpoints can be told" in found.lacks["odd_jwks"]
