"""oidc-provider where it is installed, or is not, and runs with it: what is said of them before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idchaos.commands import cli
from idchaos.errors import Unsuited, UsageError
from idchaos.run.launch import Request, make_target, manifest, prepare, repeat_command
from idchaos.settings import CommonSettings, IdpSettings, TokenSettings
from idchaos.targets.base import ProcessState
from idchaos.targets.capabilities import InjectsErrors, LimitsPromises, ReportsState, RotatesKeys, RotatesSecrets
from idchaos.targets.idps import catalogue
from idchaos.targets.idps.oidc_provider import OidcProvider, package
from idchaos.targets.standin.addresses import was_taken
from idchaos.targets.standin.local import LocalTarget

SETTINGS = CommonSettings(topology="edge")

# --- what is here, and what it takes ---


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as npm installs it, as far as anybody looks."""
    (tmp_path / "node_modules" / "oidc-provider").mkdir(parents=True)
    installed(tmp_path, "9.13.3")
    monkeypatch.setattr(package, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(package, "said_of", lambda *_: "v22.12.0")
    monkeypatch.setenv("IDCHAOS_OIDC_PROVIDER_HOME", str(tmp_path))
    return tmp_path


def installed(home: Path, version: str) -> None:
    (home / "node_modules" / "oidc-provider" / "package.json").write_text(json.dumps({"version": version}))


def test_a_package_that_fits_lacks_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (OidcProvider().missing(), OidcProvider().version()) == ("", "9.13.3")
    with pytest.raises(SystemExit) as ended:
        cli.main(["list", "--idps", "--json"])
    assert ended.value.code == 0
    told = next(each for each in json.loads(capsys.readouterr().out) if each["name"] == "oidc-provider")
    assert (told["installed"], told["version"]) == (True, "9.13.3")
    assert told["install"] == f"npm install --prefix {home} oidc-provider@9.13.3"


def test_what_is_missing_is_said_in_one_line_with_what_installs_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(home, "8.8.1")
    assert package.missing() == f"{home} has oidc-provider 8.8.1; 9.x is needed"
    (home / "node_modules" / "oidc-provider" / "package.json").write_text("not JSON")
    assert package.missing() == f"oidc-provider is not installed in {home}"
    monkeypatch.delenv("IDCHAOS_OIDC_PROVIDER_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nobody"))
    with pytest.raises(
        UsageError, match=r"--idp oidc-provider: oidc-provider is not installed in .*, and IDCHAOS_OIDC_.*: npm install"
    ) as no:
        catalogue.adapter_named("oidc-provider")
    assert "\n" not in str(no.value)


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        ("v18.20.4", False), ("v20.18.1", False), ("v20.19.0", True), ("v21.7.3", False), ("v22.11.0", False),
        ("v22.12.0", True), ("v23.0.0", True), ("v24.1.0", True), ("", True),
    ],
)  # fmt: skip
def test_an_old_node_is_refused_and_one_that_does_not_say_is_tried(
    home: Path, monkeypatch: pytest.MonkeyPatch, told: str, fits: bool
) -> None:
    monkeypatch.setattr(package, "said_of", lambda *_: told)
    assert (package.missing() == "") is fits
    if not fits:
        assert package.missing().endswith(" here; 20.19 or 22.12, or later, is needed")


def test_no_node_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "which", lambda _: None)
    assert package.missing() == "node is not installed here; 20.19 or 22.12, or later, is needed"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tokens": TokenSettings(signing_alg="ES256")}, "the keys that oidc-provider is given are RS256's alone"),
        ({"tokens": TokenSettings(profile="entra")}, "tokens.profile=entra: its tokens are oidc-provider's own"),
        ({"tokens": TokenSettings(refresh_grace_s=3)}, "has no time of grace in oidc-provider"),
        ({"tokens": TokenSettings(access_ttl_s=2.5)}, "tokens.access_ttl_s=2.5: oidc-provider counts in whole seconds"),
        ({"idp": IdpSettings(registrations_per_s=3)}, "does not limit how often clients may register"),
        ({}, ""),
    ],
)
def test_settings_that_it_can_not_follow_are_named(changed: dict[str, Any], said: str) -> None:
    found = OidcProvider().why_not(SETTINGS.model_copy(update=changed))
    assert found.endswith(said)
    assert bool(found) == bool(said)


