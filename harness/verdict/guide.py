"""The ten measures of the guide "What is OpenID Connect Security?" (2026), as its table has them: what and how much."""

from __future__ import annotations

from dataclasses import dataclass

from idchaos.experiment import Bound


@dataclass(frozen=True, slots=True)
class Definition:
    """A row of the guide's table."""

    id: str
    name: str
    sli: str
    target: Bound | None
    """``None``: the guide gives no figure."""


DEFINITIONS = (
    Definition("M1", "Token validation success rate", "token_validation_success_rate", Bound(op=">=", limit=0.999)),
    Definition(
        "M2",
        "Auth request latency",
        "latency_p95{endpoint=authorize|login|token}",
        Bound(op="<=", limit=0.2, unit="s"),
    ),
    Definition("M3", "Token issuance error rate", "token_issuance_error_rate", Bound(op="<=", limit=0.001)),
    Definition("M4", "JWKS fetch failures", "jwks_fetch_failures", Bound(op="<=", limit=0, unit="count")),
    Definition("M5", "Refresh token error rate", "refresh_error_rate", Bound(op="<=", limit=0.005)),
    Definition("M6", "Token misuse alerts", "misuse_alerts", Bound(op="<=", limit=0, unit="count")),
    Definition("M7", "Revocation propagation", "revocation_lag_max", Bound(op="<=", limit=30, unit="s")),
    Definition("M8", "Client registration failures", "registration_error_rate", Bound(op="<=", limit=0.005)),
    Definition("M9", "Authentication retries", "login_retries", Bound(op="<=", limit=1.2, unit="count")),
    Definition("M10", "Token lifetime distribution", "token_lifetime_p95", None),
)
