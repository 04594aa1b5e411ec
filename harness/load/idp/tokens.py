"""Tokens as the load generator holds them. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from idchaos.load.engine.recorder import NAN, About

_LAST_SHARE = 0.1
_LAST_S = 1.0
_DEFAULT_LIFE_S = 300.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with what a client knows of it. Never printed: it has no readable form.

    ``obtained_at`` is when it was asked for, in true Unix time of the client: what it expires by, for a client, is
    ``obtained_at + life_s`` (RFC 6749 section 5.1, ``expires_in``), whatever clock the IdP has.
    """

    value: str
    bearer: bytes
    """The header line ``Authorization`` with its end of line."""
    life_s: float
    obtained_at: float
    about: About
    refresh: str | None = None
    id_token: str | None = None

    def __repr__(self) -> str:
        return f"Token(kid={self.about.kid!r}, jti={self.about.jti!r})"

    def usable(self, now: float) -> bool:
        """Whether a careful client still sends it: not in the last second (or tenth) of its life.

        A token that ends while its request travels would be refused rightly.
        """
        return now < self.obtained_at + self.life_s - min(_LAST_S, self.life_s * _LAST_SHARE)


def token_from(body: dict[str, Any], *, session: str, asked_at: float, way: str = "") -> Token:
    """The token of a token response that was asked for at ``asked_at``."""
    value = body["access_token"]
    header, claims = peek(value)
    told = body.get("expires_in")
    life = float(told) if isinstance(told, int | float) and told > 0 else 0.0
    if not header and life:
        # Nobody can look into it: its life is what the answer said.
        claims = {"jti": _hashed(value), "iat": asked_at, "exp": asked_at + life}
        claims |= {"sub": _subject(body.get("id_token"))}
    if not life:
        life = _number(claims.get("exp")) - _number(claims.get("iat"))
        life = life if life > 0 else _DEFAULT_LIFE_S
    refresh, id_token = body.get("refresh_token"), body.get("id_token")
    return Token(
        value=value,
        bearer=bearer_line(value),
        life_s=life,
        obtained_at=asked_at,
        about=about(value, session=session, obtained_at=asked_at, way=way, claims=claims),
        refresh=refresh if isinstance(refresh, str) else None,
        id_token=id_token if isinstance(id_token, str) else None,
    )


def bearer_line(value: str) -> bytes:
    """The header line that carries a token (RFC 6750 section 2.1)."""
    return b"Authorization: Bearer " + value.encode("latin-1") + b"\r\n"


def about(
    value: str,
    *,
    session: str,
    obtained_at: float,
    way: str = "",
    subject_service: str = "",
    claims: dict[str, Any] | None = None,
) -> About:
    """What samples say of a token. One that is no JWT has no header: it is opaque, and ``claims`` are what is known of
    it otherwise. A JWT without a name, as many an IdP's are, is known by its hash.
    """
    header, read = peek(value)
    claims = read if claims is None else claims
    token_format: Literal["jwt", "opaque"] = "jwt" if header else "opaque"
    return About(
        session=session,
        way=way,
        subject_service=subject_service,
        kid=str(header.get("kid", "")),
        jti=str(claims.get("jti") or (_hashed(value) if header else "")),
        format=token_format,
        iat=_number(claims.get("iat")),
        exp=_number(claims.get("exp")),
        obtained_at=obtained_at,
        subject=subject if isinstance(subject := claims.get("sub"), str) else "",
        client=_client(claims),
    )


def _client(claims: dict[str, Any]) -> str:
    """Whom it was given to, by whichever claim says so (RFC 9068 section 2.2, and what IdPs had before it); empty where
    none does, or two say different things.
    """
    found = {value for name in ("client_id", "azp", "cid") if isinstance(value := claims.get(name), str)}
    return found.pop() if len(found) == 1 else ""


def peek(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT, unverified; both empty for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}, {}
    try:
        header, claims = json.loads(unb64(parts[0])), json.loads(unb64(parts[1]))
    except (ValueError, RecursionError):
        return {}, {}
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else ({}, {})


def unb64(text: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _hashed(value: str) -> str:
    return f"sha256-{hashlib.sha256(value.encode()).hexdigest()[:16]}"


def _subject(id_token: object) -> str:
    """Whom a login was of (OpenID Connect Core section 2); empty without an ID token."""
    found = peek(id_token)[1].get("sub") if isinstance(id_token, str) else ""
    return found if isinstance(found, str) else ""


def _number(value: object) -> float:
    """A time claim as a number; NaN for whatever is none, or none that a float can hold."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else NAN
    except OverflowError:
        return NAN