# --- its process ---


def host(tmp_path: Path, *log: str) -> package.Host:
    (tmp_path / "idp.log").write_text("\n".join(log))
    return package.Host(
        name="idp", command=("true",), environment={}, run_id="of-no-run", log_path=tmp_path / "idp.log"
    )


def test_why_it_ended_is_one_line_and_a_taken_port_is_told_so_that_others_are_chosen(tmp_path: Path) -> None:
    words = host(tmp_path, "Error: Cannot find module 'koa'", "    at Module._resolve", "Node.js v22.12.0").last_words()
    assert words == "Error: Cannot find module 'koa'"
    taken = host(tmp_path, "address already in use: listen EADDRINUSE: address already in use 127.0.0.1:4001")
    assert was_taken(RuntimeError(taken.last_words()))


def test_one_that_does_not_run_uses_no_cpu(tmp_path: Path) -> None:
    assert host(tmp_path).state() == ProcessState(status="dead", incarnation="", cpu_s=None)


# --- in a run ---


def test_a_run_with_it_declares_what_nobody_can_see_and_promises_nothing_of_revocation(home: Path) -> None:
    prepared = prepare(Request("jwks_outage", idp="oidc-provider"))
    assert {each.name for each in prepared.not_observed} == {
        *("counts_reconcile", "revocations_age_recovery", "device_codes_checked", "exchanges_give_no_more"),
        *("clients_told_of_logouts", "consents_cover_what_they_name"),
    }
    sent = {kind for invariant in prepared.experiment.plan.invariants for kind in invariant.canaries}
    assert {"expired", "retired_key", "code_replayed", "replayed", "pkce_downgraded", "hint_passed_over"} <= sent
    assert not {"revoked", "grant_revoked"} & sent
    target, _ = make_target("local", prepared.settings, "of-no-run", idp="oidc-provider")
    assert manifest(prepared, target)["idp"] == "oidc-provider"
    assert "--idp oidc-provider" in repeat_command(prepared)


@pytest.mark.parametrize(
    ("scenario", "changed", "lacks"),
    [
        ("idp_brownout", {}, "IdP endpoints can be told to fail"),
        ("key_rotation", {"rotation.mode": "publish_late"}, "a key that is not in the key set can sign all the same"),
        ("live_key_removed", {}, "a key that is not in the key set can sign all the same"),
        ("stale_secret", {}, "a client's secret can be replaced"),
        ("clock_skew", {}, "idp can't tell of clock"),
        ("revocation_lag", {}, "the IdP offers no list of revoked tokens"),
        ("refresh_race", {}, "no time of grace"),
        ("registration_failures", {}, "does not limit"),
        ("introspection_brownout", {}, "validators that ask the IdP about tokens"),
    ],
)
def test_a_scenario_that_needs_what_it_has_not_is_refused_by_name(
    home: Path, scenario: str, changed: dict[str, Any], lacks: str
) -> None:
    with pytest.raises(Unsuited, match=lacks):
        prepare(Request(scenario, idp="oidc-provider", overrides=changed))


def test_only_what_it_can_do_is_granted(home: Path) -> None:
    target, _ = make_target("local", SETTINGS, "of-no-run", idp="oidc-provider")
    assert isinstance(target, LocalTarget)
    reports = target.capability(ReportsState)
    assert reports is not None
    assert {str(fact) for fact in reports.tells("idp")} == {"incarnation"}
    assert target.capability(RotatesKeys) is not None
    assert target.capability(InjectsErrors) is target.capability(RotatesSecrets) is None
    assert target.capability(LimitsPromises) is not None


def test_the_stand_ins_that_are_left_find_its_keys_and_keep_them_for_as_long_as_it_says(home: Path) -> None:
    target, _ = make_target("local", SETTINGS, "of-no-run", idp="oidc-provider")
    assert isinstance(target, LocalTarget)
    gateway = target._documents()["gateway-1"]
    assert gateway["revocation_feed"] is False
    assert (gateway["jwks_path"], gateway["jwks_heed_max_age"]) == ("/jwks", True)
    assert "at+jwt" in gateway["token_types"], "as RFC 9068 has it"
