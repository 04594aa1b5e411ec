"""Clients that registered themselves to be held to something, and are not: what they may do, how, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.base import Forged
from idchaos.load.canaries.given import Form
from idchaos.load.canaries.party import LastStep, Party, read
from idchaos.load.decide import at_refusal, json_object
from idchaos.load.idp.client import Registered, Step
from idchaos.load.idp.possession import ALG, proof_claims, proof_header
from idchaos.load.idp.provider import Asked
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic

_MACHINE: Final[Form] = (("grant_type", "client_credentials"),)
_MOVED: Final = "/moved"
"""What is added to a redirect URI to make it another one."""


def _made(party: Party, redirect_uris: tuple[str, ...], further: Mapping[str, Any]) -> Registered | None:
    """A client of its own; ``None`` where the IdP does not confirm those metadata."""
    step, made = party.idp.register(redirect_uris=redirect_uris, further=further)
    return made if party.bench.observe(step) else None


def _leaves(party: Party, made: Registered) -> None:
    if not party.scene.stopping:
        party.scene.upkeep(party.idp.unregister(made))


def _usual(party: Party) -> str:
    """A redirect URI that the IdP may register."""
    return (party.confidential.redirect_uri if party.confidential else None) or ""


def _logs_in(party: Party, made: Registered, redirect_uri: str) -> Step | None:
    """The step of a login that refuses, or that gives a code."""
    client = made.client.model_copy(update={"redirect_uri": redirect_uri, "scope": "openid"})
    if party.user is None:
        return None
    watch = LastStep(party.scene)
    party.idp.code(client, party.user, watch)
    last = watch.last
    if last is None or party.scene.stopping:
        watch.drop()
        return None
    if last.decision == "undecided" and last.answer.status >= 400:
        # A page that says no: an error goes to no client by a way that is not its own.
        return replace(last, decision=(said := at_refusal(last.answer))[0], code=said[1])
    return last


def _unbound(party: Party) -> Step | None:
    """Without a proof; shown before: that it is served with one."""
    made = _made(party, (), {"dpop_bound_access_tokens": True})
    if made is None:
        return None
    keys, url = party.bench.nobody, party.idp.url_of("token")
    proof = keys.sign(Forged(proof_header(keys.jwk(ALG)), proof_claims("POST", url, party.bench.now)))
    served = party.bench.observe(_token(party, made.client, DPoP=proof))
    found = _token(party, made.client) if served else None
    _leaves(party, made)
    return found


def _token(party: Party, client: Client, **headers: str) -> Step:
    step = read(party.idp, Asked("token", form=_MACHINE, headers=basic(client) | headers))
    party.idp.handed_out.add_response(json_object(step.answer.body))
    return step


def _unpushed(party: Party) -> Step | None:
    uri = _usual(party)
    made = _made(party, (uri,), {"require_pushed_authorization_requests": True}) if uri else None
    if made is None:
        return None
    found = _logs_in(party, made, uri)
    _leaves(party, made)
    return found


def _another_grant(party: Party) -> Step | None:
    """It may log users in, and nothing else."""
    uri = _usual(party)
    made = _made(party, (uri,), {"grant_types": ["authorization_code"]}) if uri else None
    if made is None or not made.client.client_secret:
        return None
    found = _token(party, made.client)
    _leaves(party, made)
    return found


def _moved(party: Party) -> Step | None:
    """By a redirect URI that the client has replaced since; shown before: that it served."""
    uri = _usual(party)
    made = _made(party, (uri,), {}) if uri else None
    if made is None:
        return None
    before, found = _logs_in(party, made, uri), None
    if before is not None and party.bench.observe(before):
        moved = {"grant_types": ["authorization_code"], "redirect_uris": [uri + _MOVED]}
        step, changed = party.idp.reregister(made, moved)
        found = _logs_in(party, made, uri) if party.bench.observe(step) and changed else None
        made = changed or made
    _leaves(party, made)
    return found


class RegistrationUnkept(AskedKind):
    name = "registration_unkept"
    invariant = "registrations_are_kept"
    made = (
        "A client that registers itself and then does otherwise: with `dpop_bound_access_tokens` it asks for a token "
        "without a proof, with `require_pushed_authorization_requests` its user logs in by a request that was not "
        "pushed, with `grant_types` of users alone it asks for a token for itself, and its user logs in by a redirect "
        "URI that it has replaced since."
    )
    bad = "From birth, or from the replacement on, where the IdP has confirmed that it is registered so."
    why = "What a client was made safe by holds on paper alone: a leaked secret, or a page that was given up, will do."
    source = "RFC 7592 section 2.2, RFC 9449 section 5.2, RFC 9126 section 6, RFC 7591 section 2 (`grant_types`)"
    needs = ("registration", "users", "refresh_tokens")
    says_nothing = frozenset()
    """That the client is refused is what is asked for."""
    asks = (
        Ask("redirect_replaced", _moved, ("register",)),
        Ask("unbound", _unbound, ("register",), told="dpop_signing_alg_values_supported"),
        Ask("unpushed", _unpushed, ("register", "par")),
        Ask("another_grant", _another_grant, ("register",)),
    )
