"""An opaque token that nobody issued."""

from __future__ import annotations

import secrets

from idchaos.load.canaries.base import Good, TokenKind


class UnknownOpaque(TokenKind):
    name = "unknown_opaque"
    invariant = "unknown_opaque_refused"
    made = "256 random bits."
    bad = "From birth: nobody issued it."
    why = "Whatever can't be looked up is let in: an outage of introspection, or its mere absence, opens the door."
    source = "RFC 7662 section 2.2, RFC 6750 section 3.1"
    from_nothing = True

    def forge(self, good: Good, number: int) -> str:
        return secrets.token_urlsafe(32)
