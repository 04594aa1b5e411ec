"""No secret of a run is in anything that the run leaves behind, and a target that logs tokens is caught."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from idchaos.experiment import Verdict
from idchaos.record import samples
from idchaos.run import runner
from idchaos.run.launch import Request, prepare
from idchaos.run.leaks import Searcher, Secret
from idchaos.studies.single import run
from idchaos.targets.standin import local
from idchaos.undo.ledger import STATE_VARIABLE
from idchaos.verdict.verdict import InvariantVerdict, RunVerdict

pytestmark = pytest.mark.e2e

SHORT = {
    "phases.warmup_s": 1, "phases.baseline_s": 2, "phases.recovery_s": 2, "fault.duration_s": 3,
    "gateway.jwks_cache_s": 1, "gateway.revocation_cache_s": 0.5, "gateway.introspection_cache_s": 0.5,
    "load.rate": 50, "load.canaries_per_kind": 1, "slo.late_p99_s": 1.0, "slo.latency_p95_s": 2.0,
}  # fmt: skip


def short_run(tmp_path: Path) -> RunVerdict:
    return run(prepare(Request(scenario="jwks_outage", overrides=SHORT, reports=tmp_path / "reports", seed=1)))


def about_logs(verdict: RunVerdict) -> InvariantVerdict:
    return next(row for row in verdict.invariants if row.name == "no_tokens_in_logs")


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Secret]:
    """Every secret that the run handed out, which nothing stores."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    found: list[Secret] = []
    search = runner.search_logs

    def listen(folder: Path, secrets: Iterable[Secret]) -> dict[str, Any]:
        found.extend(secrets)
        return search(folder, found)

    monkeypatch.setattr(runner, "search_logs", listen)
    return found


def lines_of(path: Path) -> Iterable[str]:
    if path.suffix == ".parquet":
        return samples.load(path).to_csv(index=False).splitlines()
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def test_nothing_that_a_run_leaves_behind_holds_a_secret(tmp_path: Path, known: list[Secret]) -> None:
    verdict = short_run(tmp_path)
    held = about_logs(verdict)
    assert (held.verdict, held.breaches) == (Verdict.PASS, 0), held.reason
    kinds = {secret.kind.partition(" of ")[0] for secret in known}
    assert kinds >= {"access_token", "refresh_token", "id_token", "code", "code_verifier", "canary", "client_secret",
                     "basic_credentials", "password", "control_secret"}  # fmt: skip
    assert held.attempts == len({secret.value for secret in known}) > 100
    searcher = Searcher(known)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {
        "journal.jsonl", "telemetry.jsonl", "manifest.json", "verdict.json", "report.html", "summary.md", "junit.xml",
        "samples.parquet", "load.log",
    }  # fmt: skip
    assert [path.name for path in files for line in lines_of(path) for _ in searcher.find(line)] == []


def test_tokens_in_logs_are_caught_and_not_repeated(
    tmp_path: Path, known: list[Secret], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents: Callable[..., dict[str, dict[str, Any]]] = local.settings_documents

    def careless(*arguments: Any) -> dict[str, dict[str, Any]]:
        return {name: each | {"defects": ["raw_tokens_in_logs"]} for name, each in documents(*arguments).items()}

    monkeypatch.setattr(local, "settings_documents", careless)
    verdict = short_run(tmp_path)
    held = about_logs(verdict)
    assert (verdict.verdict, held.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert held.breaches > 100
    assert any("no_tokens_in_logs" in reason for reason in verdict.reasons)
    run_dir = Path(verdict.run_dir)
    journal = [json.loads(line) for line in (run_dir / "journal.jsonl").read_text().splitlines()]
    (searched,) = (event for event in journal if event["event"] == "logs_searched")
    assert {each["file"] for each in searched["found"]} <= {"gateway-1.log", "gateway-2.log", "idp.log", "accounts.log"}
    searcher = Searcher(known)
    told = [path for path in run_dir.iterdir() if path.is_file()]
    assert [path.name for path in told for line in lines_of(path) for _ in searcher.find(line)] == []
