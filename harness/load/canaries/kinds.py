"""Bad tokens, made from good ones. Pure.

Each canary is bad in one way only: whoever accepts it lacks that one check.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import OctKey, import_key

from idchaos.experiment import SHOWN_FOR_S, Canary
from idchaos.load.idp.tokens import b64, peek, unb64

NOBODY: Final = "https://nobody.invalid"
_FAR_S: Final = 86_400.0
_LIFE_S: Final = 3_600.0
_NEAR_S: Final = 6.0
"""A little longer than until the next stock is made."""

HmacKey = Literal["pem", "pem_stripped", "jwk"]
HMAC_KEYS: Final[tuple[HmacKey, ...]] = ("pem", "pem_stripped", "jwk")
"""The bytes of a public key that a careless library may take for an HMAC key (RFC 8725 section 2.1)."""

KID_PATHS: Final = ("../" * 12 + "dev/null", "/dev/null")
"""An empty file, from wherever a validator keeps its keys."""


# --- forging ------------------------------------------------------------------------------------------------------


def alg_none(token: str, jti: str) -> str:
    """Unsigned, and saying so (RFC 8725 section 3.2)."""
    header, claims = peek(token)
    return f"{_part(header | {'alg': 'none'})}.{_part(_claims(claims, jti))}."


def hmac_with_public_key(token: str, jti: str, jwk: dict[str, Any], form: HmacKey) -> str:
    """Signed by HS256 with the bytes of the public key ``jwk`` (RFC 8725 section 2.1)."""
    header, claims = peek(token)
    head = header | {"alg": "HS256", "kid": jwk.get("kid", header.get("kid", ""))}
    signed = f"{_part(head)}.{_part(_claims(claims, jti))}"
    return f"{signed}.{b64(hmac.new(_key_bytes(jwk, form), signed.encode(), hashlib.sha256).digest())}"


def _key_bytes(jwk: dict[str, Any], form: HmacKey) -> bytes:
    if form == "jwk":
        return json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()
    key = import_key(jwk)
    if isinstance(key, OctKey):
        raise TypeError("a public key set holds no symmetric keys")
    pem = key.as_pem(private=False)
    return pem.strip() if form == "pem_stripped" else pem


def tampered_payload(token: str, jti: str) -> str:
    """Other claims under the old signature: another user with another ``jti``."""
    header, _, signature = token.split(".")
    _, claims = peek(token)
    return f"{header}.{_part(claims | {'sub': 'canary', 'jti': jti})}.{signature}"


def tampered_signature(token: str) -> str:
    """One bit of the signature flipped."""
    header, payload, signature = token.split(".")
    flipped = bytearray(unb64(signature))
    flipped[len(flipped) // 2] ^= 0x01
    return f"{header}.{payload}.{b64(bytes(flipped))}"


def unknown_kid(token: str, jti: str, kid: str, key: ec.EllipticCurvePrivateKey) -> str:
    """Signed properly (ES256), by a key that nobody published."""
    header, claims = peek(token)
    signed = f"{_part(header | {'alg': 'ES256', 'kid': kid})}.{_part(_claims(claims, jti))}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def kid_path(token: str, jti: str, path: str) -> str:
    """Signed by HS256 with the content of the empty file that ``kid`` leads to: the empty secret."""
    header, claims = peek(token)
    signed = f"{_part(header | {'alg': 'HS256', 'kid': path})}.{_part(_claims(claims, jti))}"
    return f"{signed}.{b64(hmac.new(b'', signed.encode(), hashlib.sha256).digest())}"


def _claims(claims: dict[str, Any], jti: str) -> dict[str, Any]:
    """Claims under a name of their own, and valid for long enough to be used while the IdP is away."""
    return claims | {"jti": jti, "exp": int(claims.get("exp", 0) + _LIFE_S)}


def _part(value: dict[str, Any]) -> str:
    return b64(json.dumps(value, separators=(",", ":")).encode())


# --- asking the stand-in for properly signed bad tokens -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ForeignAudience:
    """An ``aud`` claim (RFC 7519 section 4.1.3) that is not the service's which a token is sent to."""

    way: str
    """How it was made."""
    claim: str | list[str] | None
    """``None``: there is no such claim."""
    good_for: str = ""
    """The one audience that it does name: such a token is never sent there."""


