"""Authorization requests that were pushed by one client, and are used by another or in another way."""

from __future__ import annotations

import secrets
from dataclasses import replace

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.base import new_name
from idchaos.load.canaries.given import Form, asked_for, code_form
from idchaos.load.canaries.party import LastStep, Party, read
from idchaos.load.decide import at_idp, at_refusal, json_object
from idchaos.load.idp.client import Step, challenge_of
from idchaos.load.idp.provider import Asked
from idchaos.record.samples import Decision
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic

_NOBODYS = "https://nobody.invalid/callback"


def _request(client: Client, scope: str, verifier: str) -> Form:
    """RFC 9126 section 2.1."""
    return (
        ("response_type", "code"),
        ("client_id", client.client_id),
        ("redirect_uri", client.redirect_uri or ""),
        ("scope", scope),
        ("state", secrets.token_urlsafe(16)),
        ("nonce", secrets.token_urlsafe(16)),
        ("code_challenge", challenge_of(verifier)),
        ("code_challenge_method", "S256"),
    )


def _pushed(party: Party, client: Client, scope: str, verifier: str) -> str | None:
    step = read(party.idp, Asked("par", form=_request(client, scope, verifier), headers=basic(client)))
    uri = json_object(step.answer.body).get("request_uri")
    return uri if party.bench.observe(step) and isinstance(uri, str) else None


def _scope_beside(party: Party) -> Step | None:
    """Less is pushed than stands beside the reference: what was pushed alone counts (RFC 9126 section 4)."""
    client, verifier = party.confidential, secrets.token_urlsafe(32)
    if client is None or party.user is None:
        return None
    wide = next((each for each in client.scope.split() if each in party.bench.scopes), "")
    uri = wide and _pushed(party, client, " ".join(s for s in client.scope.split() if s != wide), verifier)
    if not uri:
        return None
    beside = {"request_uri": uri, "code_challenge": challenge_of(verifier)}
    code = party.idp.code(client, party.user, party.bench.observe, further=beside)
    if code is None:
        return None
    party.pushes = True
    return asked_for(party, client, code_form(code, verifier), scope=wide)


def _of_another(party: Party) -> Step | None:
    """By another client than pushed it: refused before anybody logs in, or no code comes of it."""
    client, other, verifier = party.confidential, party.sibling, secrets.token_urlsafe(32)
    if client is None or other is None or party.user is None or not party.pushes:
        return None
    uri = _pushed(party, client, client.scope, verifier)
    if uri is None:
        return None
    watch = LastStep(party.scene)
    code = party.idp.code(other, party.user, watch, further={"request_uri": uri})
    last = watch.last
    if last is None or party.scene.stopping:
        watch.drop()
        return None
    if code is not None or last.decision == "deny" or (last.decision == "undecided" and last.answer.status < 400):
        return last
    # A page that says no: where nobody knows whose request it is, there is nowhere to redirect to.
    decision, why = at_refusal(last.answer)
    return replace(last, decision=decision, code=why)


def _elsewhere(party: Party) -> Step | None:
    """By a public client: section 2.4 lets an IdP take any redirect URI of clients that prove who they are."""
    client = party.public
    if client is None or not party.pushes:
        return None
    stray = client.model_copy(update={"redirect_uri": _NOBODYS})
    return read(party.idp, Asked("par", form=_request(stray, client.scope, secrets.token_urlsafe(32))))


def _unproved(party: Party, headers: dict[str, str]) -> Step | None:
    client = party.confidential
    if client is None or not party.pushes:
        return None
    return read(
        party.idp, Asked("par", form=_request(client, client.scope, secrets.token_urlsafe(32)), headers=headers)
    )


def _wrong_secret(party: Party) -> Step | None:
    client = party.confidential
    return (
        _unproved(party, basic(client.model_copy(update={"client_secret": f"{client.client_secret}~"})))
        if client
        else None
    )


def _no_secret(party: Party) -> Step | None:
    return _unproved(party, {})


def _by_url(party: Party) -> Step | None:
    """A request that is at a URL of nobody's, at an IdP that says it takes none by reference (OpenID Connect Core
    section 6.2): it must not go and look.
    """
    client, nobodys = party.confidential, party.bench.listener
    known = party.scene.endpoints.idp_calls_back and party.idp.denies("request_uri_parameter_supported")
    if client is None or not known:
        return None
    name = new_name()
    answer = party.idp.asked_for_login(client, {"request_uri": nobodys.url(name, "RS256", "jwks")})
    fetched = name in nobodys.asked
    decided: tuple[Decision, str] = ("deny", "not_fetched") if answer.status and answer.status < 500 else at_idp(answer)
    return Step("authorize", answer, *(("accept", "url_fetched") if fetched else decided))


class PushedRequest(AskedKind):
    name = "pushed_request"
    invariant = "pushed_requests_are_kept"
    made = (
        "A request that one client pushed (PAR): with a wider scope beside the reference to it, and used by another "
        "client; requests pushed for a redirect URI that is not its public client's, with a wrong secret, and with "
        "none; and one that was not pushed, but is at a URL on loopback. Shown before: that a pushed one serves."
    )
    bad = "From birth. A wider scope counts when it is given, a URL when it is asked for."
    why = (
        "What was checked when it was pushed is not what is done: who holds the user's browser asks for what they like."
    )
    source = "RFC 9126 sections 2, 2.1, 4 and 7.3, RFC 9101 section 10.4.1, CVE-2020-10770"
    needs = ("users", "two_clients", "refresh_tokens")
    says_nothing = frozenset()
    """Clients are refused where that is what must be; else it was shown that they are not."""
    asks = (
        Ask("scope_beside", _scope_beside, ("par",)),
        Ask("of_another", _of_another, ("par",)),
        Ask("no_secret", _no_secret, ("par",)),
        Ask("elsewhere", _elsewhere, ("par",)),
        Ask("wrong_secret", _wrong_secret, ("par",)),
        Ask("by_url", _by_url, told="request_uri_parameter_supported"),
    )
