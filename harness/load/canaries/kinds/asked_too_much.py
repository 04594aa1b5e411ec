"""Requests for tokens that are good for more than their client has been given."""

from __future__ import annotations

from functools import partial

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.given import NOBODYS_API, Form, another_scope, asked_for, audiences, code_form
from idchaos.load.canaries.party import Party, read
from idchaos.load.decide import json_object
from idchaos.load.idp.client import Step
from idchaos.load.idp.provider import Asked
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic


def _client_scope(party: Party) -> Step | None:
    client = party.machine
    if client is None:
        return None
    scope = another_scope(party, client)
    form = (("grant_type", "client_credentials"), ("scope", f"{client.scope} {scope}".strip()))
    return asked_for(party, client, form, scope=scope)


def _client_resource(party: Party) -> Step | None:
    """An API's, by a client whose tokens are for none of them; where there is no such client, one that is nobody's."""
    stranger, wished = party.bench.stranger, party.bench.audiences
    known = stranger is not None and stranger.client_secret and wished
    client, resource = (stranger, wished[0]) if known else (party.machine, NOBODYS_API)
    if client is None:
        return None
    form = (("grant_type", "client_credentials"), ("resource", resource))
    return asked_for(party, client, form, audience=resource)


def _login_scope(party: Party) -> Step | None:
    """The login itself may be refused before anybody is asked who they are, which is as good."""
    client = party.confidential
    if client is None or party.user is None:
        return None
    scope = another_scope(party, client)
    asking = client.model_copy(update={"scope": f"{client.scope} {scope}"})
    steps: list[Step] = []

    def observe(step: Step) -> bool:
        steps.append(step)  # the one that refuses is the sample
        return step.decision != "deny" and party.bench.observe(step)

    code = party.idp.code(asking, party.user, observe)
    if code is None:
        refused = next((step for step in steps[-1:] if step.decision == "deny"), None)
        if refused is None or (refused.endpoint == "authorize" and not party.scene.stopping):
            return refused
        party.scene.upkeep(refused)
        return None
    return asked_for(party, client, code_form(code, code.verifier), scope=scope)


def _narrow_login(party: Party) -> tuple[Client, Form, str, str] | None:
    """A code that was asked for one resource only: its client, how it is redeemed, that resource, and another one that
    the client may have.
    """
    client, wished = party.confidential, party.bench.audiences
    if client is None or party.user is None or len(wished) < 2:
        return None
    one, other = wished[:2]
    code = party.idp.code(client, party.user, party.bench.observe, further={"resource": one})
    return (client, code_form(code, code.verifier), one, other) if code else None


def _code_resource(party: Party) -> Step | None:
    found = _narrow_login(party)
    if found is None:
        return None
    client, form, _, other = found
    return asked_for(party, client, (*form, ("resource", other)), audience=other)


def _refresh_resource(party: Party, *, named: bool) -> Step | None:
    """``named``: for another resource; else for none, which means what was granted (RFC 8707 section 2.2)."""
    found = _narrow_login(party)
    if found is None:
        return None
    client, form, _, other = found
    step = read(party.idp, Asked("token", form=form, headers=basic(client)))
    body = json_object(step.answer.body)
    party.idp.handed_out.add_response(body)
    refresh, given = body.get("refresh_token"), audiences(body.get("access_token"))
    if not party.bench.observe(step) or not isinstance(refresh, str) or given is None or other in given:
        return None  # an IdP that does not narrow has granted all of it
    again: Form = (("grant_type", "refresh_token"), ("refresh_token", refresh))
    again = (*again, ("resource", other)) if named else again
    return asked_for(party, client, again, audience=other)


class AskedTooMuch(AskedKind):
    name = "asked_too_much"
    invariant = "nobody_gets_more_than_granted"
    made = (
        "A client that asks for a scope of another's, for itself and for a user; for the audience of an API that its "
        "tokens are not for; and for another audience than its user's grant is for, by the code and by a refresh, also "
        "by one that names none."
    )
    bad = "From birth: nobody has granted it. It counts when the token that is given has it."
    why = "Any client makes itself what tokens it likes: the least of them is as good as the mightiest."
    source = "RFC 6749 section 3.3, RFC 8707 sections 2 and 2.2, RFC 9700 section 2.3"
    needs = ("revocation",)
    asks = (
        Ask("client_scope", _client_scope),
        Ask("client_resource", _client_resource),
        Ask("login_scope", _login_scope),
        Ask("code_resource", _code_resource),
        Ask("refresh_resource", partial(_refresh_resource, named=True)),
        Ask("refresh_resets", partial(_refresh_resource, named=False)),
    )