def foreign_audiences(audiences: Sequence[str]) -> list[ForeignAudience]:
    """Audiences that are nobody's, that resemble a real one, and, where there are several, that are another's.

    Strings and arrays alike: both are allowed, and compared as they are.
    """
    found = [
        ForeignAudience("nobody_listed", [NOBODY]),
        ForeignAudience("nobody", NOBODY),
        ForeignAudience("none", None),
        ForeignAudience("empty", []),
    ]
    for name in audiences:
        found += [
            ForeignAudience(f"{name}_suffix", f"{name}-attacker"),
            ForeignAudience(f"{name}_prefix", [f"attacker-{name}"]),
            ForeignAudience(f"{name}_case", name.swapcase()),
        ]
        if len(set(audiences)) > 1:
            found += [ForeignAudience(f"for_{name}", claim, good_for=name) for claim in (name, [name], [NOBODY, name])]
    return [each for each in found if each.claim not in audiences or each.good_for]


@dataclass(frozen=True, slots=True)
class MintOrder:
    """One token to ask of the stand-in IdP's control API, and when it is surely bad."""

    kind: Canary
    spec: dict[str, Any]
    """An element of ``tokens`` in ``POST /mint``."""
    bad_from: float = 0.0
    """From when (Unix time) the canary may be sent."""
    bad_until: float = float("inf")
    way: str = ""
    """How it is bad, where a kind has several ways."""
    good_for: str = ""
    """The audience of routes at which it would be a good one."""


def mint_orders(
    kinds: tuple[Canary, ...],
    *,
    client_id: str,
    now: float,
    margin_s: float,
    unknown: str,
    withdrawn: Mapping[str, float],
    foreign: ForeignAudience,
    opaque: bool = False,
) -> list[MintOrder]:
    """What to mint at ``now`` (true time) for each kind that needs the IdP's keys.

    ``withdrawn``: keys that are no longer published, and from when (Unix time) each must be forgotten.

    Time claims lie ``margin_s`` beyond their bound for as long as the canary is used: ``not_yet_valid`` is made
    twice, once close to the bound and good for a short while, once far away for when the IdP stops answering.

    ``opaque``: there are no JWTs in everyday use, so an expired token is made once more as one of the others. It is
    good for :data:`~idchaos.experiment.SHOWN_FOR_S` first, so that it can be shown to whoever may remember it for
    too long.
    """
    orders: list[MintOrder] = []

    def order(
        kind: Canary,
        claims: dict[str, Any],
        *,
        header: dict[str, str] | None = None,
        kid: str | None = None,
        bad_from: float = 0.0,
        bad_until: float = float("inf"),
        way: str = "",
        good_for: str = "",
        opaque: bool = False,
    ) -> None:
        if kind not in kinds:
            return
        spec: dict[str, Any] = {"client_id": client_id, "claims": claims}
        if header:
            spec["header"] = header
        if kid:
            spec["kid"] = kid
        if opaque:
            spec["opaque"] = True
        orders.append(MintOrder(kind, spec, bad_from, bad_until, way, good_for))

    # Otherwise good: valid for long enough to be used while the IdP is away.
    good = {"iat": int(now), "nbf": int(now), "exp": int(now + _LIFE_S)}
    end = int(now - margin_s) - 1
    order(Canary.EXPIRED, {"iat": end - 300, "nbf": end - 300, "exp": end})
    if opaque:
        over = now + SHOWN_FOR_S
        order(Canary.EXPIRED, {"exp": over}, opaque=True, bad_from=over + margin_s, way="opaque")
    for ahead in (_NEAR_S, _FAR_S):
        begin = int(now + margin_s + ahead) + 1
        times = {"iat": int(now), "nbf": begin, "exp": int(begin + _LIFE_S)}
        order(Canary.NOT_YET_VALID, times, bad_until=begin - margin_s)
    order(Canary.WRONG_AUDIENCE, good | {"aud": foreign.claim}, way=foreign.way, good_for=foreign.good_for)
    order(Canary.WRONG_ISSUER, good | {"iss": NOBODY})
    order(Canary.UNKNOWN_KID, good, header={"kid": unknown})
    for kid, forgotten_from in withdrawn.items():
        order(Canary.RETIRED_KEY, good, kid=kid, bad_from=forgotten_from)
    return orders


# --- requests that are bad otherwise ------------------------------------------------------------------------------


def identity_lines(name: str) -> bytes:
    """Header lines by which a client calls itself ``name``: in the stand-ins' spelling, in one that some servers hold
    for the same, and in those of common proxies.
    """
    return b"".join(f"{header}: {name}\r\n".encode("latin-1") for header in _IDENTITY_HEADERS)


_IDENTITY_HEADERS: Final = (
    "Idchaos-Subject",
    "Idchaos-Client",
    "Idchaos_Subject",
    "X-Forwarded-User",
    "X-Auth-Request-User",
    "X-User-Id",
)
