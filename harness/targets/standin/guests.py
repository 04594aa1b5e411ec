"""Clients and users of one's own at the stand-in IdP: what ``idchaos up`` is given in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, ValidationError, model_validator

from idchaos.errors import UsageError
from idchaos.files import json_of, toml_of
from idchaos.targets.endpoints import EXCHANGE, Grant
from idchaos.values import Value

Guest = TypeVar("Guest", bound=Value)
Alg = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]

ISSUER_PATH = r"^((/[A-Za-z0-9._~-]+)+/?)?$"


def absolute(uri: str) -> str:
    """The URI, if it is one to redirect to (RFC 6749 section 3.1.2); ``ValueError`` otherwise."""
    try:
        parts = urlsplit(uri)
        fits = bool(parts.scheme and (parts.netloc or parts.path)) and uri.isascii() and uri.isprintable()
    except ValueError:
        fits = False
    if not fits or "#" in uri or " " in uri:
        raise ValueError("a redirect URI is absolute, printable ASCII, and has no fragment (RFC 6749 section 3.1.2)")
    return uri


def subject(name: str) -> str:
    """The name, if it can be a ``sub``; ``ValueError`` otherwise."""
    if not (name.isascii() and name.isprintable()):
        raise ValueError("it is the user's sub as well, and that is ASCII (OpenID Connect Core section 2)")
    return name


RedirectUri = Annotated[str, AfterValidator(absolute)]


class GuestClient(Value):
    """A client to register. Neither secret nor key: a public one. Without ``scope`` and ``audience``: all there are."""

    client_id: str = Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")
    client_secret: str | None = Field(None, min_length=1, repr=False)
    public_jwk: dict[str, JsonValue] | None = None
    grants: tuple[Grant, ...] = ("authorization_code", "refresh_token")
    redirect_uris: tuple[RedirectUri, ...] = ()
    post_logout_redirect_uris: tuple[RedirectUri, ...] = ()
    scope: str | None = None
    audience: tuple[str, ...] | None = None
    token_format: Literal["jwt", "opaque"] = "jwt"
    access_ttl_s: float | None = Field(None, gt=0)
    introspects: bool = False
    name: str = Field("", max_length=200)
    require_pkce: bool = False
    asks_consent: bool = False
    require_par: bool = False
    require_dpop: bool = False
    require_dpop_nonce: bool = False
    backchannel_logout_uri: RedirectUri | None = None
    claims: dict[str, JsonValue] = Field(default_factory=dict)
    id_token_alg: Alg | None = None

    @model_validator(mode="after")
    def _fits(self) -> GuestClient:
        if self.client_secret is not None and self.public_jwk is not None:
            raise ValueError("a client has a secret or a key, not both")
        if self.public_jwk is not None and ("kty" not in self.public_jwk or "d" in self.public_jwk):
            raise ValueError("public_jwk is not a public key as a JWK (RFC 7517)")
        public = self.client_secret is None and self.public_jwk is None
        if public and (self.introspects or {"client_credentials", EXCHANGE} & set(self.grants)):
            raise ValueError(
                "client credentials, token exchange and introspection need a client_secret or a public_jwk"
            )
        if "authorization_code" in self.grants and not self.redirect_uris:
            raise ValueError("authorization_code needs redirect_uris")
        return self


class GuestUser(Value):
    """Someone who can log in."""

    username: Annotated[str, AfterValidator(subject)] = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, repr=False)
    name: str = ""
    email: str = ""
    claims: dict[str, JsonValue] = Field(default_factory=dict)


class Guests(Value):
    """All of them, where the stand-in's own clients may be answered besides, and how the IdP is to look to them."""

    clients: tuple[GuestClient, ...] = ()
    users: tuple[GuestUser, ...] = ()
    redirect_uris: tuple[RedirectUri, ...] = ()
    post_logout_redirect_uris: tuple[RedirectUri, ...] = ()
    tls: bool = False
    """Clients come by https; what is behind the links stays as it is."""
    issuer_path: str = Field("", pattern=ISSUER_PATH)


def clients_of(path: Path, taken: Sequence[str]) -> tuple[GuestClient, ...]:
    """The clients of a file, JSON or TOML: a list of them, or the member ``clients``.

    Raises:
        UsageError: it can't be read, something in it is wrong, or a ``client_id`` is among ``taken`` or there twice.
    """
    found = _read(path, "clients", GuestClient)
    _check_unique(path, "client_id", [client.client_id for client in found], taken)
    return found


def users_of(path: Path, taken: Sequence[str]) -> tuple[GuestUser, ...]:
    """The users of a file, likewise: the member ``users``."""
    found = _read(path, "users", GuestUser)
    _check_unique(path, "username", [user.username for user in found], taken)
    return found


def uris_of(option: str, uris: Sequence[str]) -> tuple[str, ...]:
    """Redirect URIs of an option; ``UsageError`` when one is none."""
    for uri in uris:
        try:
            absolute(uri)
        except ValueError as error:
            raise UsageError(f"{option}: {uri!r}: {error}") from None
    return tuple(uris)


def _read(path: Path, member: str, kind: type[Guest]) -> tuple[Guest, ...]:
    try:
        document: Any = toml_of(path) if path.suffix == ".toml" else json_of(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: neither JSON nor (as *.toml) TOML: {error}") from None
    entries = document.get(member) if isinstance(document, dict) else document
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path}: a list of {member} is expected, or an object with the member {member!r}")
    found: list[Guest] = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(kind.model_validate(entry))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            says = first["msg"].removeprefix("Value error, ")
            raise UsageError(f"{path}: {member} {number}: {f'{where}: ' if where else ''}{says}") from None
    return tuple(found)


def _check_unique(path: Path, what: str, names: list[str], taken: Sequence[str]) -> None:
    for name in names:
        if name in taken:
            raise UsageError(f"{path}: {what} {name!r} is one of the stand-in's own; take another")
        if names.count(name) > 1:
            raise UsageError(f"{path}: {what} {name!r} is there twice")
