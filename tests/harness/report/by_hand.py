"""A verdict written by hand, so that golden files depend on no estimate."""

from __future__ import annotations

from typing import Any

from tests.harness.report.parts import APPLIED, HEALED, T0, journal


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
