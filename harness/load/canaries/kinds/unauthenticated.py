"""Clients with a secret that ask without it."""

from __future__ import annotations

from dataclasses import replace

from idchaos.load.canaries.asking import Ask, AskedKind, unless
from idchaos.load.canaries.party import Party, read
from idchaos.load.decide import json_object
from idchaos.load.idp.client import Step
from idchaos.load.idp.provider import Asked
from idchaos.load.idp.tokens import peek
from idchaos.targets.capabilities import PROBE_HEADER
from idchaos.targets.oidc import basic


def _refresh(party: Party) -> Step | None:
    held = party.login()
    if held is None or not held.refresh_token:
        return None
    form = (
        ("grant_type", "refresh_token"),
        ("refresh_token", held.refresh_token),
        ("client_id", held.client.client_id),
    )
    return read(party.idp, Asked("token", form=form))


def _named(party: Party) -> Step | None:
    """By another client, which proves who it is in the header and names the token's own in the form."""
    held, other = party.login(), party.other
    if held is None or other is None or not held.refresh_token:
        return None
    form = (
        ("grant_type", "refresh_token"),
        ("refresh_token", held.refresh_token),
        ("client_id", held.client.client_id),
    )
    return read(party.idp, Asked("token", form=form, headers=basic(other)))


def _code(party: Party) -> Step | None:
    found = party.code()
    if found is None:
        return None
    client, code = found
    form = (
        ("grant_type", "authorization_code"),
        ("code", code.value),
        ("redirect_uri", code.redirect_uri),
        ("code_verifier", code.verifier),
        ("client_id", client.client_id),
    )
    return read(party.idp, Asked("token", form=form))


def _introspect(party: Party) -> Step | None:
    """Of a token that is told to be active to who may ask. ``inactive`` tells a stranger nothing."""
    held, asking = party.login(), party.scene.endpoints.introspection_client
    if held is None or asking is None or not party.bench.observe(party.idp.introspect(asking, held.access_token)):
        return None
    step = read(party.idp, Asked("introspect", form=(("token", held.access_token),), headers=PROBE_HEADER))
    if step.decision == "accept" and json_object(step.answer.body).get("active") is not True:
        return replace(step, decision="deny", code="told_inactive")
    return step


def _revoke(party: Party) -> Step | None:
    held = party.login()
    if held is None or not held.refresh_token:
        return None
    form = (("token", held.refresh_token), ("token_type_hint", "refresh_token"), ("client_id", held.client.client_id))
    step = read(party.idp, Asked("revoke", form=form))
    return unless(step, party.refreshes(held) if step.decision == "accept" else None, "had_no_effect")


def _respelled(party: Party) -> Step | None:
    """By a client's own secret, under its name in other letters. It counts when the token names whom nobody knows: an
    IdP whose names have no case gives the one that is registered.
    """
    client = party.machine
    name = client.client_id.swapcase() if client else ""
    if client is None or name == client.client_id:
        return None
    step, body = party.idp.client_credentials(client.model_copy(update={"client_id": name}))
    claims = peek(str(body.get("access_token", "")))[1]
    return unless(step, name not in claims.values() if claims else None, "named_as_registered")


class Unauthenticated(AskedKind):
    name = "unauthenticated"
    invariant = "clients_prove_themselves"
    made = (
        "A refresh, a redemption, an introspection and a revocation without the secret of the client that has one; and "
        "a refresh by another client, which names that one in the form beside its own secret in the header; and a "
        "token for a client whose name is written in other letters."
    )
    bad = (
        "From birth: whoever has a secret must show it, and no such name is registered. A revocation counts when the "
        "token is good no more, a name when the token has it as it was sent."
    )
    why = "A stolen token or code needs no secret of its owner's, and strangers ask what tokens stand for."
    source = "RFC 6749 sections 1.9, 2.3, 3.2.1, 4.1.3 and 6, RFC 7009 section 2.1, RFC 7662 section 2.1"
    needs = ("refresh_tokens", "users")
    says_nothing = frozenset()
    asks = (
        Ask("refresh", _refresh),
        Ask("code", _code),
        Ask("named_in_form", _named),
        Ask("introspect", _introspect, ("introspect",)),
        Ask("revoke", _revoke, ("revoke",)),
        Ask("respelled", _respelled),
    )
