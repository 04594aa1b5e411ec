"""Why a request was refused, or could not be decided: one vocabulary, whatever a gateway's own words are.

How a given gateway says each is its dialect (:mod:`idchaos.dialects`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

FORGED_LINE: Final = "idchaos-forged-line"
"""How lines begin that stand in the names of made-up keys: no log may have a line of that beginning."""

LINE_BREAK: Final = "line_break"
"""The way of a bad token that has such a line in the name of its key."""


class Reason(StrEnum):
    """A stable code. Others may occur (``http_503``, an OAuth error of an IdP): they are no reasons that we know."""

    # Refusals: it was decided, and the answer is no.
    TOKEN_MISSING = "token_missing"
    TOKEN_MALFORMED = "token_malformed"
    ALG_NOT_ALLOWED = "alg_not_allowed"
    TYP_NOT_ALLOWED = "typ_not_allowed"
    KID_UNKNOWN = "kid_unknown"
    SIGNATURE_INVALID = "signature_invalid"
    CLAIM_MISSING = "claim_missing"
    ISSUER_MISMATCH = "issuer_mismatch"
    AUDIENCE_MISMATCH = "audience_mismatch"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"
    ISSUED_IN_FUTURE = "issued_in_future"
    TOKEN_REVOKED = "token_revoked"
    TOKEN_INACTIVE = "token_inactive"
    TOKEN_BOUND = "token_bound"
    """To a key (RFC 9449, RFC 8705), of which there is no proof."""
    SCOPE_INSUFFICIENT = "scope_insufficient"
    NOT_VIA_GATEWAY = "not_via_gateway"
    LOGIN_REQUIRED = "login_required"
    """It sends whom it does not know to a login, and says no more."""

    # Outages: nobody could decide, or nobody could serve.
    JWKS_UNAVAILABLE = "jwks_unavailable"
    INTROSPECTION_UNAVAILABLE = "introspection_unavailable"
    REVOCATIONS_UNAVAILABLE = "revocations_unavailable"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    """RFC 6749 section 4.1.2.1, as is the next one."""
    SERVER_ERROR = "server_error"
    SLOW_DOWN = "slow_down"
    """RFC 8628 section 3.5."""


WITHHELD: Final = frozenset({Reason.JWKS_UNAVAILABLE, Reason.INTROSPECTION_UNAVAILABLE, Reason.REVOCATIONS_UNAVAILABLE})
"""Of a validator that could not decide, and let nobody in."""
BEHIND_THE_GATEWAY: Final = frozenset({Reason.UPSTREAM_UNAVAILABLE, Reason.UPSTREAM_TIMEOUT})
"""Why a gateway could not answer although it had let the token pass."""
UNDECIDED_REASONS: Final = (
    WITHHELD | BEHIND_THE_GATEWAY | {Reason.TEMPORARILY_UNAVAILABLE, Reason.SERVER_ERROR, Reason.SLOW_DOWN}
)
"""Codes that mean "could not decide", at the gateway and at the IdP, whatever status they come with."""
REFUSALS: Final = frozenset(Reason) - UNDECIDED_REASONS
"""Codes that mean no."""

OF_KEYS: Final = frozenset({Reason.KID_UNKNOWN, Reason.SIGNATURE_INVALID})
"""Refusals that say that a key is not, or no longer, known."""
OF_REVOCATION: Final = frozenset({Reason.TOKEN_REVOKED, Reason.TOKEN_INACTIVE})
"""Refusals that say that a token was revoked."""
HELPED_BY_A_NEW_TOKEN: Final = OF_KEYS | OF_REVOCATION | {Reason.TOKEN_MISSING, Reason.TOKEN_EXPIRED, "invalid_token"}
"""Refusals after which a client asks for another token: those that RFC 6750 section 3.1 has told by 401, and its own
word for them.
"""
NOT_HELPED_BY_ONE: Final = frozenset({Reason.SCOPE_INSUFFICIENT, "insufficient_scope"})
"""Refusals that the next token meets as well: by the same section, 403."""
UNSPECIFIC: Final = frozenset({Reason.NOT_VIA_GATEWAY, Reason.LOGIN_REQUIRED})
"""Refusals that say nothing of the token."""
NOT_OF_REVOCATION: Final = REFUSALS - OF_REVOCATION - UNSPECIFIC
"""Refusals that say nothing about whether a revocation was known."""
NOT_OF_KEYS: Final = REFUSALS - OF_KEYS - UNSPECIFIC
"""Refusals that say nothing about whether a key was forgotten."""

FOREIGN_ANSWER: Final = "foreign_answer"
"""Of a sample whose answer was another request's, or another subject's."""
