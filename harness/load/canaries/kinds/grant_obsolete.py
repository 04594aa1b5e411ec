"""Grants that OAuth has given up: the user's password in the client's hands, and tokens in redirects."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party, read
from idchaos.load.decide import at_refusal, json_object, redirect_error
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step
from idchaos.load.idp.journey import REDIRECTS
from idchaos.load.idp.pages import query_of
from idchaos.load.idp.provider import Asked
from idchaos.record.samples import Decision
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic


def at_front(answer: Response) -> tuple[Decision, str]:
    """Whether a redirect to a client carries an access token (RFC 6749 section 4.2.2), in its fragment or its query. An
    answer without one refuses it, whatever else is given.
    """
    if answer.status not in REDIRECTS:
        decision, code = at_refusal(answer)
        return ("undecided", "page") if decision == "accept" else (decision, code)
    location = answer.header("Location")
    told = query_of(location) | query_of(f"?{urlsplit(location).fragment}")
    if told.get("access_token"):
        return "accept", ""
    decision, code = redirect_error(told)
    return ("deny", "no_token_given") if decision == "accept" or code == "bad_redirect" else (decision, code)


def _in_redirect(party: Party, response_type: str, *, public: bool) -> Step | None:
    """By a browser whose user is signed in, so that nothing is left to be asked."""
    client = party.public if public else party.confidential
    held = party.login(client) if client else None
    if held is None or not party.signed_in(held):
        return None
    asked = {"prompt": "none", "response_type": response_type}
    answer = party.idp.silent_code(held.client, held.cookies, asked)[0].answer
    token = query_of(f"?{urlsplit(answer.header('Location')).fragment}").get("access_token", "")
    party.idp.handed_out.add("access_token", token)
    return Step("authorize", answer, *at_front(answer))


def _by_password(party: Party, *, public: bool) -> Step | None:
    """With the right password: it counts when the client gets a token by it."""
    client, user = party.public if public else party.confidential, party.user
    if client is None or user is None:
        return None
    # Where there are doubles, nobody else logs in.
    user = user.double(0) if party.scene.endpoints.doubles else user
    step = _posted(party, client, (("username", user.username), ("password", user.password)))
    body = json_object(step.answer.body)
    party.idp.handed_out.add_response(body)
    if step.decision == "accept" and not isinstance(body.get("access_token"), str):
        return replace(step, decision="undecided", code="nothing_told")
    return step


def _posted(party: Party, client: Client, credentials: tuple[tuple[str, str], ...]) -> Step:
    form = (("grant_type", "password"), ("scope", client.scope), *credentials)
    if client.client_secret is None:
        return read(party.idp, Asked("token", form=(*form, ("client_id", client.client_id))))
    return read(party.idp, Asked("token", form=form, headers=basic(client)))


class GrantObsolete(AskedKind):
    name = "grant_obsolete"
    invariant = "obsolete_grants_off"
    made = (
        "A user's name and password at the token endpoint, from a client with a secret and from a public one; and "
        "requests of a signed-in browser for an access token in the redirect: `token`, `id_token token`, `code token`."
    )
    bad = "From birth: clients log in by codes. It counts when an access token is given."
    why = "Passwords pass through clients, past every second factor; tokens stand in histories, bound to no PKCE."
    source = "RFC 9700 sections 2.1.2 and 2.4, OAuth 2.1 section 10"
    needs = ("users", "refresh_tokens")
    says_nothing = frozenset({"invalid_client", "invalid_grant", "login_required", "interaction_required"})
    """A refusal of the client, of the user or of the session says nothing of the grant."""
    asks = (
        Ask("password", partial(_by_password, public=False)),
        Ask("token", partial(_in_redirect, response_type="token", public=False)),
        Ask("password_of_public", partial(_by_password, public=True)),
        Ask("id_token_token", partial(_in_redirect, response_type="id_token token", public=False)),
        Ask("token_of_public", partial(_in_redirect, response_type="token", public=True)),
        Ask("code_token", partial(_in_redirect, response_type="code token", public=False)),
    )
