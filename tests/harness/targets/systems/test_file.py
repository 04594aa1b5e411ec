"""A system of one's own by a file: what is wrong with one is said in a line, and what it means for a run."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from idchaos.contract import Fact
from idchaos.errors import FaultError, TargetError, Unsuited, UsageError
from idchaos.faults.network import LinkFault
from idchaos.graph import Role
from idchaos.load.engine.job import Roles
from idchaos.run.launch import Request, prepare
from idchaos.targets.capabilities import (
    ControlsProcesses,
    LimitsBlast,
    OutlivesRun,
    ProbesUpstream,
    ReportsState,
    RotatesKeys,
)
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.restoring import KeyPublished, KeySigns, ProcessRuns, SecretAsBefore
from idchaos.targets.systems.acts import Secret
from idchaos.targets.systems.checks import examined, ways
from idchaos.targets.systems.discovery import Metadata
from idchaos.targets.systems.file import read, state
from idchaos.targets.systems.logins import LogsIn
from idchaos.targets.systems.target import SystemTarget, reached
from idchaos.undo.ledger import STATE_VARIABLE, Command, HttpCall

SYSTEM = """
[system]
name = "shop"

[idp]
issuer = "http://127.0.0.1:8080/realms/shop"

[[client]]
id = "batch"
secret = { env = "BATCH_SECRET" }

[gateway]
url = ["http://127.0.0.1:9001", "http://127.0.0.1:9002"]

[[route]]
path = "/orders/1"
audience = "orders"

[settings]
access_ttl_s = 300
"""
LOGINS = """
[[client]]
id = "web"
secret = { env = "BATCH_SECRET" }
redirect_uri = "https://shop.example/callback"
refreshes = true
scope = "openid orders:read"

[[client]]
id = "app"
redirect_uri = "http://127.0.0.1/callback"
scope = "openid"

[[client]]
id = "signer"
key = "signer.jwk"

