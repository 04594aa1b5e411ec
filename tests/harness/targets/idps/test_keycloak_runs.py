"""Keycloak where it is installed, or is not, and runs with it: what is said of them before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idchaos.commands import cli
from idchaos.errors import Unsuited, UsageError
from idchaos.load.canaries.catalogue import kind_named
from idchaos.run.launch import Request, make_target, manifest, prepare, repeat_command
from idchaos.settings import CommonSettings, IdpSettings, TokenSettings
from idchaos.targets.capabilities import InjectsErrors, LimitsPromises, ReportsState, RotatesKeys, RotatesSecrets
from idchaos.targets.idps import catalogue
from idchaos.targets.idps.keycloak import Keycloak, distribution
from idchaos.targets.standin.local import LocalTarget

SETTINGS = CommonSettings(topology="edge")

# --- what is here, and what it takes ---


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution of Keycloak, as far as anybody looks."""
    where = tmp_path / "keycloak"
    for name in ("bin", "conf", "lib/app", "lib/quarkus", "lib/lib", "providers"):
        (where / name).mkdir(parents=True)
    (where / "bin" / "kc.sh").write_text("#!/bin/sh\n")
    (where / "lib" / "quarkus-run.jar").write_text("")
    (where / "version.txt").write_text("Keycloak - Version 26.0.0\n")
    monkeypatch.setattr(distribution, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(distribution, "said_of", lambda *_: 'openjdk version "21.0.2" 2024-01-16')
    monkeypatch.setenv("IDCHAOS_KEYCLOAK_HOME", str(where))
    return where


def test_a_distribution_that_fits_lacks_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (Keycloak().missing(), Keycloak().version()) == ("", "26.0.0")
    with pytest.raises(SystemExit) as ended:
        cli.main(["list", "--idps", "--json"])
    assert ended.value.code == 0
    told = next(each for each in json.loads(capsys.readouterr().out) if each["name"] == "keycloak")
    assert (told["name"], told["installed"], told["version"]) == ("keycloak", True, "26.0.0")


def test_what_is_missing_is_said_in_one_line_with_what_installs_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "version.txt").write_text("Keycloak - Version 24.0.1\n")
    assert distribution.missing() == f"{home} is keycloak 24.0.1; 26.x is needed"
    (home / "bin" / "kc.sh").unlink()
    assert distribution.missing() == f"{home} is no keycloak: it has no bin/kc.sh"
    monkeypatch.delenv("IDCHAOS_KEYCLOAK_HOME")
    monkeypatch.delenv("KEYCLOAK_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    with pytest.raises(
        UsageError, match=r"--idp keycloak: keycloak is not installed here, .*: mvn dependency:copy"
    ) as no:
        catalogue.adapter_named("keycloak")
    assert "\n" not in str(no.value)
    monkeypatch.setattr(distribution, "said_of", lambda *_: 'openjdk version "11.0.22" 2024-01-16')
    assert distribution.missing() == "java is 11 here; 17 or later is needed"
    monkeypatch.setattr(distribution, "which", lambda _: None)
    assert distribution.missing() == "java is not installed here; 17 or later is needed"


def test_a_run_has_a_home_of_its_own_and_the_distribution_is_not_written_to(home: Path, tmp_path: Path) -> None:
    own = distribution.own_home(tmp_path / "logs" / "idp-home")
    assert (own / "lib" / "lib").is_symlink()
    (own / "lib" / "quarkus" / "built").write_text("")
    assert list((home / "lib" / "quarkus").iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tokens": TokenSettings(signing_alg="ES256")}, "the keys that Keycloak is given are RS256's alone"),
        ({"tokens": TokenSettings(profile="entra")}, "tokens.profile=entra: its tokens are Keycloak's own"),
        ({"tokens": TokenSettings(refresh_grace_s=3)}, "a refresh token has no time of grace in Keycloak"),
        ({"tokens": TokenSettings(access_ttl_s=2.5)}, "tokens.access_ttl_s=2.5: Keycloak counts in whole seconds"),
        ({"idp": IdpSettings(registrations_per_s=3)}, "does not limit how often clients may register"),
        ({}, ""),
    ],
)
def test_settings_that_it_can_not_follow_are_named(changed: dict[str, Any], said: str) -> None:
    found = Keycloak().why_not(SETTINGS.model_copy(update=changed))
    assert found.endswith(said)
    assert bool(found) == bool(said)


