"""A signature that is the same for every message: of zeros, or of nothing."""

from __future__ import annotations

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import signing_input
from idchaos.load.idp.tokens import b64, peek, unb64

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class DegenerateSignature(TokenKind):
    """Those of ECDSA are for a published P-256 key, where there is one."""

    name = "degenerate_signature"
    invariant = "degenerate_signatures_refused"
    made = "Other claims with an empty signature, one of zeros as long as a good one, or ECDSA's r and s zero or n."
    bad = "From birth: nobody signed these claims."
    why = "Anyone can be anyone: a library takes the one signature for right that needs no key."
    source = "CVE-2022-21449, RFC 7518 section 3.4"
    needs = ("jwts",)
    ways = ("empty", "zeros", "ecdsa_zero", "ecdsa_order")

    def forge(self, good: Good, number: int) -> str | None:
        way = self.ways[number % len(self.ways)]
        if way.startswith("ecdsa"):
            key = next((key for key in good.published if key.get("crv") == "P-256" and "kid" in key), None)
            if key is None:
                return None
            half = (0 if way == "ecdsa_zero" else _P256_ORDER).to_bytes(32, "big")
            return f"{signing_input(good.parts(alg='ES256', kid=key['kid']))}.{b64(half + half)}"
        signature = unb64(good.token.rpartition(".")[2])
        header = peek(good.token)[0]
        return f"{signing_input(good.parts(**header))}.{b64(bytes(len(signature))) if way == 'zeros' else ''}"
