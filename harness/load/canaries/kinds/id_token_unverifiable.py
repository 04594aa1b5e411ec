"""ID tokens that a careful client would not believe, though the IdP has just made them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step
from idchaos.load.idp.id_tokens import flaw_of
from idchaos.targets.endpoints import Client


def _login(party: Party) -> Step | None:
    """At each client that users log in at, in turn."""
    before = party.idp.jwks()
    found = None if before is None else _began(party)
    return _looked_at(party, *found, before) if before is not None and found else None


def _refresh(party: Party) -> Step | None:
    found = _began(party)
    client, _, body = found or (None, None, {})
    refresh = body.get("refresh_token")
    before = party.idp.jwks() if isinstance(refresh, str) else None
    if found is not None:
        party.scene.upkeep(found[1])
    if client is None or before is None or not isinstance(refresh, str):
        return None
    return _looked_at(party, client, *party.idp.refresh(client, refresh), before)


def _began(party: Party) -> tuple[Client, Step, dict[str, Any]] | None:
    clients: Iterator[Client] = party.scene.shared("clients of ID tokens", lambda: cycle(party.bench.roles.of_users))
    client = next(clients, None)
    code = party.idp.code(client, party.user, party.bench.observe) if client and party.user else None
    return (client, *party.idp.redeem(client, code, code.verifier)) if client and code else None


def _looked_at(
    party: Party, client: Client, step: Step, body: dict[str, Any], before: list[dict[str, Any]]
) -> Step | None:
    """Refused: nobody would refuse it. A key counts that was published before the token was made, or is afterwards."""
    id_token, access_token = body.get("id_token"), body.get("access_token")
    if not isinstance(id_token, str) or not isinstance(access_token, str):
        party.scene.upkeep(step)
        return None

    def flaw(keys: list[dict[str, Any]]) -> str:
        return flaw_of(id_token, keys, issuer=party.idp.issuer, client_id=client.client_id, access_token=access_token)

    found = step.flaw or flaw(before)
    after = party.idp.jwks() if found == "key_not_published" else before
    if not after or party.scene.stopping:  # where no key can be had, nobody can say
        party.scene.upkeep(step)
        return None
    found = flaw(after) if found == "key_not_published" else found
    return replace(step, decision="accept" if found else "deny", code=found or "verifies", flaw="")


class IdTokenUnverifiable(AskedKind):
    name = "id_token_unverifiable"
    invariant = "id_tokens_verify"
    made = (
        "A login and a refresh of its own, at each client in turn, whose ID token is held against the published keys, "
        "the issuer, the client, the nonce and the access token."
    )
    bad = "It counts when the key was not published before the token was asked for, nor afterwards."
    why = "Careful clients throw their users out; careless ones go on believing a key that was withdrawn."
    source = "OpenID Connect Core sections 3.1.3.7 and 10.1.1, OpenID Connect Discovery section 3"
    needs = ("users", "published_keys")
    asks = (Ask("login", _login), Ask("refresh", _refresh))
