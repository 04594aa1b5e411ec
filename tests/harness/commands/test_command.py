"""The command as a user types it: real processes, real traffic, verdicts, exit codes, and nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.harness.commands.conftest import Idchaos

pytestmark = pytest.mark.timeout(600)
"""A run takes half a minute, and is made up to three times where a machine is busy."""


def the_run(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document = json.loads(result.stdout)
    assert document["verdict"] == document["runs"][0]["verdict"]
    return dict(document["runs"][0])


@pytest.mark.e2e
def test_a_sound_gateway_survives_an_outage_of_the_jwks(anywhere: Idchaos) -> None:
    result = anywhere("run", "jwks_outage", "--json")
    run = the_run(result)
    assert (run["verdict"], result.returncode) == ("PASS", 0), run["reasons"]
    assert all(item["samples"] > 0 and item["interval"] for item in run["objectives"])
    assert all(item["attempts"] > 0 and item["breaches"] == 0 for item in run["invariants"])
    assert [fault["effect_proved"] for fault in run["faults"]] == [True]
    assert run["cleanup"]["clean"] is True
    names = {path.name for path in Path(run["run_dir"]).iterdir()}
    assert names >= {"manifest.json", "journal.jsonl", "telemetry.jsonl", "samples.parquet", "verdict.json",
                     "report.html", "summary.md", "junit.xml", "logs"}  # fmt: skip


@pytest.mark.e2e
@pytest.mark.parametrize("topology", ["gateway", "library"])
def test_tokens_may_be_written_as_another_idp_does(idchaos: Idchaos, topology: str) -> None:
    """Scopes in ``scp`` or ``roles``, no ``jti``, no type of their own."""
    run = the_run(idchaos("run", "audience_confusion", "--topology", topology, "--json", tokens__profile="entra"))
    assert run["verdict"] == "PASS", run["reasons"]
    tried = {item["name"]: item for item in run["invariants"]}
    for name in ("scopes_enforced", "audience_enforced", "id_tokens_refused", "revoked_tokens_refused"):
        assert (tried[name]["attempts"] > 0, tried[name]["breaches"]) == (True, 0)


@pytest.mark.e2e
def test_a_gateway_that_forgets_its_keys_fails_and_the_verdict_says_why(anywhere: Idchaos) -> None:
    # Close to the default bound: five seconds, of which one is still good, leave up to 97 % open.
    result = anywhere("run", "jwks_outage", "--json", gateway__jwks_stale_s=0, slo__success=0.99)
    run = the_run(result)
    assert (run["verdict"], result.returncode) == ("FAIL", 1)
    assert any("api_success_fault" in reason for reason in run["reasons"])
    assert next(item for item in run["objectives"] if item["name"] == "api_success_fault")["verdict"] == "FAIL"


@pytest.mark.e2e
def test_a_gateway_that_goes_around_the_proxy_is_noticed_before_anything_is_concluded(anywhere: Idchaos) -> None:
    result = anywhere("run", "jwks_outage", "--json", gateway__idp_path="direct")
    run = the_run(result)
    assert (run["verdict"], result.returncode) == ("INCONCLUSIVE", 2)
    assert any("around the link gateway-1-to-idp" in reason for reason in run["reasons"])


@pytest.mark.e2e
def test_a_fault_that_no_cache_lives_to_feel_is_inconclusive(idchaos: Idchaos) -> None:
    result = idchaos("run", "jwks_outage", "--json", gateway__jwks_cache_s=300, load__canaries_per_kind=0.01)
    run = the_run(result)
    assert (run["verdict"], result.returncode) == ("INCONCLUSIVE", 2)
    assert [fault["effect_proved"] for fault in run["faults"]] == [False]


@pytest.mark.e2e
def test_an_abrupt_rotation_shows_when_the_window_of_refusals_closed(anywhere: Idchaos) -> None:
    result = anywhere("run", "key_rotation", "--json", rotation__mode="abrupt", tokens__access_ttl_s=6)
    run = the_run(result)
    assert (run["verdict"], result.returncode) == ("PASS", 0), run["reasons"]
    window = next(item for item in run["objectives"] if item["name"] == "refusal_window")
    assert window["value"] is not None
    assert window["value"] <= 3


@pytest.mark.e2e
@pytest.mark.parametrize(("offset", "verdict", "code"), [(30, "PASS", 0), (120, "FAIL", 1)])
def test_skew_within_the_leeway_passes_and_beyond_it_fails(
    anywhere: Idchaos, offset: float, verdict: str, code: int
) -> None:
    result = anywhere("run", "clock_skew", "--json", skew__offset_s=offset, gateway__leeway_s=60)
    run = the_run(result)
    assert (run["verdict"], result.returncode) == (verdict, code), run["reasons"]


@pytest.mark.e2e
@pytest.mark.parametrize(("cache", "verdict", "code"), [(0.5, "PASS", 0), (9, "FAIL", 1)])
def test_revocation_is_felt_within_the_bound_or_the_run_fails(
    anywhere: Idchaos, cache: float, verdict: str, code: int
) -> None:
    result = anywhere(
        "run", "revocation_lag", "--json",
        revocation__bound_s=4, gateway__revocation_cache_s=cache, tokens__access_ttl_s=60, revocation__rate=15,
        load__canaries_per_kind=1.2,
    )  # fmt: skip
    run = the_run(result)
    assert (run["verdict"], result.returncode) == (verdict, code), run["reasons"]
    told = {item["name"]: item["verdict"] for item in run["objectives"]}
    # Of a longest lag a machine short of CPU withholds what it may have added; whoever is first asked after the bound,
    # and accepts, was not kept waiting by it.
    assert verdict in (told["jwt_revocation_lag_max"], told["jwt_revoked_after_rest"])


@pytest.mark.e2e
def test_a_defect_is_caught_by_name_and_the_same_run_passes_without_it(idchaos: Idchaos) -> None:
    result = idchaos("zoo", "--defect", "no_aud_check", "--json", "--reports", str(idchaos.folder / "reports"))
    document = json.loads(result.stdout)
    assert (document["verdict"], result.returncode) == ("PASS", 0), document
    (row,), (sound,) = document["rows"], document["sound"]
    assert (row["defect"], row["caught"], row["caught_by"]) == ("no_aud_check", True, ["audience_enforced"])
    assert (sound["runs"], sound["verdicts"]) == (1, ["PASS"])
    manifest = json.loads((Path(row["run_dir"]) / "manifest.json").read_text())
    assert manifest["defects"] == ["no_aud_check"]
    assert "Defects were asked for: no_aud_check" in (Path(row["run_dir"]) / "report.html").read_text()


def test_every_defect_can_be_listed(idchaos: Idchaos) -> None:
    plain, listed = idchaos("list", "--defects"), idchaos("list", "--defects", "--json")
    defects = json.loads(listed.stdout)
    assert {"name": "no_aud_check", "meaning": "A token for another audience is accepted."}.items() <= next(
        defect.items() for defect in defects if defect["name"] == "no_aud_check"
    )
    assert [line.split()[0] for line in plain.stdout.splitlines()] == [defect["name"] for defect in defects]


def wait_for_phase(idchaos: Idchaos, scenario: str, phase: str, child: subprocess.Popen[str]) -> Path:
    """The run directory, once the journal says that the phase has begun."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        journal = idchaos.run_dir(scenario) / "journal.jsonl"
        if journal.exists() and f'"phase_started", "phase": "{phase}"' in journal.read_text():
            return journal.parent
        time.sleep(0.05)
    raise AssertionError(f"no phase {phase}: {child.communicate()}")


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_everything_and_keeps_what_it_recorded(
    idchaos: Idchaos, number: signal.Signals
) -> None:
    child = idchaos.start("run", "jwks_outage")
    run_dir = wait_for_phase(idchaos, "jwks_outage", "fault", child)
    time.sleep(1)
    child.send_signal(number)
    _, stderr = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "Traceback" not in stderr
    assert stderr.strip().splitlines()[-1] == "idchaos: interrupted"
    again = idchaos("analyze", str(run_dir), "--json")
    assert again.returncode == 2
    assert any("interrupted" in reason for reason in the_run(again)["reasons"])


