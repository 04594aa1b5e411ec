"""Exchanges of tokens that must be refused, or give less than is asked for."""

from __future__ import annotations

from typing import Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.given import NOBODYS_API, Form, another_scope, asked_for
from idchaos.load.canaries.kinds.tampered import other_signature
from idchaos.load.canaries.party import Held, Party, read
from idchaos.load.idp.client import Step
from idchaos.load.idp.provider import Asked
from idchaos.targets.endpoints import EXCHANGE, Client
from idchaos.targets.oidc import basic

_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
_WRONG: Final = "~"
"""What makes a secret a wrong one."""


def _form(subject_token: str, **further: str) -> Form:
    """RFC 8693 section 2.1."""
    return (
        ("grant_type", EXCHANGE),
        ("subject_token", subject_token),
        ("subject_token_type", _ACCESS_TOKEN),
        *further.items(),
    )


def _exchanged(party: Party, client: Client, subject_token: str) -> Step:
    return read(party.idp, Asked("token", form=_form(subject_token), headers=basic(client)))


def _subject(party: Party, held: Held | None = None) -> tuple[Client, Held] | None:
    """Who exchanges, and a session whose token that client may exchange, which was shown once. ``held``: one of its
    own; else one that serves several exchanges.
    """
    client = party.exchanging
    held = held or (party.kept() if client else None)
    if client is None or held is None:
        return None
    if not party.exchanges:
        party.exchanges = party.bench.observe(_exchanged(party, client, held.access_token))
    return (client, held) if party.exchanges else None


def _scope_widened(party: Party) -> Step | None:
    """One that the client itself may have, and its user has not granted."""
    client, owner = party.exchanging, party.owner("scope_widened")
    if client is None or owner is None:
        return None
    wide = next((each for each in owner.scope.split() if each in client.scope.split()), "")
    narrow = party.login(owner, " ".join(each for each in owner.scope.split() if each != wide)) if wide else None
    found = _subject(party, narrow) if narrow else None
    if found is None or wide in found[1].scope.split():
        return None
    return asked_for(party, client, _form(found[1].access_token, scope=wide), scope=wide)


def _scope_of_nobody(party: Party) -> Step | None:
    found = _subject(party)
    if found is None:
        return None
    client, held = found
    scope = another_scope(party, client)
    return asked_for(party, client, _form(held.access_token, scope=scope), scope=scope)


def _audience_of_nobody(party: Party) -> Step | None:
    found = _subject(party)
    if found is None:
        return None
    client, held = found
    return asked_for(party, client, _form(held.access_token, audience=NOBODYS_API), audience=NOBODYS_API)


def _expired(party: Party) -> Step | None:
    """Each try leaves another token that will have expired when the next one comes."""
    found, old = _subject(party), party.expired()
    return _exchanged(party, found[0], old) if found and old else None


def _revoked(party: Party) -> Step | None:
    """It counts where the IdP itself does not know the token any more."""
    held = party.login(party.owner("revoked")) if party.exchanging else None
    found = _subject(party, held) if held else None
    if found is None:
        return None
    client, held = found
    if not party.bench.observe(party.idp.revoke(held.client, held.access_token, "access_token")):
        return None
    return None if party.knows(held.access_token) is not False else _exchanged(party, client, held.access_token)


def _tampered(party: Party) -> Step | None:
    found = _subject(party)
    if found is None or found[1].access_token.count(".") != 2:
        return None
    return _exchanged(party, found[0], other_signature(found[1].access_token))


def _refresh_token(party: Party) -> Step | None:
    found = _subject(party)
    return _exchanged(party, found[0], found[1].refresh_token) if found and found[1].refresh_token else None


def _by_stranger(party: Party) -> Step | None:
    """By a client that has no leave to exchange anything, with the token of its own user."""
    found = _subject(party)
    if found is None or EXCHANGE in found[1].client.grants or not found[1].client.client_secret:
        return None
    return _exchanged(party, found[1].client, found[1].access_token)


def _wrong_secret(party: Party) -> Step | None:
    found = _subject(party)
    if found is None:
        return None
    client, held = found
    guesser = client.model_copy(update={"client_secret": f"{client.client_secret}{_WRONG}"})
    return _exchanged(party, guesser, held.access_token)


class ExchangeUnfit(AskedKind):
    name = "exchange_unfit"
    invariant = "exchanges_give_no_more"
    made = (
        "The exchange of a user's token for one with a scope that the user has not granted or the client may not have, "
        "or for an API of nobody's; the exchange of a token that has expired, was revoked or tampered with, or is a "
        "refresh token; by a client that may not exchange, and with a wrong secret. Shown before: the exchange of a "
        "good token."
    )
    bad = "From birth; the expired and the revoked one from their end. A wider token counts when it is given."
    why = (
        "A service that was to do less for a user makes itself a token to do more, or goes on after the user has gone."
    )
    source = "RFC 8693 sections 2.1, 2.2.2 and 5, RFC 9700 section 2.3"
    needs = ("users", "exchange")
    says_nothing = frozenset()
    """The client is refused where that is what must be; else it was shown that it is not."""
    asks = (
        Ask("scope_widened", _scope_widened),
        Ask("by_stranger", _by_stranger),
        Ask("expired", _expired),
        Ask("revoked", _revoked, ("revoke", "userinfo")),
        Ask("audience_of_nobody", _audience_of_nobody),
        Ask("scope_of_nobody", _scope_of_nobody),
        Ask("tampered", _tampered),
        Ask("wrong_secret", _wrong_secret),
        Ask("refresh_token", _refresh_token),
    )
