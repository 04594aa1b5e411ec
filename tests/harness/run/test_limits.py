"""What a run may be at a system that somebody else uses, and at one where nobody can log in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from idchaos.commands.doctor import scenarios_at
from idchaos.commands.forecast import setup_of
from idchaos.commands.new import written as filled_in
from idchaos.errors import Unsuited, UsageError
from idchaos.experiment import PhaseName
from idchaos.faults.network import LinkFault
from idchaos.run.launch import Prepared, Request, prepare, repeat_command
from idchaos.run.limits import lease_at
from idchaos.settings import CommonSettings
from idchaos.targets.standin.local import LocalTarget
from idchaos.targets.systems.file import describes_system, read
from idchaos.targets.systems.target import SystemTarget
from idchaos.undo.guardian import Lease

SYSTEM = """
[system]
name = "shop"
[idp]
issuer = "http://127.0.0.1:8080"
[[client]]
id = "batch"
secret = { env = "BATCH_SECRET" }
[gateway]
url = ["http://127.0.0.1:9001", "http://127.0.0.1:9002"]
[[route]]
path = "/orders/1"
audience = "orders"
[toxiproxy]
api = "http://127.0.0.1:8474"
gateway_to_idp = ["keys-1", "keys-2"]
[settings]
access_ttl_s = 300
jwks_cache_s = 60
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BATCH_SECRET", "shibboleth")
    return tmp_path / "shop.toml"


def planned(file: Path, text: str = SYSTEM, scenario: str = "jwks_outage", **more: object) -> Prepared:
    file.write_text(text)
    return prepare(Request(scenario, target=str(file), seed=1, overrides=more))


def test_machine_clients_call_where_nobody_can_log_in_and_that_is_declared(file: Path) -> None:
    prepared = planned(file)
    assert {stream.flow for stream in prepared.experiment.plan.load.streams} == {"api", "machine", "canary"}
    assert {each.name for each in prepared.experiment.plan.load.flows} == {"api", "machine", "canary"}
    assert "flow login" in {each.name for each in prepared.not_observed}


def test_a_forecast_is_of_the_system_that_is_tested(file: Path) -> None:
    """Revocations are seen at each replica, tokens end as they do there: both bear on how many samples there are."""
    one_replica = SYSTEM.replace(', "http://127.0.0.1:9002"', "").replace(', "keys-2"', "")
    two, one = (setup_of(each.settings, each.graph) for each in (planned(file), planned(file, one_replica)))
    assert (two.replicas, one.replicas) == (("gateway-1", "gateway-2"), ("gateway-1",))
    assert two.access_ttl_s == 300
    assert two.routes == (("/orders/1", "api"),)


def test_what_can_not_be_made_is_declared_before_the_run(file: Path) -> None:
    declared = {each.name: each.why for each in planned(file).not_observed}
    assert declared["expired_tokens_refused"] == "expired: a token lives for 300 s, and the baseline ends after 10 s"
    assert "not_yet_valid: there is no way to have tokens signed" in declared["early_tokens_refused"]
    short = planned(file, SYSTEM.replace("access_ttl_s = 300", "access_ttl_s = 1\nleeway_s = 1"))
    assert "expired_tokens_refused" not in {each.name for each in short.not_observed}


def test_tokens_of_another_audience_are_tried_where_a_client_has_some(file: Path) -> None:
    def kinds(text: str) -> tuple[str, ...]:
        canaries = planned(file, text).experiment.plan.load.canaries
        assert canaries is not None
        return canaries.kinds

    assert "wrong_audience" not in kinds(SYSTEM)
    other = '[[client]]\nid = "other"\nsecret = { env = "BATCH_SECRET" }\npurpose = "other_audience"\n'
    assert "wrong_audience" in kinds(SYSTEM + other)


@pytest.mark.parametrize(("said", "apart_s"), [("", 2), ("clocks_apart_s = 30", 32)])
def test_a_token_is_bad_by_clocks_that_are_as_far_apart_as_may_be(file: Path, said: str, apart_s: float) -> None:
    canaries = planned(file, SYSTEM.replace('name = "shop"', f'name = "shop"\n{said}')).experiment.plan.load.canaries
    at_ours = prepare(Request("jwks_outage", topology="edge", seed=1)).experiment.plan.load.canaries
    assert canaries is not None
    assert at_ours is not None
    assert at_ours.expired_after_s is not None
    assert canaries.expired_after_s == at_ours.expired_after_s + apart_s
    assert canaries.clock_margin_s == at_ours.clock_margin_s + apart_s