@pytest.mark.e2e
def test_a_killed_run_leaves_nothing_and_what_it_recorded_can_be_judged(idchaos: Idchaos) -> None:
    child = idchaos.start("run", "jwks_outage")
    run_dir = wait_for_phase(idchaos, "jwks_outage", "fault", child)
    time.sleep(1)
    child.kill()
    child.communicate()
    deadline = time.monotonic() + 3
    while idchaos.left() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert idchaos.left() == []
    again = idchaos("analyze", str(run_dir), "--json")
    run = the_run(again)
    assert (again.returncode, run["verdict"]) == (2, "INCONCLUSIVE")
    assert sum(phase["due"] for phase in run["generator"]) > 0  # its samples are read as far as they go


@pytest.mark.e2e
def test_a_component_that_dies_in_mid_run_is_named(idchaos: Idchaos) -> None:
    child = idchaos.start("run", "jwks_outage")
    wait_for_phase(idchaos, "jwks_outage", "baseline", child)
    (victim,) = [
        process
        for process in psutil.Process(child.pid).children(recursive=True)
        if "idchaos.fixtures.idp" in process.cmdline()
    ]
    victim.kill()
    _, stderr = child.communicate(timeout=30)
    assert child.returncode == 70
    assert "idchaos: idp ended by itself (killed by signal 9)" in stderr
    assert "Traceback" not in stderr


@pytest.mark.e2e
def test_judging_a_stored_run_again_changes_no_byte(idchaos: Idchaos) -> None:
    result = idchaos("run", "jwks_outage", "--json")
    run_dir = idchaos.run_dir("jwks_outage")
    first = (run_dir / "verdict.json").read_bytes()
    again = idchaos("analyze", str(run_dir), "--json")
    assert (run_dir / "verdict.json").read_bytes() == first
    # Runs that were inconclusive before it, and made again, are told by the command that made them alone.
    assert json.loads(again.stdout)["runs"] == json.loads(result.stdout)["runs"]
    assert again.returncode == result.returncode


