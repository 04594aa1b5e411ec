"""Ways to have a token signed by the IdP's key that the IdP itself would not issue."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from idchaos.load.decide import json_object
from idchaos.load.engine.response import Sends
from idchaos.load.idp.tokens import b64, peek

AT_ONCE: Final = 100
"""Orders in one request: with what makes some of them long, some hundred kilobytes."""


WRITTEN: Final = {"scope": ("scp", "roles"), "client_id": ("azp", "cid"), "jti": ("uti",)}
"""Claims of RFC 9068, and where tokens of other IdPs have the same: Keycloak's, Entra's, Auth0's, Okta's."""


@dataclass(frozen=True)
class TokenSpec:
    """A token to be made: what differs from one that the IdP would issue now."""

    claims: dict[str, Any] = field(default_factory=dict)
    """A value of ``None``: there is no such claim."""
    header: dict[str, Any] = field(default_factory=dict)
    kid: str = ""
    """The key to sign it by; empty: the one in use."""
    opaque: bool = False
    client_id: str = ""
    """Whose token it looks like; empty: that of the client it is asked for."""


class Mints(Protocol):
    """Makes tokens to order. May be asked by several greenlets at once."""

    of_any_client: ClassVar[bool]
    """Whether it makes tokens of whichever client is named, or all like the one that it knows."""

    def mint(self, client_id: str, specs: Sequence[TokenSpec]) -> list[str | None]:
        """One token for each spec, in their order; ``None`` for each that can't be had."""


class ControlApi:
    """Asks the stand-in IdP's control API, directly: this path has no link and is never faulted."""

    of_any_client: ClassVar[bool] = True

    def __init__(self, site: Sends, secret: str) -> None:
        self._site, self._secret = site, secret

    def mint(self, client_id: str, specs: Sequence[TokenSpec]) -> list[str | None]:
        """See :class:`Mints`. Of so many at once all or none: a request has its limit."""
        batches = (specs[first : first + AT_ONCE] for first in range(0, len(specs), AT_ONCE))
        return [token for batch in batches for token in self._batch(client_id, batch)]

    def _batch(self, client_id: str, specs: Sequence[TokenSpec]) -> list[str | None]:
        head = self._site.head(
            "POST", "/mint", {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"}
        )
        orders = [self._order(client_id, spec) for spec in specs]
        answer = self._site.send(head, json.dumps({"tokens": orders}).encode())
        made = json_object(answer.body).get("tokens") if answer.status in (200, 201) else None
        tokens = [minted.get("token") for minted in made if isinstance(minted, dict)] if isinstance(made, list) else []
        whole = all(isinstance(token, str) for token in tokens) and len(tokens) == len(specs)
        return list(tokens) if whole else [None] * len(specs)

    def _order(self, client_id: str, spec: TokenSpec) -> dict[str, Any]:
        order: dict[str, Any] = {"client_id": spec.client_id or client_id, "claims": spec.claims}
        order |= {"header": spec.header} if spec.header else {}
        order |= {"kid": spec.kid} if spec.kid else {}
        return order | ({"opaque": True} if spec.opaque else {})


def as_written(changes: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """Changes of claims, named as RFC 9068 does, where a token like ``example`` has them: an API that reads scopes from
    ``scp`` sees nothing of a ``scope`` beside it. Pure.
    """
    found = dict(changes)
    for name, others in WRITTEN.items():
        own = next((each for each in others if each in example), None)
        if name in found and name not in example and own is not None:
            value = found.pop(name)
            found[own] = value.split(" ") if isinstance(example[own], list) and isinstance(value, str) else value
    return found


class SigningKey:
    """Signs by keys that the harness holds and the IdP was given: a pure function of a key and a good token."""

    of_any_client: ClassVar[bool] = False

    def __init__(
        self,
        jwk: dict[str, Any],
        example: Callable[[], str | None],
        now: Callable[[], float] = time.time,
        further: Sequence[dict[str, Any]] = (),
    ) -> None:
        """``jwk``: private, with ``kid`` and ``alg`` (RFC 7517); ``further``: others. ``example``: a good token, whose
        header and claims the made ones have but for what was ordered, and whose key is the one in use as long as it is
        held; ``None`` without one.
        """
        self._jwk, self._example, self._now = jwk, example, now
        self._imported: dict[str, Any] = {}
        self._held = {str(each.get("kid", "")): each for each in (*further, jwk)}

    def mint(self, client_id: str, specs: Sequence[TokenSpec]) -> list[str | None]:
        """See :class:`Mints`. Opaque tokens, and those of other keys, can't be had."""
        example = self._example()
        header, claims = peek(example) if example else ({}, {})
        if not header:
            return [None] * len(specs)
        in_use = self._held.get(str(header.get("kid")), self._jwk)
        return [
            None if spec.opaque or key is None else self._made(key, header, claims, spec)
            for spec in specs
            for key in [self._held.get(spec.kid) if spec.kid else in_use]
        ]

    def _made(self, jwk: dict[str, Any], header: dict[str, Any], claims: dict[str, Any], spec: TokenSpec) -> str:
        life = int(claims.get("exp", 0)) - int(claims.get("iat", 0))
        times = {"iat": int(self._now()), "nbf": int(self._now()), "exp": int(self._now()) + life}
        kept = {name: time for name, time in times.items() if name in claims}
        body = claims | {"jti": f"canary-{secrets.token_hex(8)}"} | kept | as_written(spec.claims, claims)
        body = {name: value for name, value in body.items() if value is not None}
        alg = str(jwk.get("alg", header.get("alg", "")))
        head = header | {"alg": alg, "kid": jwk.get("kid", header.get("kid", ""))} | spec.header
        parts = (b64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, body))
        signed = ".".join(parts)
        return f"{signed}.{b64(self._signature(jwk, alg, signed.encode()))}"

    def _signature(self, jwk: dict[str, Any], alg: str, signed: bytes) -> bytes:
        """By the algorithm alone: a library's own checks would refuse headers that are wrong on purpose."""
        from joserfc.jwk import import_key
        from joserfc.jws import JWSRegistry

        kid = str(jwk.get("kid", ""))
        if kid not in self._imported:  # which takes far longer than to sign
            self._imported[kid] = import_key(jwk)
        return JWSRegistry.algorithms[alg].sign(signed, self._imported[kid])
