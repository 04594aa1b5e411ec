"""A small run, part by part: what was planned, sent, told and journalled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
from idchaos.record.samples import frame_of

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