# --- in a run ---


def test_a_run_with_it_declares_what_nobody_can_see_and_promises_nothing_of_revocation(home: Path) -> None:
    prepared = prepare(Request("jwks_outage", idp="keycloak"))
    assert {each.name for each in prepared.not_observed} == {
        *("counts_reconcile", "revocations_age_recovery", "device_codes_checked", "exchanges_give_no_more"),
        *("clients_told_of_logouts", "consents_cover_what_they_name"),
    }
    assert prepared.experiment.plan.load.canaries is not None
    assert "revoked" in prepared.experiment.plan.load.canaries.unpromised
    sent = {kind for invariant in prepared.experiment.plan.invariants for kind in invariant.canaries}
    assert {"expired", "retired_key", "code_replayed", "replayed", "pkce_downgraded"} <= sent
    assert not {"revoked", "grant_revoked"} & sent
    target, _ = make_target("local", prepared.settings, "of-no-run", idp="keycloak")
    assert manifest(prepared, target)["idp"] == "keycloak"
    assert "--idp keycloak" in repeat_command(prepared)


@pytest.mark.parametrize(
    ("scenario", "changed", "lacks"),
    [
        ("idp_brownout", {}, "IdP endpoints can be told to fail"),
        ("jwks_outage", {"fault.mode": "garbage"}, "IdP endpoints can be told to fail"),
        ("key_rotation", {"rotation.mode": "publish_late"}, "a key that is not in the key set can sign all the same"),
        ("live_key_removed", {}, "a key that is not in the key set can sign all the same"),
        ("stale_secret", {}, "a client's secret can be replaced"),
        ("clock_skew", {}, "idp can't tell of clock"),
        ("revocation_lag", {}, "the IdP offers no list of revoked tokens"),
        ("refresh_race", {}, "no time of grace"),
        ("registration_failures", {}, "does not limit"),
    ],
)
def test_a_scenario_that_needs_what_it_has_not_is_refused_by_name(
    home: Path, scenario: str, changed: dict[str, Any], lacks: str
) -> None:
    with pytest.raises(Unsuited, match=lacks):
        prepare(Request(scenario, idp="keycloak", overrides=changed))


def test_only_what_it_can_do_is_granted(home: Path) -> None:
    target, _ = make_target("local", SETTINGS, "of-no-run", idp="keycloak")
    assert isinstance(target, LocalTarget)
    reports = target.capability(ReportsState)
    assert reports is not None
    assert {str(fact) for fact in reports.tells("idp")} == {"incarnation"}
    assert "revocations" not in {str(fact) for fact in reports.tells("gateway-1")}
    assert target.capability(RotatesKeys) is not None
    assert target.capability(InjectsErrors) is target.capability(RotatesSecrets) is None
    assert target.capability(LimitsPromises) is not None
    for what in target.unpromised():
        kind_named(what.partition(":")[0])


def test_the_stand_ins_that_are_left_poll_no_list_and_find_their_keys(home: Path) -> None:
    target, _ = make_target("local", SETTINGS, "of-no-run", idp="keycloak")
    assert isinstance(target, LocalTarget)
    documents = target._documents()
    assert set(documents) == {"gateway-1", "gateway-2", "orders", "accounts"}
    gateway = documents["gateway-1"]
    assert (gateway["revocation_feed"], gateway["token_types"]) == (False, ["jwt"])
    assert gateway["jwks_heed_max_age"] is False, "Keycloak says no-cache"
    assert gateway["idp_url"].endswith("/realms/idchaos")
    assert gateway["jwks_path"] == "/protocol/openid-connect/certs"
    assert target.endpoints.issuer.endswith("/realms/idchaos")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Request("jwks_outage", idp="nobody"), "--idp: 'nobody' is unknown; there are standin, keycloak"),
        (Request("jwks_outage", idp="keycloak", target="docker"), "--idp keycloak: needs --target local"),
        (Request("jwks_outage", idp="keycloak", topology="library"), "--idp keycloak is tried in the topology edge"),
        (Request("jwks_outage", idp="keycloak", defects=("pkce_not_checked",)), "--defect pkce_not_checked: --idp"),
    ],
)
def test_what_does_not_go_together_is_refused(home: Path, asked: Request, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        prepare(asked)
