"""A synthetic run that looks like a real one: JWKS outage, a rotation inside it, a clock step, revocation probes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from idchaos.experiment import (
    Bound,
    Canary,
    Invariant,
    LoadPlan,
    Objective,
    Phase,
    PhaseName,
    Plan,
    Stream,
)
from idchaos.record.record import RunRecord, load
from idchaos.record.samples import COLUMNS, compact, frame_of, stream_header
from idchaos.verdict.verdict import RunVerdict

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
PHASES = (
    (PhaseName.WARMUP, 3.0),
    (PhaseName.BASELINE, 7.0),
    (PhaseName.FAULT, 12.0),
    (PhaseName.RECOVERY, 6.0),
)
ENDS = sum(length for _, length in PHASES)
APPLIED, HEALED = T0 + 10.2, T0 + 22.1
REPLICAS = ("gateway-1", "gateway-2")
OLD, NEW = "2025-rs-7f3a", "2026-rs-91bc"

RunBuilder = Callable[..., Path]


def plan() -> Plan:
    return Plan(
        scenario="jwks_outage",
        variant="refused",
        phases=tuple(Phase(name=name, duration_s=length) for name, length in PHASES),
        load=LoadPlan(streams=(Stream(flow="api", rate=250),)),
        objectives=(
            Objective(
                name="revoked tokens are refused in time",
                sli="revocation_lag_p95",
                phase="all",
                bound=Bound(op="<=", limit=3.0, unit="s"),
            ),
            Objective(
                name="login stays fast",
                sli="latency_p95{flow=login}",
                phase=PhaseName.RECOVERY,
                bound=Bound(op="<=", limit=0.5, unit="s"),
            ),
            Objective(
                name="good requests succeed during the outage",
                sli="success_rate{flow=api}",
                phase=PhaseName.FAULT,
                bound=Bound(op=">=", limit=0.995),
                why="Signed-in users are refused although their tokens are good.",
            ),
        ),
        invariants=(Invariant(name="no bad token is accepted", canaries=tuple(Canary)),),
    )


def samples(rate: float, ends_s: float, seed: int = 7) -> pd.DataFrame:
    """Shape ``(rate * ends_s, columns of a sample)``: steady, then a window of refusals, then steady again."""
    rng = np.random.default_rng(seed)
    count = int(rate * ends_s)
    scale = ends_s / ENDS
    due = np.sort(rng.uniform(0, ends_s, count))
    flow = rng.choice(["api", "opaque", "machine", "login", "canary"], count, p=[0.78, 0.12, 0.03, 0.02, 0.05])
    canary = np.where(flow == "canary", rng.choice([kind.value for kind in Canary], count), "")
    gateway = np.isin(flow, ["api", "opaque", "canary"])
    replica = np.where(gateway, rng.choice(REPLICAS, count), "")
    in_fault = (due > 14 * scale) & (due < 22.1 * scale)
    slow = in_fault & (rng.random(count) < 0.12)
    latency = rng.lognormal(np.log(0.004), 0.5, count) + np.where(slow, rng.uniform(0.2, 2.0, count), 0.0)
    undecided = in_fault & gateway & (rng.random(count) < np.where(replica == "gateway-2", 0.30, 0.02))
    refused = in_fault & (flow == "api") & ~undecided & (rng.random(count) < 0.07)
    outcome = np.where(flow == "canary", "denied", "ok")
    outcome = np.where(refused, "wrongly_denied", np.where(undecided, "unavailable", outcome))
    decision = np.select(
        [undecided, np.isin(outcome, ["denied", "wrongly_denied"])], ["undecided", "deny"], default="accept"
    )
    dropped = in_fault & (rng.random(count) < 0.01)
    kid = np.where(due > 16 * scale + np.minimum(rng.exponential(2.0 * scale, count), 4 * scale), NEW, OLD)
    return pd.DataFrame(
        {
            "due_at": T0 + due,
            "sent_at": np.where(dropped, np.nan, T0 + due + 0.0004),
            "latency_s": np.where(dropped, np.nan, latency),
            "service_time_s": np.where(dropped, np.nan, latency - 0.0004),
            "flow": flow,
            "endpoint": np.where(gateway, rng.choice(["/orders", "/accounts"], count), "token"),
            "status": np.select([dropped, undecided, decision == "deny"], [0, 503, 401], default=200).astype("int32"),
            "decision": np.where(dropped, "undecided", decision),
            "expected": np.where(flow == "canary", "deny", "accept"),
            "outcome": np.where(dropped, "unavailable", outcome),
            "error_code": np.select(
                [dropped, undecided, refused, flow == "canary"],
                ["dropped", "jwks_unavailable", "kid_unknown", "token_expired"],
                default="",
            ),
            "canary": canary,
            "session": "s-1",
            "way": "",
            "subject_service": "",
            "replica": replica,
            "service": np.where(gateway, "orders", ""),
            "kid": np.where(gateway & (flow != "opaque"), kid, ""),
            "jti": "",
            "format": np.where(flow == "opaque", "opaque", np.where(gateway, "jwt", "")),
            "token_iat": np.nan,
            "token_exp": np.nan,
            "token_obtained_at": np.nan,
            "retry": np.zeros(count, dtype="int32"),
        }
    )


def telemetry() -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for step in range(int(ENDS * 2) + 1):
        at = T0 + step / 2
        down = APPLIED <= at < HEALED
        served = step // 4 - (max(0, min(step, 44) - 20) // 4) + 3
        lines.append(
            {
                "at": at,
                "component": "idp",
                "state": {
                    "clock": {"offset_s": 30.0 if at > T0 + 18 else 0.0, "drift_ppm": 0.0},
                    "keys": [
                        {"kid": OLD, "published": at < T0 + 20, "signing": at < T0 + 15},
                        {"kid": NEW, "published": at >= T0 + 12, "signing": at >= T0 + 15},
                        {"kid": "es-2026", "published": True, "signing": False},
                    ],
                    "requests": {"jwks": {"total": served, "errors": 0}},
                },
            }
        )
        for number, name in enumerate(REPLICAS):
            failures = max(0, min(step, 44) - 20) // (2 - number)
            lines.append(
                {
                    "at": at,
                    "component": name,
                    "state": {
                        "clock": {"offset_s": 0.0, "drift_ppm": 0.0},
                        "jwks": {
                            "fetches": served // 2 + failures,
                            "fetch_failures": failures,
                            "stale": down,
                        },
                    },
                }
            )
    return lines


def journal() -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [
        {"at": T0 - 2.1, "event": "run_started"},
        {"at": T0 - 1.0, "event": "target_ready"},
        {
            "at": T0 - 0.9,
            "event": "link_checked",
            "link": "gateway-to-idp",
            "proxy": "gateway-1-to-idp",
            "ok": True,
        },
        {
            "at": T0 - 0.8,
            "event": "link_checked",
            "link": "gateway-to-idp",
            "proxy": "gateway-2-to-idp",
            "ok": True,
        },
        {"at": T0, "event": "load_started", "t0": T0},
    ]
    start = T0
    for name, length in PHASES:
        events.append({"at": start, "event": "phase_started", "phase": name.value})
        start += length
        events.append({"at": start, "event": "phase_ended", "phase": name.value})
    fault = "gateway-to-idp refused"
    for moment, at, probe in (
        ("before", APPLIED - 0.1, "gateway-1: GET /jwks answered 200 in 3 ms"),
        ("during", APPLIED + 0.3, "gateway-1: connection refused"),
        ("after", HEALED + 0.2, "gateway-1: GET /jwks answered 200 in 4 ms"),
    ):
        events.append(_effect(fault, moment, "control", at, {"gateway-1-to-idp": {"enabled": moment != "during"}}))
        events.append(_effect(fault, moment, "probe", at + 0.01, probe))
        events.append(_effect(fault, moment, "target", at + 0.02, {"idp.requests.jwks": 14, "fetch_failures": 11}))
    events += [
        {
            "at": APPLIED,
            "event": "fault_applied",
            "fault": fault,
            "detail": {"mode": "refused", "proxies": 2},
        },
        {"at": T0 + 12, "event": "key_published", "kid": NEW},
        {"at": T0 + 15, "event": "key_signing", "kid": NEW},
        {"at": T0 + 20, "event": "key_withdrawn", "kid": OLD},
        {"at": T0 + 18, "event": "clock_skewed", "component": "idp", "offset_s": 30.0},
        {"at": HEALED, "event": "fault_healed", "fault": fault},
        {
            "at": T0 + ENDS,
            "event": "load_ended",
            "summary": {"planned": 7000, "sent": 6990, "dropped": 10, "late_p99_s": 0.0011},
        },
        {"at": T0 + ENDS + 0.5, "event": "counts", "before": {}, "after": {}},
        {"at": T0 + ENDS + 1.4, "event": "cleanup", "clean": True, "left": []},
        {"at": T0 + ENDS + 1.5, "event": "run_ended", "status": "completed"},
    ]
    return sorted(events, key=lambda event: event["at"])


def _effect(fault: str, moment: str, source: str, at: float, evidence: Any) -> dict[str, Any]:
    return {
        "at": at,
        "event": "fault_effect",
        "fault": fault,
        "moment": moment,
        "source": source,
        "ok": True,
        "evidence": evidence,
    }


def revocation_polls() -> pd.DataFrame:
    """Twelve tokens of each format revoked during the run; ``gateway-2`` is slow to learn of revoked JWTs."""
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for number in range(24):
        token_format = ("jwt", "opaque")[number % 2]
        revoked = T0 + 4 + number * 0.8
        flow = {"flow": "revocation", "session": f"probe-{number}", "format": token_format, "canary": ""}
        rows.append({**flow, "due_at": revoked - 0.01, "endpoint": "revoke", "service_time_s": 0.01})
        for replica in REPLICAS:
            slow = replica == "gateway-2" and token_format == "jwt"
            known = rng.uniform(0.1, 5.2 if slow else 2.1)
            for step in range(1, int(min(known + 0.5, 4.0) / 0.1) + 1):
                at = step * 0.1
                answer = {"decision": "deny", "status": 401, "error_code": "token_revoked"} if at > known else {}
                expected = {"expected": "either", "endpoint": "/orders", "replica": replica}
                rows.append({**flow, **expected, **answer, "due_at": revoked + at})
    return frame_of(rows)


def write_jsonl(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="session")
def build_run(tmp_path_factory: pytest.TempPathFactory) -> RunBuilder:
    """``build_run(rate=..., ends_s=..., drop=(...))`` writes a run directory and returns its path."""

    def build(*, rate: float = 250, ends_s: float = ENDS, drop: tuple[str, ...] = ()) -> Path:
        directory = tmp_path_factory.mktemp("run") / "jwks_outage" / "20260101T000000Z"
        directory.mkdir(parents=True)
        manifest = {
            "schema": 1,
            "scenario": "jwks_outage",
            "variant": "refused",
            "profile": "quick",
            "seed": 42,
            "plan": plan().model_dump(mode="json"),
            "faults": [{"name": "gateway-to-idp refused", "phase": "fault"}],
            "summary": "What users notice when gateways cannot fetch the keys of the identity provider.",
            "settings": {
                "gateway": {"jwks_cache_s": 2.0, "jwks_stale_s": 0.0, "leeway_s": 5.0},
                "load": {"rate": 250.0},
            },
            "changed_settings": {"gateway.jwks_cache_s": 2.0, "gateway.jwks_stale_s": 0.0},
            "versions": {
                "idchaos": "0.1.0",
                "python": "3.11.7",
                "locust": "2.47.0",
                "toxiproxy": "embedded 2.12.0",
            },
            "target": "local",
            "repeat": "idchaos run jwks_outage --set gateway.jwks_cache_s=2 --set gateway.jwks_stale_s=0 --seed 42",
            "host": {"system": "Linux 6.8", "cpus": 2},
            "run_dir": "reports/jwks_outage/20260101T000000Z",
        }
        (directory / "manifest.json").write_text(json.dumps(manifest))
        write_jsonl(directory / "journal.jsonl", journal())
        if "telemetry" not in drop:
            write_jsonl(directory / "telemetry.jsonl", telemetry())
        if "samples" not in drop:
            stream = directory / "samples.stream"
            frame = pd.concat([samples(rate, ends_s), revocation_polls()], ignore_index=True)
            rows = frame[list(COLUMNS)].astype(object).to_numpy().tolist()
            stream.write_text("".join(f"{line}\n" for line in (stream_header(), *map(json.dumps, rows))))
            compact(stream, directory / "samples.parquet")
        return directory

    return build


@pytest.fixture(scope="session")
def run_dir(build_run: RunBuilder) -> Path:
    """The run directory of a quick run."""
    return build_run()


@pytest.fixture(scope="session")
def record(run_dir: Path) -> RunRecord:
    """The same, read."""
    return load(run_dir)


@pytest.fixture(scope="session")
def verdict() -> RunVerdict:
    """What the judge says of that run: one objective missed, one undecided, one met."""
    return RunVerdict.model_validate_json(json.dumps(document()))


@pytest.fixture
def verdict_document() -> dict[str, Any]:
    """The same as JSON."""
    return document()


def document() -> dict[str, Any]:
    """Written by hand, so that golden files depend on no estimate."""
    effects = [event for event in journal() if event["event"] == "fault_effect"]
    return {
        "schema": 1,
        "scenario": "jwks_outage",
        "variant": "refused",
        "profile": "quick",
        "seed": 42,
        "verdict": "FAIL",
        "reasons": [
            "good requests succeed during the outage in fault: 86.1 % [84.2 %, 87.8 %] misses >= 99.5 %",
            "login stays fast in recovery: 0.0093 s [0.0051 s, unbounded] can't decide <= 0.5 s from 12 samples; "
            "it takes about 59 samples, 30 s at this rate",
        ],
        "run_dir": "reports/jwks_outage/20260101T000000Z",
        "started_at": T0 - 2.1,
        "status": "completed",
        "objectives": [
            _objective("good requests succeed during the outage", "success_rate{flow=api}", "fault", 0.861)
            | {
                "interval": [0.842, 0.878],
                "samples": 2311,
                "bound": ">= 0.995",
                "verdict": "FAIL",
                "reason": "good requests succeed during the outage in fault: 86.1 % [84.2 %, 87.8 %] misses >= 99.5 %",
                "why": "Signed-in users are refused although their tokens are good.",
            },
            _objective("login stays fast", "latency_p95{flow=login}", "recovery", 0.0093, "s")
            | {
                "interval": [0.0051, None],
                "samples": 12,
                "bound": "<= 0.5 s",
                "verdict": "INCONCLUSIVE",
                "reason": "login stays fast in recovery: 0.0093 s [0.0051 s, unbounded] can't decide <= 0.5 s "
                "from 12 samples; it takes about 59 samples, 30 s at this rate",
            },
            _objective("revoked tokens are refused in time", "revocation_lag_p95", "all", 2.04, "s")
            | {"interval": [1.9, 2.4], "samples": 48, "bound": "<= 3 s"},
        ],
        "invariants": [
            {
                "name": "no bad token is accepted",
                "attempts": 342,
                "breaches": 0,
                "verdict": "PASS",
                "reason": "",
                "by_canary": [],
                "evidence": [],
            },
        ],
        "faults": [
            {
                "name": "gateway-to-idp refused",
                "phase": "fault",
                "applied_at": APPLIED,
                "healed_at": HEALED,
                "effect_proved": True,
                "evidence": [
                    {key: event[key] for key in ("moment", "source", "ok", "evidence", "at")} for event in effects
                ],
                "reason": "",
            },
        ],
        "cleanup": {"clean": True, "left": []},
        "slis": [
            {"sli": sli, "phase": phase, "value": value, "interval": [low, high], "samples": count, "unit": unit}
            for sli, phase, value, low, high, count, unit in (
                ("success_rate{flow=api}", "baseline", 1.0, 0.998, 1.0, 1370, "share"),
                ("success_rate{flow=api}", "fault", 0.861, 0.842, 0.878, 2311, "share"),
                ("success_rate{flow=api}", "recovery", 1.0, 0.997, 1.0, 1170, "share"),
                ("latency_p95{flow=api}", "baseline", 0.0092, 0.0088, 0.0097, 1370, "s"),
                ("latency_p95{flow=api}", "fault", 1.21, 1.1, 1.33, 2311, "s"),
                ("latency_p95{flow=api}", "recovery", 0.0091, 0.0086, 0.0098, 1170, "s"),
                ("unavailable_rate{flow=api}", "fault", 0.098, 0.081, 0.117, 2311, "share"),
                ("jwks_fetch_failures", "fault", 180.2, 171.0, 184.5, 48, "1/min"),
            )
        ],
        "measures": [
            _measure("M1", "Token validation success rate", 0.861, 2311, unit="share", target=">= 0.999", met=False),
            _measure("M2", "Auth request latency", 0.0093, 240, unit="s", target="<= 0.2 s", met=True),
            _measure(
                "M3",
                "Token issuance error rate",
                0.0,
                240,
                unit="share",
                target="<= 0.001",
                note="not enough samples: 240, it takes about 2,995",
            ),
            _measure("M8", "Client registration failures", None, 0, unit="share", target="<= 0.005", note="no data"),
            _measure("M10", "Token lifetime distribution", 300.0, 60, unit="s", target="", note="no target")
            | {
                "histogram": [
                    {"from_s": 60.0, "to_s": 120.0, "issued": 0, "in_use": 800},
                    {"from_s": 120.0, "to_s": 300.0, "issued": 60, "in_use": 4700},
                    {"from_s": 86400.0, "to_s": None, "issued": 1, "in_use": 9},
                ]
            },
        ],
        "paging": {
            "slo": 0.995,
            "seconds_per_second": 10368.0,
            "requests": 4851,
            "rules": [
                _rule("14.4x", "page", 0.072, (1, 1), [3600.0, 300.0]),
                _rule("6x", "page", 0.03, (2, 1), [21600.0, 1800.0]),
                _rule("3x", "ticket", 0.015, (8, 1), [86400.0, 7200.0]),
                _rule("1x", "ticket", 0.005, (25, 2), [259200.0, 21600.0]),
            ],
            "alerts": [
                {"rule": rule, "severity": severity, "phase": "fault", "fired_at": T0 + start, "cleared_at": end}
                for rule, severity, start, end in (
                    ("14.4x", "page", 15.0, T0 + 23.0),
                    ("6x", "page", 15.0, T0 + 24.0),
                    ("1x", "ticket", 16.0, None),
                )
            ],
            "paged_at": T0 + 15.0,
            "quiet_at": T0 + 24.0,
            "paged_in_baseline": False,
            "note": "",
        },
        "revocation_lag": [],
        "reconciliation": [
            {
                "what": "clients and gateway-1",
                "expected": [3310, 3325],
                "seen": 3318,
                "agrees": True,
                "by_flow": {"api": 2610, "canary": 170, "opaque": 415},
            },
            {
                "what": "clients and idp (token)",
                "expected": [402, 402],
                "seen": None,
                "agrees": True,
                "by_flow": {},
                "note": "idp was restarted and has lost its counts",
            },
        ],
        "generator": [
            {
                "phase": phase,
                "late_p99_s": 0.0011,
                "late_limit_s": 0.05,
                "due": due,
                "own_dropped": 0,
                "target_dropped": 28 * (phase == "fault"),
                "healthy": True,
            }
            for phase, due in (("baseline", 1750), ("fault", 3011), ("recovery", 1489))
        ],
    }


def _measure(
    name: str, title: str, value: float | None, samples: int, *, unit: str, target: str, **rest: Any
) -> dict[str, Any]:
    return {
        "id": name,
        "name": title,
        "sli": f"sli_of_{name.lower()}",
        "value": value,
        "interval": [value, value],
        "samples": samples,
        "unit": unit,
        "target": target,
    } | {"met": None, "note": "", **rest}


def _rule(name: str, severity: str, share: float, scaled: tuple[int, int], of: list[float]) -> dict[str, Any]:
    return {
        "name": name,
        "severity": severity,
        "error_share": share,
        "long_s": scaled[0],
        "short_s": scaled[1],
        "stands_for_s": of,
    }


def _objective(name: str, sli: str, phase: str, value: float, unit: str = "share") -> dict[str, Any]:
    return {
        "name": name,
        "sli": sli,
        "phase": phase,
        "value": value,
        "effective": 100.0,
        "unit": unit,
        "verdict": "PASS",
        "reason": "",
        "note": "",
        "why": "",
    }
