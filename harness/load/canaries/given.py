"""What a token response gives, held against what was asked for and must not be given."""

from __future__ import annotations

from dataclasses import replace

from idchaos.load.canaries.party import Party, read
from idchaos.load.decide import json_object
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.provider import Asked
from idchaos.load.idp.tokens import peek
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic

_NOBODYS_SCOPE = "idchaos:everything"
"""A scope that no client has."""
OF_EVERYBODY = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
"""OpenID Connect Core sections 5.4 and 11: who may ask for them is no matter of leave to call an API."""
Form = tuple[tuple[str, str], ...]
"""Of a request's body."""
NOBODYS_API = "https://nobody.invalid/api"


def code_form(code: Code, verifier: str) -> Form:
    """A code as it is redeemed (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    return (
        ("grant_type", "authorization_code"),
        ("code", code.value),
        ("redirect_uri", code.redirect_uri),
        ("code_verifier", verifier),
    )


def asked_for(party: Party, client: Client, form: Form, *, scope: str = "", audience: str = "") -> Step:
    """It counts when the token that is given has that scope, or is for that audience."""
    step = read(party.idp, Asked("token", form=form, headers=basic(client)))
    if step.decision != "accept":
        return step
    body = json_object(step.answer.body)
    party.idp.handed_out.add_response(body)
    given = _scopes(body) if scope else audiences(body.get("access_token"))
    if given is None:
        return replace(step, decision="undecided", code="nothing_told")
    return step if (scope or audience) in given else replace(step, decision="deny", code="not_given")


def _scopes(body: dict[str, object]) -> list[str] | None:
    """What a token response, or else the token, says that was granted (RFC 6749 section 5.1, RFC 9068 section 2.2)."""
    told = body.get("scope", peek(str(body.get("access_token")))[1].get("scope"))
    return told.split() if isinstance(told, str) else None


def audiences(token: object) -> list[str] | None:
    """Of a JWT (RFC 7519 section 4.1.3); ``None``: it does not say."""
    found = peek(token)[1].get("aud") if isinstance(token, str) and token.count(".") == 2 else None
    return [found] if isinstance(found, str) else found if isinstance(found, list) else None


def another_scope(party: Party, client: Client) -> str:
    """One that somebody has, and this client has not; where nobody knows what it may have, one that nobody has."""
    if not party.scene.endpoints.scopes_known:
        return _NOBODYS_SCOPE
    own = {*client.scope.split(), *OF_EVERYBODY}
    known = (*party.bench.scopes, *(scope for each in party.scene.endpoints.clients for scope in each.scope.split()))
    return next((scope for scope in known if scope not in own), _NOBODYS_SCOPE)
