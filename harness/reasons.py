"""Why a request was refused, or could not be decided: one vocabulary, whatever a gateway's own words are."""

from __future__ import annotations

from typing import Final

UNDECIDED_REASONS: Final = frozenset(
    {
        "jwks_unavailable",
        "introspection_unavailable",
        "revocations_unavailable",
        "upstream_unavailable",
        "upstream_timeout",
        "temporarily_unavailable",
        "server_error",
        "slow_down",
    }
)
"""Codes that mean "could not decide", at the gateway and at the IdP (RFC 6749 section 4.1.2.1)."""

FOREIGN_ANSWER: Final = "foreign_answer"
"""Of a sample whose answer was another request's, or another subject's."""