def test_settings_are_as_the_file_says(file: Path) -> None:
    settings = planned(file).settings
    assert (settings.gateway.jwks_cache_s, settings.tokens.access_ttl_s, settings.topology) == (60, 300, "edge")
    with pytest.raises(UsageError, match=r"gateway.jwks_cache_s=4: in --target .*shop.toml it is 60"):
        planned(file, **{"gateway.jwks_cache_s": 4})


def test_a_run_says_how_it_is_repeated(file: Path) -> None:
    assert f"--target {file}" in repeat_command(planned(file))


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("max_rate = 100", "blast_radius.max_rate is 100: --rate"),
        ("max_seconds = 5", "a fault phase of 12 s, and blast_radius.max_seconds is 5"),
        ("replicas = 0.4", "hits more than 0 of 2 replicas, which blast_radius.replicas = 0.4 allows"),
    ],
)
def test_a_run_beyond_the_blast_radius_is_refused(file: Path, limit: str, said: str) -> None:
    with pytest.raises(Unsuited, match=said):
        planned(file, f"{SYSTEM}[blast_radius]\n{limit}\n")


LOGINS = """
[[client]]
id = "web"
redirect_uri = "http://127.0.0.1/callback"
refreshes = true
scope = "openid"
[[user]]
name = "alice"
password = { env = "ALICE_PASSWORD" }
"""
HOOK = """
[hooks.stop]
command = ["./stop"]
timeout_s = 5
undo = { command = ["./start"], timeout_s = 7 }
"""


@pytest.mark.parametrize(("more", "held_s", "acts_s"), [("", 20, 30), (HOOK, 20, 72)])
def test_a_runner_that_stands_still_prolongs_no_fault_for_long(
    file: Path, more: str, held_s: float, acts_s: float
) -> None:
    file.write_text(f"{SYSTEM}[blast_radius]\nmax_seconds = 20\n{more}")
    assert lease_at(SystemTarget(file, "run")) == Lease(held_s=held_s, acts_s=acts_s)
    assert lease_at(LocalTarget(CommonSettings(), "run")) == Lease()


def links_of(prepared: Prepared) -> tuple[str, ...]:
    (fault,) = prepared.experiment.faults[PhaseName.FAULT]
    assert isinstance(fault, LinkFault)
    return fault.links


def test_a_fault_hits_no_more_replicas_than_are_allowed(file: Path) -> None:
    assert links_of(planned(file)) == ("gateway-to-idp",)
    assert links_of(planned(file, f"{SYSTEM}[blast_radius]\nreplicas = 0.5\n")) == ("keys-1",)


def test_one_proxy_for_all_replicas_is_more_than_a_share_of_them(file: Path) -> None:
    shared = SYSTEM.replace('["keys-1", "keys-2"]', '["keys"]')
    with pytest.raises(Unsuited, match="hits more than 1 of 2 replicas"):
        planned(file, f"{shared}[blast_radius]\nreplicas = 0.5\n")
    declared = {each.name: each.why for each in planned(file, shared).not_observed}
    assert declared["each replica's key fetches"] == "gateway-1, gateway-2 share the link keys"


def test_what_can_not_be_with_tokens_that_live_so_short_is_named_and_the_others_are_found(file: Path) -> None:
    file.write_text(SYSTEM.replace("access_ttl_s = 300", "access_ttl_s = 3"))
    found = scenarios_at(str(file))
    assert "jwks_outage" in found.can_run
    assert "they must live longer than that" in found.lacks["revocation_lag"]


def test_scenarios_that_lack_something_are_named_with_it(file: Path) -> None:
    file.write_text(SYSTEM)
    found = scenarios_at(str(file))
    assert {"jwks_outage", "junk_kid_flood"} <= set(found.can_run)
    assert "publishing, signing with and retiring a key are separate acts" in found.lacks["key_rotation"]
    assert "a client with authorization_code, and a user" in found.lacks["token_replay"]
    assert "idp can't tell of issued" in found.lacks["refresh_race"]
    assert "--set policy.session_max_s=..." in found.lacks["excessive_ttl"]
    assert "needs validators that ask the IdP about tokens" in found.lacks["introspection_brownout"]
    assert "it asks nobody about a token that its keys vouch for" in found.lacks["revocation_lag"]
    assert "needs a proxy on the link client-to-idp" in found.lacks["idp_outage"]
    file.write_text(SYSTEM.partition("[toxiproxy]")[0] + "[settings]\naccess_ttl_s = 300\n")
    assert "needs a proxy on the link gateway-to-idp" in scenarios_at(str(file)).lacks["jwks_outage"]