[[user]]
name = "alice"
password = { env = "ALICE_PASSWORD" }
"""
EC = {"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB", "d": "AQAB"}
TOXIPROXY = """
[toxiproxy]
api = "http://127.0.0.1:8474"
gateway_to_idp = ["keys-1", "keys-2"]
"""
HOOKS = """
[hooks.publish_key]
command = ["./rotate.sh", "publish", "{kid}", "{alg}"]
[hooks.sign_with]
command = ["./rotate.sh", "sign", "{kid}"]
undo = { command = ["./rotate.sh", "sign", "{kid}"], timeout_s = 5 }
[hooks.retire_key]
command = ["./rotate.sh", "retire", "{kid}"]
undo = { url = "http://127.0.0.1:7000/keys/{kid}", method = "PUT" }
"""
STOP = """
[hooks.stop]
command = ["./gateway.sh", "stop", "{replica}"]
undo = { command = ["./gateway.sh", "start", "{replica}"] }
"""
REVOKE = """
[hooks.revoke]
url = "http://127.0.0.1:7000/revoked/{jti}"
method = "PUT"
secret = { env = "BATCH_SECRET" }
"""


def nobody(_: Endpoints) -> LogsIn:
    raise AssertionError("nobody logs in there")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BATCH_SECRET", "shibboleth")
    monkeypatch.setenv("ALICE_PASSWORD", "correct horse")
    (tmp_path / "signer.jwk").write_text(json.dumps(EC))
    return tmp_path / "shop.toml"


def written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def refused(file: Path, text: str) -> str:
    with pytest.raises(UsageError) as found:
        read(written(file, text))
    assert "\n" not in str(found.value)
    return str(found.value).removeprefix(f"--target {file}: ")


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b"\xff\xfe\x00", "it is no text (UTF-8)"),
        (b"s" * 70_000, "it is too long"),
    ],
)
def test_a_file_that_holds_no_secret_is_named_and_not_told(tmp_path: Path, held: bytes, said: str) -> None:
    (tmp_path / "secret").write_bytes(held)
    with pytest.raises(UsageError) as found:
        Secret(file="secret").read(tmp_path)
    assert str(found.value) == f"{tmp_path / 'secret'}, which should hold a secret: {said}"


def test_a_secret_s_line_end_is_none_of_it(tmp_path: Path) -> None:
    for held in (b"shibboleth\n", b"shibboleth\r\n", b"\xef\xbb\xbfshibboleth", b"shibboleth"):
        (tmp_path / "secret").write_bytes(held)
        assert Secret(file="secret").read(tmp_path) == "shibboleth"


def test_hosts_are_allowed_however_they_are_spelled(file: Path) -> None:
    elsewhere = SYSTEM.replace("127.0.0.1:8080", "Login.Example.com").replace(
        'name = "shop"', 'name = "shop"\nallow_hosts = ["LOGIN.example.COM", "[::1]"]'
    )
    assert read(written(file, elsewhere)).system.allow_hosts == ("login.example.com", "::1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[system\n", "no TOML"),
        (SYSTEM.replace('name = "shop"', 'name = "shop"\ncolour = "red"'), "system.colour: unknown key"),
        (SYSTEM.replace("[idp]", "[ipd]"), "ipd: unknown key; did you mean idp?"),
        (SYSTEM + "[hooks.publishkey]\n", "hooks.publishkey: unknown key; did you mean publish_key?"),
        (SYSTEM.replace("env =", "envv ="), "client.0.secret.envv: unknown key; did you mean env?"),
        (SYSTEM.replace('"shop"', '"Shop 1"'), "system.name: should be small letters, digits and hyphens"),
        (SYSTEM.replace('"shop"', '"envoy"'), "system.name: 'envoy' is the name of something of ours"),
        (SYSTEM.replace('"shop"', '"local"'), "system.name: 'local' is the name of something of ours"),
        (
            SYSTEM.replace('"/orders/1"', '"/orders#1"'),
            "route.0.path: should be a path: one slash, and printable ASCII",
        ),
        (SYSTEM.replace('"/orders/1"', '"//orders/1"'), "route.0.path: should be a path: one slash, and printable"),
        (SYSTEM.replace("127.0.0.1:9002", "127.0.0.1:9001"), "gateway.url: http://127.0.0.1:9001 is there twice"),
        (
            SYSTEM.replace("127.0.0.1:9002", "127.0.0.1:0"),
            "'http://127.0.0.1:0': nobody listens at port 0",
        ),
        (
            SYSTEM.replace('name = "shop"', 'name = "shop"\nallow_hosts = ["http://x"]'),
            "'http://x' should be the name",
        ),
        (
            SYSTEM.replace('name = "shop"', 'name = "shop"\nallow_hosts = "x"'),
            "allow_hosts: should be a list",
        ),
        (SYSTEM.replace('{ env = "BATCH_SECRET" }', '"shibboleth"'), "a secret never stands in the file"),
        (SYSTEM.replace('{ env = "BATCH_SECRET" }', "{}"), 'should be { env = "NAME" } or { file = "path" }'),
        (SYSTEM.replace("127.0.0.1:8080", "login.example.com"), "idp.issuer: login.example.com: load is only sent to"),
        (SYSTEM.replace("127.0.0.1:9002", "api.example.com"), "gateway.url: api.example.com: load is only sent to"),
        (SYSTEM + TOXIPROXY.replace("127.0.0.1", "chaos.example.com"), "toxiproxy.api: chaos.example.com"),
        (SYSTEM + TOXIPROXY.replace(":8474", ""), "should be http://HOST:PORT"),
        (SYSTEM + HOOKS.replace("127.0.0.1:7000", "keys.example.com"), "hooks.retire_key: keys.example.com"),
        (SYSTEM + TOXIPROXY.replace('"keys-2"', '"keys-2", "keys-3"'), "3 given; should be one for each of the 2"),
        (SYSTEM.replace("access_ttl_s = 300", ""), "settings: access_ttl_s is missing"),
        (SYSTEM + "leeway = 3\n", "settings: 'leeway' is unknown; there are jwks_cache_s"),
        (SYSTEM + '[hooks.sign_with]\ncommand = ["./sign"]\n', "hooks.sign_with.undo: "),
        (SYSTEM + "[hooks.publish_key]\ntimeout_s = 3\n", "hooks.publish_key: should have either command or url"),
        (SYSTEM + STOP.replace('undo = { command = ["./gateway.sh", "start", "{replica}"] }', ""), "hooks.stop.undo: "),
        (SYSTEM + STOP + "timeout_s = 41\n", "hooks.stop.timeout_s: should be less than or equal to 40"),
        (SYSTEM + '[hooks.revoke]\ncommand = ["./revoke", "{token}"]\n', "hooks: revoke: should have url"),
        (SYSTEM + REVOKE.replace("{jti}", "{token}"), "{token} should be in the body: URLs are logged"),
        (
            SYSTEM + REVOKE.replace("127.0.0.1", "revoked.example.com"),
            "hooks.revoke: revoked.example.com: load is",
        ),
        (
            SYSTEM + HOOKS.replace("http://", "http://user:shibboleth@"),
            "hooks.retire_key: should name no user and password: a secret never stands in the file",
        ),
        (SYSTEM.replace("127.0.0.1:9002", "user:pw@127.0.0.1:9002"), "gateway.url: should name no user and password"),
        (SYSTEM + HOOKS.replace("127.0.0.1:7000", "127.0.0.1{kid}"), "undo: url: places should be in its path"),
        (SYSTEM.replace("127.0.0.1:8080/", "127.0.0.1:port/"), "not a URL"),
        (SYSTEM + "leeway_s = -3\n", "settings: leeway_s: should be greater than or equal to 0"),
        (SYSTEM + 'leeway_s = "3"\n', "settings.leeway_s: should be a valid number"),
        (SYSTEM + "leeway_s = nan\n", "settings.leeway_s: should be a finite number"),
        (SYSTEM + "[blast_radius]\nreplicas = 2\n", "blast_radius.replicas"),
        (SYSTEM + '[minting]\nkey = "none.jwk"\n', "minting.key: there is no file"),
        (
            SYSTEM.replace('[system]\nname = "shop"', '[system]\nname = "shop"\nca = "none.pem"'),
            "system.ca: there is no",
        ),
        (SYSTEM.replace("[gateway]", '[gateway]\ndialect = "klingon"'), "gateway.dialect: 'klingon' is unknown"),
        (SYSTEM.replace("[gateway]", 'purpose = "other_audience"\n[gateway]'), "one of purpose everyday is needed"),
        (SYSTEM.replace("[gateway]", "refreshes = true\n[gateway]"), "refreshes is of clients that users log in at"),
        (SYSTEM.replace('secret = { env = "BATCH_SECRET" }', ""), "batch: should have a secret, or redirect_uri"),
        (SYSTEM.replace("[gateway]", 'key = "a.jwk"\n[gateway]'), "batch: should have secret or key, not both"),
        (SYSTEM + LOGINS.replace('"openid orders:read"', '"orders:read"'), "web: scope should have openid"),
        (SYSTEM + LOGINS.partition("[[user]]")[0], "users log in at the client web, so there should be a [[user]]"),
        (SYSTEM + "[[user]]" + LOGINS.partition("[[user]]")[2], "user: nobody can log in: a [[client]] should have"),
        (SYSTEM + LOGINS.replace('{ env = "ALICE_PASSWORD" }', '"correct horse"'), "a secret never stands in the file"),
        (SYSTEM + LOGINS.replace('"app"', '"web"'), "client: web is there twice"),
        (SYSTEM + LOGINS + '[[user]]\nname = "alice"\npassword = { env = "A" }\n', "user: alice is there twice"),
        (SYSTEM + LOGINS.replace("signer.jwk", "none.jwk"), "client.key (signer): there is no file"),
        (SYSTEM.replace("[[client]]", "doubles = 9\n[[client]]"), "idp.doubles: of whom?"),
        (SYSTEM.replace("[[client]]", 'tokens = "opaque"\n[[client]]'), "nobody checks opaque ones by keys"),
        (SYSTEM.replace("[gateway]", '[gateway]\ndecides_by = "introspection"'), "introspection_cache_s is missing"),
        (SYSTEM + TOXIPROXY + 'client_to_idp = "keys-1"\n', "toxiproxy: the proxy keys-1 is named twice"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file: Path, text: str, said: str) -> None:
    assert said in refused(file, text)


def test_a_file_that_is_not_there_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory; idchaos init target writes one"):
        read(tmp_path / "none.toml")


def test_a_secret_that_is_not_there_is_told_by_its_place(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = SystemTarget(written(file, SYSTEM), "run")
    monkeypatch.delenv("BATCH_SECRET")
    with pytest.raises(UsageError, match="the environment has no BATCH_SECRET"):
        _ = target.endpoints


def test_its_secrets_are_read_from_where_they_are(file: Path) -> None:
    (file.parent / "secret").write_text("open sesame\n")
    for told, secret in (('{ env = "BATCH_SECRET" }', "shibboleth"), ('{ file = "secret" }', "open sesame")):
        target = SystemTarget(written(file, SYSTEM.replace('{ env = "BATCH_SECRET" }', told)), "run")
        assert target.endpoints.clients[0].client_secret == secret


def test_users_log_in_at_clients_that_have_a_redirect_uri(file: Path) -> None:
    endpoints = SystemTarget(written(file, SYSTEM + LOGINS), "run").endpoints
    roles = Roles.of(endpoints.clients)
    assert [each.client_id for each in roles.sessions] == ["web", "app"]
    assert [each.client_id for each in roles.refreshing] == ["web"]
    assert [each.client_id for each in roles.native] == ["app"]
    assert (roles.machine or endpoints.clients[-1]).client_id == "batch"
    assert (roles.asserting or endpoints.clients[-1]).client_id == "signer"
    assert [(each.username, each.password) for each in endpoints.users] == [("alice", "correct horse")]
    assert (endpoints.doubles, endpoints.follows_settings) == (0, False)


def test_gateways_that_ask_about_tokens_keep_no_keys_and_hear_of_revocations(file: Path) -> None:
    text = SYSTEM.replace("[gateway]", '[gateway]\ndecides_by = "introspection"').replace(
        "[[client]]", 'tokens = "opaque"\n[[client]]'
    )
    text += "introspection_cache_s = 2\n"
    asking = '[[client]]\nid = "edge"\nsecret = { env = "BATCH_SECRET" }\npurpose = "introspection"\n'
    target = SystemTarget(written(file, text + asking), "run")
    assert target.graph.keepers_of_keys == ()
    assert target.graph.formats == ("opaque",)
    assert [target.graph.named(name).introspects for name in target.graph.gateways] == [("opaque",)] * 2
    assert "revoked" not in target.unpromised()
    endpoints = target.endpoints
    assert [(each.client_id, each.token_format) for each in endpoints.clients] == [("batch", "opaque")]
    assert endpoints.introspection_client is not None
    assert endpoints.introspection_client.client_id == "edge"


def test_of_an_idp_that_ends_all_sessions_of_a_user_there_are_more_of_each(file: Path) -> None:
    text = SYSTEM.replace("[[client]]", "doubles = 9\n[[client]]") + "code_ttl_s = 60\nrefresh_grace_s = 10\n" + LOGINS
    target = SystemTarget(written(file, text), "run")
    assert (target.endpoints.doubles, target.endpoints.follows_settings) == (9, True)
    assert target.file.settings == {"access_ttl_s": 300, "code_ttl_s": 60, "refresh_grace_s": 10}


def test_a_key_for_assertions_must_be_of_the_one_kind_that_is_used(file: Path) -> None:
    (file.parent / "signer.jwk").write_text(json.dumps(EC | {"crv": "P-384"}))
    with pytest.raises(UsageError, match=r"client.key \(signer\): .* should be a private JWK of kty EC and crv P-256"):
        _ = SystemTarget(written(file, SYSTEM + LOGINS), "run").endpoints


@pytest.mark.parametrize(
    ("base", "proxy", "around"),
    [
        ("http://127.0.0.1:18080", "login", []),
        ("http://127.0.0.1:8080", "login", ["authorize", "token"]),
        ("http://127.0.0.1:8080", "", []),
    ],
)
def test_a_proxy_of_clients_is_one_only_where_the_metadata_lead_through_it(
    file: Path, base: str, proxy: str, around: list[str]
) -> None:
    text = SYSTEM.replace("[[client]]", f'url = "{base}"\n[[client]]', 1) + TOXIPROXY + f'client_to_idp = "{proxy}"\n'
    urls = {name: f"http://127.0.0.1:18080/{name}" for name in ("authorize", "token")}
    urls["jwks"] = "http://127.0.0.1:8080/keys"  # which the gateways ask
    found = list(ways(read(written(file, text)), Metadata(issuer=base, urls=urls)))
    assert [each.what.partition("'s ")[2].split()[0] for each in found] == around
    assert all(each.misleading for each in found)


def test_the_graph_has_what_the_file_names_and_nothing_else(file: Path) -> None:
    graph = SystemTarget(written(file, SYSTEM + TOXIPROXY), "run").graph
    assert graph.having(Role.GATEWAY) == ("gateway-1", "gateway-2")
    assert graph.groups == {"gateway-to-idp": ("keys-1", "keys-2")}
    assert graph.replicas == {"gateway": ("gateway-1", "gateway-2")}
    assert not SystemTarget(written(file, SYSTEM), "run").graph.links


@pytest.mark.parametrize(
    ("more", "able", "unable"),
    [
        ("", (OutlivesRun, LimitsBlast), (ReportsState, ProbesUpstream, RotatesKeys, ControlsProcesses)),
        (TOXIPROXY, (OutlivesRun, ReportsState, ProbesUpstream), (RotatesKeys, ControlsProcesses)),
        (TOXIPROXY + HOOKS, (ReportsState, RotatesKeys), (ControlsProcesses,)),
        (TOXIPROXY + STOP, (ControlsProcesses, ReportsState), (RotatesKeys,)),
        (HOOKS.partition("[hooks.sign_with]")[0], (OutlivesRun,), (RotatesKeys,)),
    ],
    ids=["nothing", "toxiproxy", "and hooks", "one that stops", "one hook of three"],
)
def test_it_can_do_what_the_file_says_how(
    file: Path, more: str, able: tuple[type, ...], unable: tuple[type, ...]
) -> None:
    target = SystemTarget(written(file, SYSTEM + more), "run")
    assert [kind.__name__ for kind in able if target.capability(kind) is None] == []
    assert [kind.__name__ for kind in unable if target.capability(kind) is not None] == []


def test_nobody_looks_where_toxiproxy_can_not_reach_this_machine(file: Path) -> None:
    far = SYSTEM.replace('name = "shop"', 'name = "shop"\nallow_hosts = ["chaos.test"]')
    far += TOXIPROXY.replace("127.0.0.1", "chaos.test")
    assert SystemTarget(written(file, far), "run").capability(ReportsState) is None
    assert SystemTarget(written(file, far + 'observe_from = "10.0.0.9"\n'), "run").capability(ReportsState) is not None


def test_the_undo_of_a_hook_is_what_the_ledger_gets(file: Path) -> None:
    target = SystemTarget(written(file, SYSTEM + HOOKS), "run")
    undo = target.undo_to(KeySigns(kid="old"))
    program = str(file.parent / "rotate.sh")
    assert undo == Command(argv=(program, "sign", "old"), timeout_s=5)
    with pytest.raises(FaultError, match="says no way to undo that"):
        target.undo_to(SecretAsBefore(client_id="batch"))


def test_its_hooks_trust_whom_it_names(file: Path) -> None:
    (file.parent / "ca.pem").write_text("certificates")
    named = SYSTEM.replace('name = "shop"', 'name = "shop"\nca = "ca.pem"')
    undo = SystemTarget(written(file, named + HOOKS), "run").undo_to(KeyPublished(kid="old"))
    assert isinstance(undo, HttpCall)
    assert undo.ca_file == str(file.parent / "ca.pem")


def test_what_revokes_a_token_is_told_to_whoever_does(file: Path) -> None:
    assert SystemTarget(written(file, SYSTEM), "run").endpoints.revocation is None
    told = SystemTarget(written(file, SYSTEM + REVOKE), "run").endpoints.revocation
    assert told is not None
    assert (told.method, told.url, told.secret) == ("PUT", "http://127.0.0.1:7000/revoked/{jti}", "shibboleth")
    assert "shibboleth" not in repr(told)


def test_a_replica_that_was_ended_is_started_by_whoever_reads_the_ledger(file: Path) -> None:
    target = SystemTarget(written(file, SYSTEM + STOP), "run")
    program = str(file.parent / "gateway.sh")
    undo = target.undo_to(ProcessRuns(component="gateway-2", after="kill"))
    assert undo == Command(argv=(program, "start", "gateway-2"), timeout_s=30)


def test_a_token_that_only_expires_is_not_promised_to_be_refused_when_it_is_revoked(file: Path) -> None:
    assert "revoked" in SystemTarget(written(file, SYSTEM), "run").unpromised()
    asking = SYSTEM.replace("[gateway]", '[gateway]\nrevocation = "introspection"')
    assert "revoked" not in SystemTarget(written(file, asking), "run").unpromised()


def test_a_signing_key_must_be_a_private_one(file: Path) -> None:
    key = file.parent / "signing.jwk"
    text = SYSTEM + '[minting]\nkey = "signing.jwk"\n'
    jwk = {"kty": "RSA", "kid": "one", "alg": "RS256", "n": "AQAB", "e": "AQAB"}
    key.write_text(json.dumps(jwk))
    with pytest.raises(UsageError, match="should be a private JWK with kid and alg"):
        _ = SystemTarget(written(file, text), "run").endpoints
    key.write_text(json.dumps(jwk | {"d": "AQAB"}))
    assert (SystemTarget(written(file, text), "run").endpoints.signing_jwk or {})["kid"] == "one"


@pytest.mark.parametrize(
    ("listen", "api", "at"),
    [
        ("127.0.0.1:19001", "127.0.0.1:8474", "127.0.0.1:19001"),
        ("[::]:19001", "127.0.0.1:8474", "127.0.0.1:19001"),
        ("0.0.0.0:19001", "chaos.test:8474", "chaos.test:19001"),
        ("127.0.0.1:19001", "chaos.test:8474", "chaos.test:19001"),
    ],
)
def test_a_proxy_is_reached_as_its_api_is(listen: str, api: str, at: str) -> None:
    assert reached(listen, api) == at


@pytest.mark.parametrize("more", [TOXIPROXY, ""], ids=["with a Toxiproxy", "without one"])
def test_two_are_not_at_it_at_once(file: Path, more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    first, second = (SystemTarget(written(file, SYSTEM + more), run_id) for run_id in ("one", "two"))
    first.claim()
    with pytest.raises(TargetError, match="another run or doctor is at this system"):
        second.undos_of_start()
    assert second.stop() == []  # who was refused takes nothing from who is there
    with pytest.raises(TargetError, match="another run or doctor is at this system"):
        next(examined(second, tmp_path, lambda _: None, nobody))
    first.stop()
    second.claim()
    second.stop()


def test_what_tells_a_system_from_what_it_was_is_in_its_file_and_in_those_that_it_names(tmp_path: Path) -> None:
    file, ca, script = tmp_path / "shop.toml", tmp_path / "ca.pem", tmp_path / "rotate.sh"
    ca.write_text("one")
    script.write_text("one")
    text = SYSTEM.replace('name = "shop"', 'name = "shop"\nca = "ca.pem"') + TOXIPROXY
    file.write_text(text + HOOKS.replace("./rotate.sh", str(script)))
    seen = {state(file), state(file)}
    assert len(seen) == 1
    for changed in (ca, script):
        changed.write_text("another")
        seen.add(state(file))
    file.write_text(file.read_text() + "# release 42\n")
    assert len(seen | {state(file)}) == 4


@pytest.mark.parametrize(
    ("issuer", "said", "tls"),
    [("https", "", True), ("http", "", False), ("https", "tls = false", False), ("http", "tls = true", True)],
)
def test_what_passes_is_tls_where_the_idp_is_reached_by_https_or_the_file_says_so(
    issuer: str, said: str, file: Path, *, tls: bool
) -> None:
    file.write_text(SYSTEM.replace('issuer = "http:', f'issuer = "{issuer}:') + TOXIPROXY + said)
    target = SystemTarget(file, "run")
    reports = target.capability(ReportsState)
    assert reports is not None
    assert (reports.tells("gateway-1") == {Fact.INCARNATION}) == target.file.passes_tls == tls
    assert LinkFault(links=("gateway-to-idp",), mode="refused").unprovable(target) == ""


def test_rotations_are_refused_by_name_where_nobody_sees_which_keys_a_gateway_is_given(file: Path) -> None:
    for toxiproxy in (TOXIPROXY, f"{TOXIPROXY}tls = true\n"):
        file.write_text(SYSTEM + toxiproxy + HOOKS)
        refused = toxiproxy != TOXIPROXY
        with (
            pytest.raises(Unsuited, match="gateway-1, gateway-2 can't tell of keys held") if refused else nullcontext()
        ):
            prepare(Request("key_rotation", target=str(file)))
