"""Codes and tokens at the token endpoint, in the place of others."""

from __future__ import annotations

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party, read
from idchaos.load.idp.client import Step
from idchaos.load.idp.provider import Asked
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic


def _refreshed_by(party: Party, client: Client, value: str) -> Step:
    form = (("grant_type", "refresh_token"), ("refresh_token", value))
    return read(party.idp, Asked("token", form=form, headers=basic(client)))


def _code_as_refresh_token(party: Party) -> Step | None:
    found = party.code()
    return _refreshed_by(party, found[0], found[1].value) if found else None


def _access_as_refresh_token(party: Party) -> Step | None:
    held = party.login()
    return _refreshed_by(party, held.client, held.access_token) if held else None


def _refresh_as_code(party: Party) -> Step | None:
    """With the verifier and the redirect URI of the code that the session began with."""
    found = party.code()
    held = party.redeem(*found) if found else None
    if found is None or held is None or not held.refresh_token:
        return None
    client, code = found
    form = (
        ("grant_type", "authorization_code"),
        ("code", held.refresh_token),
        ("redirect_uri", code.redirect_uri),
        ("code_verifier", code.verifier),
    )
    return read(party.idp, Asked("token", form=form, headers=basic(client)))


class TokenMisused(AskedKind):
    name = "token_misused"
    invariant = "tokens_serve_one_purpose"
    made = "A code and an access token as refresh tokens, and a refresh token as a code, each by its own client."
    bad = "From birth: none of them is what it is sent as."
    why = "What lives for seconds goes on for days: codes without their verifier, access tokens without an end."
    source = "RFC 6749 sections 4.1.3, 5.2 (`invalid_grant`) and 6"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("code_as_refresh_token", _code_as_refresh_token),
        Ask("access_as_refresh_token", _access_as_refresh_token),
        Ask("refresh_as_code", _refresh_as_code),
    )