def test_users_who_log_in_make_other_scenarios_possible(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICE_PASSWORD", "correct horse")
    file.write_text(SYSTEM.replace("[toxiproxy]", '[toxiproxy]\nclient_to_idp = "login"') + LOGINS)
    found = scenarios_at(str(file))
    assert set(found.can_run) >= {"idp_outage", "idp_brownout", "redirect_tampering", "token_replay"}
    prepared = planned(file, file.read_text(), "token_replay")
    assert "login" in {stream.flow for stream in prepared.experiment.plan.load.streams}
    declared = [each.why for each in prepared.not_observed if each.name == "a part of the flow parallel_replay"]
    assert declared == ["there is not a client with a key for assertions"]
    decided = {"access_token_max_s": 300, "session_max_s": 10, "theft_access_max_s": 10, "theft_session_max_s": 20}
    policy = {f"policy.{name}": seconds for name, seconds in decided.items()}
    objectives = planned(file, file.read_text(), "excessive_ttl", **policy).experiment.plan.objectives
    assert next(each.bound.limit for each in objectives if each.name == "lifetimes_within_policy") == 300


@pytest.mark.parametrize(("tokens", "topology"), [("jwt", "edge"), ("opaque", "introspection")])
def test_a_system_that_asks_about_tokens_is_tried_by_what_its_links_can_do(
    file: Path, tokens: str, topology: str
) -> None:
    text = SYSTEM.replace("[gateway]", '[gateway]\ndecides_by = "introspection"').replace(
        "[[client]]", f'tokens = "{tokens}"\n[[client]]'
    )
    text += "introspection_cache_s = 2\n"
    prepared = planned(file, text, "introspection_brownout")
    assert prepared.settings.topology == topology
    assert [each.title for faults in prepared.experiment.faults.values() for each in faults] == [
        "reset on gateway-to-idp"
    ]
    canaries = prepared.experiment.plan.load.canaries
    assert canaries is not None
    declared = {each.name: each.why for each in prepared.not_observed}
    assert "unknown_opaque" in canaries.kinds
    assert ("alg_none" in canaries.kinds) is (tokens == "jwt")
    assert ("no JWT to make bad ones of" in declared.get("unsigned_tokens_refused", "")) is (tokens == "opaque")
    assert declared["key_fetches_bounded"].startswith("gateway-1, gateway-2 do not tell of key fetches")
    slis = {each.name: each.sli for each in prepared.experiment.plan.objectives}
    assert slis["api_recovery"] == "recovery_time{flow=api}"
    for mode, said in (("partial", "no link does that"), ("unreadable", "no link does that")):
        with pytest.raises(UsageError, match=said):
            planned(file, text, "introspection_brownout", **{"brownout.mode": mode})
    found = scenarios_at(str(file))
    assert "revocation_lag" in found.can_run
    assert "needs validators that keep the IdP's keys" in found.lacks["jwks_outage"]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"gateway": "envoy"}, "has gateways of its own"),
        ({"topology": "library"}, "is tried in the topology edge alone"),
        ({"defects": ("no_aud_check",)}, "can't be told to be wrong"),
    ],
)
def test_what_makes_no_sense_with_a_file_is_said(file: Path, option: Mapping[str, str], said: str) -> None:
    file.write_text(SYSTEM)
    with pytest.raises(UsageError, match=said):
        prepare(Request("jwks_outage", target=str(file), **option))  # type: ignore[arg-type]


def test_the_template_is_a_sound_file(file: Path) -> None:
    names = ("name", "issuer", "told", "client", "secret", "scope", "path", "audience", "life", "toxiproxy", "logins")
    words = dict.fromkeys(names, "") | {
        "hosts": "[]", "gateways": '["http://127.0.0.1:9001"]', "name": "mine", "issuer": "http://127.0.0.1:8080",
        "client": "batch", "secret": '{ env = "BATCH_SECRET" }', "path": "/orders/1", "audience": "orders",
        "life": "300", "ca": "",
    }  # fmt: skip
    file.write_text(filled_in("target.toml.tmpl", words))
    assert read(file).settings == {"access_ttl_s": 300}
    assert describes_system(str(file))
