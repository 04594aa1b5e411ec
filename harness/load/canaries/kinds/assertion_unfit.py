"""Assertions by which no client may authenticate, though most of each is right."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.base import Forged
from idchaos.load.canaries.forging import hs256, part
from idchaos.load.canaries.kinds.hmac_public_key import HmacKey, key_bytes
from idchaos.load.canaries.party import Party
from idchaos.load.idp.assertion import assertion_claims, signed_by
from idchaos.load.idp.client import Step

_AGO_S: Final = 600
"""Further back, and further ahead, than any clock is wrong."""
_HMAC: Final[dict[str, HmacKey]] = {"hmac_pem": "pem", "hmac_jwk": "jwk", "hmac_der": "der"}
_SOMEBODY: Final = "somebody-else"


def _changed(way: str, claims: dict[str, Any]) -> dict[str, Any]:
    """The claims (RFC 7523 section 3), one of which is wrong."""
    now = int(claims["iat"])
    wrong: dict[str, dict[str, Any]] = {
        "audience": {"aud": "https://nobody.invalid"},
        "no_audience": {"aud": None},
        "expired": {"iat": now - 2 * _AGO_S, "exp": now - _AGO_S},
        "no_exp": {"exp": None},
        "not_yet": {"nbf": now + _AGO_S, "exp": now + 2 * _AGO_S},
        "issuer": {"iss": _SOMEBODY},
        "subject": {"sub": _SOMEBODY},
    }
    return {name: value for name, value in (claims | wrong.get(way, {})).items() if value is not None}


def _asked(party: Party, way: str) -> Step | None:
    client = party.bench.roles.asserting
    if client is None or client.private_jwk is None:
        return None
    claims = _changed(way, assertion_claims(client, party.scene.endpoints.issuer, party.bench.now))
    if way in _HMAC:
        public = {name: value for name, value in client.private_jwk.items() if name != "d"}
        made = hs256(Forged({"alg": "HS256"}, claims), key_bytes(public, _HMAC[way]))
    elif way == "unsigned":
        made = f"{part({'alg': 'none'})}.{part(claims)}."
    else:
        made = signed_by(party.bench.nobody.private_jwk("ES256") if way == "other_key" else client.private_jwk, claims)
    party.idp.handed_out.add("client_assertion", made)
    return party.idp.client_credentials(client, made)[0]


def _nameless_again(party: Party) -> Step | None:
    """Without a ``jti``, by which one would be known again: who takes it takes it once (OpenID Connect Core, 9)."""
    client = party.bench.roles.asserting
    if client is None or client.private_jwk is None:
        return None
    claims = assertion_claims(client, party.scene.endpoints.issuer, party.bench.now)
    made = signed_by(client.private_jwk, {name: value for name, value in claims.items() if name != "jti"})
    party.idp.handed_out.add("client_assertion", made)
    first, _ = party.idp.client_credentials(client, made)
    if first.decision != "accept":
        return first
    return party.idp.client_credentials(client, made)[0] if party.bench.observe(first) else None


class AssertionUnfit(AskedKind):
    name = "assertion_unfit"
    invariant = "assertions_checked"
    made = (
        "A new assertion of a client, for another audience or none, expired, without an end, for later, by another "
        "issuer, about another subject, signed by a key of nobody's, by its own public key as if that were a secret, "
        "or not at all; and one without a `jti` a second time, where it is taken once."
    )
    bad = "From birth: one claim, or the signature, is not what makes it a proof for this IdP."
    why = "What a client shows to another server, or showed long ago, opens this one."
    source = "RFC 7523 section 3, RFC 8725 section 2.1, CVE-2024-37568, CVE-2025-27370, CVE-2025-27371"
    needs = ("assertions",)
    says_nothing = frozenset()
    """The refusal of the client is what is asked for."""
    asks = (
        *(
            Ask(way, partial(_asked, way=way))
            # The gravest first: a short run does not come to all of them.
            for way in ("other_key", "unsigned", *_HMAC, "audience", "subject", "issuer", "expired")
        ),
        Ask("nameless_again", _nameless_again),
        *(Ask(way, partial(_asked, way=way)) for way in ("no_audience", "no_exp", "not_yet")),
    )