@pytest.mark.e2e
@pytest.mark.parametrize("topology", ["library", "introspection"])
def test_a_verdict_hangs_on_where_it_is_decided(idchaos: Idchaos, topology: str) -> None:
    """On a sound system all is well; what is wrong is seen at whoever decides, and around the gateways."""
    words = ("run", "audience_confusion", "--topology", topology, "--json", "--retry-inconclusive", "2")
    sound = idchaos(*words, load__canaries_per_kind=2.5)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    wrong = idchaos(*words, "--defect", "no_aud_check", load__canaries_per_kind=2.5)
    (run,) = json.loads(wrong.stdout)["runs"]
    failed = {each["name"] for each in (*run["objectives"], *run["invariants"]) if each["verdict"] == "FAIL"}
    assert wrong.returncode == 1
    assert {"no_service_takes_anothers_tokens", "audience_enforced"} <= failed
    # Where services decide, one that does not check takes such a token whichever way it comes.
    assert ("nor_around_the_gateways" in failed) == (topology == "library")
    replay = next(each for each in run["invariants"] if each["name"] == "audience_enforced")["evidence"][0]["replay"]
    assert f"--topology {topology}" in replay


@pytest.mark.e2e
def test_up_leaves_a_target_running_and_down_stops_it(idchaos: Idchaos) -> None:
    up = idchaos("up", "--json", short=False)
    assert up.returncode == 0, up.stderr
    where = json.loads(up.stdout)
    assert set(where) >= {"issuer", "gateways", "services", "toxiproxy", "control", "clients", "users"}
    assert [client["client_id"] for client in where["clients"] if client.get("introspects")] == ["gateway"]
    again = idchaos("up", "--json", short=False)
    assert again.returncode == 64
    assert "up already" in again.stderr
    down = idchaos("down")
    assert (down.returncode, down.stdout) == (0, "target is down\n")
    assert idchaos("down").returncode == 64


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run"], "name scenarios, or ask for --all of them"),
        (["run", "jwks_outage", "--all"], "jwks_outage or --all, not both"),
        (["run", "jwks_outrage"], "'jwks_outrage' is unknown; did you mean jwks_outage"),
        (["run", "jwks_outage", "--profile", "slow"], "there are quick, ci, gameday"),
        (["run", "jwks_outage", "--target", "cloud"], "there are local, docker"),
        (["run", "jwks_outage", "--gateway", "kong"], "there are standin"),
        (["run", "--all", "--topology", "mesh"], "--topology: 'mesh' is unknown; there are gateway, library, introspe"),
        (
            ["run", "jwks_outage", "--topology", "introspection"],
            "jwks_outage needs validators that keep the IdP's keys",
        ),
        (["run", "cold_start", "--topology", "library"], "cold_start needs two replicas"),
        (["validate", "frozen_keys", "--topology", "introspection"], "which the topology introspection has not"),
        (["canary", "expired", "--topology", "introspection"], "which the topology introspection has not"),
        (["up", "--topology", "mesh"], "--topology: 'mesh' is unknown"),
        (["up", "--idp", "keycloak"], "what is left running has the stand-in IdP"),
        (
            ["up", "--topology", "introspection", "--defect", "alg_none_accepted"],
            "nobody in the topology introspection",
        ),
        (
            ["run", "clock_skew", "--topology", "library", "--set", "skew.component=gateway-1"],
            "nothing in the topology library goes by its clock; there are idp, orders, accounts",
        ),
        (["run", "jwks_outage", "--seed", "-1"], "not in the range"),
        (["run", "jwks_outage", "--rate", "fast"], "not a valid float"),
        (["run", "jwks_outage", "--set", "gateway.jwks=1"], "did you mean"),
        (["run", "jwks_outage", "--set", "load.rate=-1"], "should be greater than 0"),
        (["run", "jwks_outage", "--rate", "-1"], "should be greater than 0"),
        (["run", "jwks_outage", "--defect", "no_aud_chek"], "did you mean no_aud_check"),
        (["up", "--defect", "frob"], "idchaos list --defects"),
        (["zoo", "--defect", "no_aud_chek"], "did you mean no_aud_check"),
        (["zoo", "--sound", "0"], "not in the range"),
        (["analyze", "/nowhere"], "no run directory"),
        (["report", "/nowhere"], "no run directory"),
        (["down"], "no target is up"),
        (["frob"], "No such command 'frob'"),
    ],
)
def test_bad_usage_is_one_clear_line(idchaos: Idchaos, words: list[str], says: str) -> None:
    result = idchaos(*words, short=False)
    assert result.returncode == 64, result.stderr
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not (idchaos.folder / "reports").exists()


def test_a_reports_folder_that_cannot_be_written_is_one_clear_line(idchaos: Idchaos) -> None:
    (idchaos.folder / "reports").write_text("a file")
    result = idchaos("run", "jwks_outage")
    assert result.returncode == 64
    assert result.stderr.splitlines()[-1].endswith("is a file.")
    assert "Traceback" not in result.stderr
