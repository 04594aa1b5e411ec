"""Tokens revoked with a hint that is wrong, unknown, or not there."""

from __future__ import annotations

from functools import partial

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step
from idchaos.targets.endpoints import Client

UNKNOWN = "idchaos_token"
"""A hint that no registry has."""
_REFRESH = {"wrong": "access_token", "unknown": UNKNOWN, "none": ""}
_ACCESS = {"wrong": "refresh_token", "unknown": UNKNOWN, "none": ""}


def _gone(party: Party, client: Client, token: str, hint: str) -> bool:
    """Whether the IdP says that the token is good no more. One that refuses the hint leaves nobody in the belief."""
    return party.bench.observe(party.idp.revoke(client, token, hint))


def _refresh_token(party: Party, hint: str) -> Step | None:
    held = party.login()
    if held is None or not held.refresh_token or not _gone(party, held.client, held.refresh_token, hint):
        return None
    return party.idp.refresh(held.client, held.refresh_token)[0]


def _access_token(party: Party, token_format: str, hint: str) -> Step | None:
    """It was told to be active before: else that it is inactive would say nothing of the revocation."""
    client = next((each for each in party.bench.machines if each.token_format == token_format), None)
    asking, token = party.scene.endpoints.introspection_client, party.bench.machine_token(client) if client else None
    if client is None or asking is None or token is None:
        return None
    if not party.bench.observe(party.idp.introspect(asking, token.value)):
        return None
    return party.idp.introspect(asking, token.value) if _gone(party, client, token.value, hint) else None


class RefreshRevokedByHint(AskedKind):
    name = "refresh_revoked_by_hint"
    invariant = "revocation_hints_only_hint"
    made = "A refresh token that was revoked as an access token, as one of another kind, or without a hint; then used."
    bad = "From the revocation on: the hint may make the search shorter, and must not narrow it."
    why = "A client is told that a stolen token is dead, and it goes on living."
    source = "RFC 7009 sections 2.1 and 2.2"
    needs = ("refresh_tokens", "users")
    asks = tuple(
        Ask(f"refresh_{way}", partial(_refresh_token, hint=hint), ("revoke",)) for way, hint in _REFRESH.items()
    )


class AccessRevokedByHint(AskedKind):
    name = "access_revoked_by_hint"
    invariant = "revocation_hints_only_hint"
    made = (
        "Introspection of an access token that was revoked as a refresh token, as one of unknown kind, or without a "
        "hint: a JWT, and an opaque one."
    )
    bad = "From the revocation on, which the IdP knows of at once: the hint must not narrow its search."
    why = "A client is told that a stolen token is dead, and it goes on living."
    source = "RFC 7009 sections 2.1 and 2.2"
    needs = ("revocation", "introspection")
    rare = False
    costs_a_login = False
    asks = tuple(
        Ask(f"{form}_{way}", partial(_access_token, token_format=form, hint=hint), ("revoke", "introspect"))
        for form in ("jwt", "opaque")
        for way, hint in _ACCESS.items()
    )
