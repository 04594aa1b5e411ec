"""Codes for what a user has not allowed: beyond what they were asked, at another client, or after they have said no."""

from __future__ import annotations

from dataclasses import replace

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.at_idp import NOT_OF_GRANT
from idchaos.load.canaries.given import OF_EVERYBODY, asked_for, code_form
from idchaos.load.canaries.party import Held, LastStep, Party
from idchaos.load.idp.client import Step
from idchaos.targets.endpoints import Client


def _asking(party: Party, number: int) -> Client:
    """One of the two that ask their users for consent. Nobody allows the second one anything."""
    return party.scene.endpoints.asking_clients[number]


def _scopes(client: Client) -> tuple[str, str]:
    """What the user allows, and what they are never asked for but in vain; empty where the client has no two."""
    own = [scope for scope in client.scope.split() if scope not in OF_EVERYBODY]
    return (f"openid {own[0]}", own[1]) if len(own) > 1 else ("", "")


def _allowed(party: Party) -> Held | None:
    """A session of whom the first client has been allowed the lesser scope, where that is remembered."""
    narrow, _ = _scopes(_asking(party, 0))
    held = party.login(_asking(party, 0), scope=narrow) if narrow else None
    return held if held is not None and party.signed_in(held) else None


def _wider(party: Party) -> Step | None:
    held = _allowed(party)
    if held is None:
        return None
    narrow, further = _scopes(_asking(party, 0))
    wider = held.client.model_copy(update={"scope": f"{narrow} {further}"})
    step, code = party.idp.silent_code(wider, held.cookies)
    if code is None:
        return step
    party.scene.upkeep(step)
    # A code for less than was asked for is sound (RFC 6749 section 3.3).
    return asked_for(party, wider, code_form(code, code.verifier), scope=further)


def _elsewhere(party: Party) -> Step | None:
    held = _allowed(party)
    if held is None:
        return None
    other = _asking(party, 1).model_copy(update={"scope": held.client.scope})
    return party.idp.silent_code(other, held.cookies)[0]


def _refused(party: Party) -> Step | None:
    narrow, _ = _scopes(_asking(party, 1))
    if party.user is None or not narrow:
        return None
    client, watch = _asking(party, 1).model_copy(update={"scope": narrow}), LastStep(party.scene)
    party.idp.code(client, party.user, watch, refuses=True)
    last = watch.last
    if last is None or last.endpoint != "login":
        watch.drop()
        return None
    # A page instead of a redirect may be the login's.
    return replace(last, decision="undecided") if last.code == "login_refused" else last


class ConsentOverstepped(AskedKind):
    name = "consent_overstepped"
    invariant = "consents_cover_what_they_name"
    made = (
        "By a browser whose user has allowed a client one scope, a silent request (`prompt=none`) of that client for "
        "one scope more, and of another client for the same; and a login at that other client whose user says no."
    )
    bad = "From birth: nobody has allowed it. It counts when a token has the further scope, or when a code is given."
    why = "A harmless app, once allowed, reads everything; and whoever registers a client is allowed what others were."
    source = "OpenID Connect Core sections 3.1.2.1 (`prompt`) and 3.1.2.4, RFC 6749 sections 4.1.2.1 and 10.2"
    needs = ("users", "consent")
    says_nothing = NOT_OF_GRANT | {"login_required"}
    asks = (
        Ask("wider_scope", _wider),
        Ask("another_client", _elsewhere),
        Ask("refused", _refused),
    )
