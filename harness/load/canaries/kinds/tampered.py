"""A token that was changed on its way."""

from __future__ import annotations

from idchaos.load.canaries.base import Good, TokenKind, new_name
from idchaos.load.canaries.forging import part
from idchaos.load.idp.tokens import b64, peek, unb64


class Tampered(TokenKind):
    name = "tampered"
    invariant = "tampered_tokens_refused"
    made = (
        "In turn: one bit of a good signature flipped, and another user's claims under a good signature. The latter "
        "also in the first two seconds after somebody has taken a good token of a key for the first time."
    )
    bad = "From birth: the signature is not that of these claims."
    why = "Anyone with one token can be anyone: signatures are not verified, or only for their form."
    source = "RFC 7515 section 5.2, RFC 8725 section 3.3"
    needs = ("jwts",)

    def forge(self, good: Good, number: int) -> str:
        return other_claims(good.token) if number % 2 else other_signature(good.token)


def other_claims(token: str) -> str:
    """Another user, with another ``jti``, under the old signature."""
    header, _, signature = token.split(".")
    _, claims = peek(token)
    return f"{header}.{part(claims | {'sub': 'canary', 'jti': new_name()})}.{signature}"


def other_signature(token: str) -> str:
    """One bit of the signature flipped."""
    header, payload, signature = token.split(".")
    flipped = bytearray(unb64(signature))
    flipped[len(flipped) // 2] ^= 0x01
    return f"{header}.{payload}.{b64(bytes(flipped))}"
